/* SPDX-License-Identifier: Apache-2.0 */
#include "find.h"

#include <utf8proc.h>

/* One character; a byte that belongs to none is itself. Returns its bytes. */
static size_t next_code(int32_t *out, opa_text text, size_t at)
{
    const size_t left = text.size - at;
    const unsigned char first = (unsigned char)text.data[at];
    *out = first;
    if (first < 0x80)
        return 1;
    utf8proc_int32_t code;
    const utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)text.data + at, left > 4 ? 4 : (utf8proc_ssize_t)left, &code);
    if (n <= 0)
        return 1;
    *out = code;
    return (size_t)n;
}

static int32_t lower(int32_t code)
{
    return code >= 'A' && code <= 'Z' ? code + 32 : code < 0x80 ? code : utf8proc_tolower(code);
}

void needle_make(struct needle *out, opa_text text)
{
    *out = (struct needle){.fold = true};
    for (size_t at = 0; at < text.size && out->count < sizeof out->codes / sizeof *out->codes; out->count++) {
        int32_t *const code = &out->codes[out->count];
        at += next_code(code, text, at);
        out->fold = out->fold && lower(*code) == *code;
    }
}

/* Does the needle stand here? *end is behind it. */
static bool stands_at(size_t *end, const struct needle *needle, opa_text text, size_t at)
{
    for (size_t i = 0; i < needle->count; i++) {
        int32_t code;
        if (at >= text.size)
            return false;
        at += next_code(&code, text, at);
        if ((needle->fold ? lower(code) : code) != needle->codes[i])
            return false;
    }
    *end = at;
    return true;
}

bool needle_find(opa_span *out, const struct needle *needle, opa_text text, size_t from)
{
    for (size_t at = from; needle->count > 0 && text.data && at < text.size;) {
        int32_t code;
        size_t end;
        if (stands_at(&end, needle, text, at)) {
            *out = (opa_span){at, end};
            return true;
        }
        at += next_code(&code, text, at);
    }
    return false;
}
