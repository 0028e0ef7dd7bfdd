/* SPDX-License-Identifier: Apache-2.0 */
/** @file picture.h
 *  The image of a record: out of base64 or out of a file, looked at, hashed. Nothing that is wrong with an image keeps
 * its sample out: the findings say it. Functions return OPA_OK or OPA_ENOMEM.
 */
#ifndef OPA_STORE_PICTURE_H
#define OPA_STORE_PICTURE_H

#include "store/formats/formats.h"

/** Largest image file that is read. */
#define OPA_PICTURE_MAX ((size_t)256 << 20)

/** @p value is a text with base64; @p field is the name for findings. in->image_name must be set before. */
int opa_picture_base64(opa_reader *reader, opa_incoming *in, const struct cJSON *value, const char *field);
/** in->image_name is a path. Only regular files are read. */
int opa_picture_file(opa_reader *reader, opa_incoming *in, const char *field);
/** The "image" of our own formats: a path, {"bytes": base64}, or absent. OPA_ERECORD: something else. */
int opa_picture_take(opa_reader *reader, opa_incoming *in, const struct cJSON *record);
/** There is none: the hash of nothing. */
void opa_picture_none(opa_incoming *in);

#endif
