/* SPDX-License-Identifier: Apache-2.0 */
/** @file identity.h
 *  Fingerprints of what a result depends on, so that a resumed or cached one cannot belong to something else.
 */
#ifndef OPATRAIN_IDENTITY_H
#define OPATRAIN_IDENTITY_H

#include "safetensors.h"

enum { IDENTITY_SIZE = 65 }; /* 64 hexadecimal digits and NUL */

/** Of bytes. */
void identity_of_bytes(char out[IDENTITY_SIZE], const void *bytes, size_t size);
/** Of weights: names, types, shapes and sizes of all tensors, and of each the first and last 4 KiB of data. A file of 13 GB
 *  is told from another without reading it. */
void identity_of_weights(char out[IDENTITY_SIZE], const struct safetensors *st);

/** Of a pack: the hashes of all its samples, in order. false: out of memory. */
bool identity_of_pack(char out[IDENTITY_SIZE], const opa_pack *pack);

#endif
