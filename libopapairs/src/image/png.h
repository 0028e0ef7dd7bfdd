/* SPDX-License-Identifier: Apache-2.0 */
/** @file png.h
 *  PNG (W3C PNG specification, 2nd edition): a walk over the chunks, and decoding.
 */
#ifndef OPA_IMAGE_PNG_H
#define OPA_IMAGE_PNG_H

#include "image/walk.h"

/** Walk over the chunks to IEND, checking their CRCs. @p bytes begin with the first four bytes of the signature. */
void opa_png_walk(opa_image_walk *walk, opa_text bytes);
/** Decode into @p out, which is allocated here. @p walk found the file sound. OPA_OK; OPA_ENOMEM; OPA_ERECORD with the
 * reason in
 *  @p walk. Besides the pixels it takes a few rows. */
int opa_png_decode(opa_image *out, opa_image_walk *walk, opa_text bytes);

#endif
