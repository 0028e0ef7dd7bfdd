/* SPDX-License-Identifier: Apache-2.0 */
/** @file scan.h
 *  Runs of bytes in which nothing happens. A record is nine tenths base64, so these decide how fast JSON is read.
 */
#ifndef OPA_JSON_SCAN_H
#define OPA_JSON_SCAN_H

#include <opapairs/base.h>

/** Bytes before the first quote, backslash, control character (below 0x20) or byte above 0x7F; @p size when there is
 * none. */
size_t opa_json_scan_plain(const char *s, size_t size);
/** Bytes before the first quote, backslash or line feed; @p size when there is none. */
size_t opa_json_scan_string(const char *s, size_t size);

#endif
