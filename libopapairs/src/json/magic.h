/* SPDX-License-Identifier: Apache-2.0 */
/** @file magic.h
 *  Files that people hand over in place of JSON.
 */
#ifndef OPA_JSON_MAGIC_H
#define OPA_JSON_MAGIC_H

#include <opapairs/base.h>

/** As many of a file's first bytes as opa_json_magic() looks at. */
#define OPA_JSON_MAGIC_SIZE 16

/** What a file is that begins with @p head, and what to do about it ("is compressed with gzip: ..."); NULL where that is
 * not known not to be JSON. Static storage. */
const char *opa_json_magic(opa_text head);

#endif
