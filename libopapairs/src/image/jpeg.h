/* SPDX-License-Identifier: Apache-2.0 */
/** @file jpeg.h
 *  JPEG (ITU-T T.81): a walk over the markers, and decoding.
 */
#ifndef OPA_IMAGE_JPEG_H
#define OPA_IMAGE_JPEG_H

#include "image/walk.h"

/** Walk over the markers to EOI. @p bytes begin with SOI. */
void opa_jpeg_walk(opa_image_walk *walk, opa_text bytes);
/** Decode into @p out, which is allocated here, at 1 / @p reduce (1, 2, 4 or 8) of its size, rounded up. @p walk found the file sound. OPA_OK; OPA_ENOMEM; OPA_ERECORD with the
 * reason in
 *  @p walk. Besides the pixels it takes at most 16 bytes a pixel and 64 MiB (progressive files keep all coefficients).
 */
int opa_jpeg_decode(opa_image *out, opa_image_walk *walk, opa_text bytes, unsigned reduce);

#endif
