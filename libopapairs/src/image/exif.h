/* SPDX-License-Identifier: Apache-2.0 */
/** @file exif.h
 *  The one EXIF value that matters here.
 */
#ifndef OPA_IMAGE_EXIF_H
#define OPA_IMAGE_EXIF_H

#include <opapairs/base.h>

/** Orientation (1 to 8) of an EXIF block that begins with its TIFF header, either byte order; 1 when there is none or
 * the block is damaged. Reads only inside the @p size bytes. */
int opa_exif_orientation(const uint8_t *tiff, size_t size);

#endif
