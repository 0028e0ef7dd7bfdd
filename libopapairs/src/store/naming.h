/* SPDX-License-Identifier: Apache-2.0 */
/** @file naming.h
 *  Names and times: what a file is called, how its name sorts, and the id of a rollout record.
 */
#ifndef OPA_STORE_NAMING_H
#define OPA_STORE_NAMING_H

#include <opapairs/sample.h>

#include "base/buffer.h"

/** What follows the last '/'; the whole path where nothing does. */
const char *opa_base_name(const char *path);

/** Bytes whose order by memcmp() is the order of file names in which numbers are compared as numbers ("step2" before
 * "step10"). Different names have different keys. */
void opa_file_sort_key(opa_buffer *out, const char *name);

/** Stem (at most 40), '-', 12 digits, NUL. */
#define OPA_ROLLOUT_ID_SIZE 54
/** The id of a rollout record. @p name is its image_id (a text; the digits of a number; data NULL for null or absent),
 * @p is_number when it is one; @p image the hash of the image's bytes, or of nothing. */
void opa_rollout_id(char out[OPA_ROLLOUT_ID_SIZE], opa_text name, bool is_number, const uint8_t image[OPA_SHA256_SIZE],
                    opa_text prompt, opa_text generated);

/** "2025-01-31T23:59:59Z" and a NUL. */
#define OPA_TIME_SIZE 32
void opa_time_now(char out[OPA_TIME_SIZE]);
/** A time as RFC 3339 has it, to the second and in UTC; without an offset it is UTC, without a time midnight. false: it
 * is none, or outside the years 1 to 9999. */
bool opa_time_read(char out[OPA_TIME_SIZE], opa_text text);

#endif
