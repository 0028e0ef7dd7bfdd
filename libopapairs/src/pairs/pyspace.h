/* SPDX-License-Identifier: Apache-2.0 */
/** @file pyspace.h
 *  White space as Python's str.strip() and str.split() see it: what the released code depends on. Beside what
 * opa_is_space() takes, the four separators U+001C..U+001F count.
 */
#ifndef OPA_PAIRS_PYSPACE_H
#define OPA_PAIRS_PYSPACE_H

#include "base/utf8.h"

static inline bool opa_py_space(uint32_t c)
{
    return opa_is_space(c) || (c >= 0x1C && c <= 0x1F);
}

/** str.strip() */
opa_text opa_py_strip(opa_text text);

#endif
