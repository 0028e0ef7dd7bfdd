/* SPDX-License-Identifier: Apache-2.0 */
#include "corrections.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* One way to write a correction. All are kept until they are ranked: there are a few for each sample, and sorting them
 * then is simpler than finding each when it comes. */
struct spelling {
    char *bytes;     /* from, then to */
    char *folded;    /* the same, folded; once they are ranked */
    size_t from, to; /* sizes */
    size_t folded_from, folded_to;
    bool arrow;
    int64_t count;
};

/* ---- reading an object ---- */

/* Bytes of the white space that @p s begins with, 0 for none. */
static size_t space_at(const char *s, size_t size)
{
    utf8proc_int32_t c;
    const unsigned char lead = (unsigned char)*s;
    if (lead < 0x80)
        return lead == ' ' || (lead >= '\t' && lead <= '\r');
    const utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)size, &c);
    if (n <= 0)
        return 0;
    const utf8proc_category_t category = utf8proc_category(c);
    return category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP ? (size_t)n : 0;
}

/* Append @p text to @p out with its white space in order; returns the bytes. */
static size_t tidy(char *out, opa_text text)
{
    size_t size = 0;
    bool waiting = false;
    for (size_t i = 0; i < text.size;) {
        const size_t space = space_at(text.data + i, text.size - i);
        if (space > 0) {
            waiting = size > 0;
            i += space;
            continue;
        }
        if (waiting)
            out[size++] = ' ';
        waiting = false;
        out[size++] = text.data[i++];
    }
    return size;
}

/* The first arrow; its size, or 0. */
static size_t find_arrow(size_t *at, opa_text text)
{
    static const char *const ARROWS[] = {"->", "=>", "→"};
    for (*at = 0; *at < text.size; ++*at) {
        for (size_t i = 0; i < sizeof ARROWS / sizeof *ARROWS; i++) {
            const size_t n = strlen(ARROWS[i]);
            if (n <= text.size - *at && memcmp(text.data + *at, ARROWS[i], n) == 0)
                return n;
        }
    }
    return 0;
}

bool corrections_add(struct corrections *c, opa_text object)
{
    if (c->count == c->capacity) {
        const size_t capacity = c->capacity ? c->capacity * 2 : 256;
        struct spelling *more = realloc(c->spellings, capacity * sizeof *more);
        if (more == NULL)
            return false;
        c->spellings = more;
        c->capacity = capacity;
    }
    struct spelling s = {.bytes = malloc(object.size + 1), .count = 1};
    size_t at;
    const size_t arrow = find_arrow(&at, object), rest = arrow ? at + arrow : object.size;
    if (s.bytes == NULL)
        return false;
    s.arrow = arrow > 0;
    s.from = tidy(s.bytes, (opa_text){object.data, at});
    s.to = tidy(s.bytes + s.from, (opa_text){object.data + rest, object.size - rest});
    c->named++;
    if (s.from + s.to > 0)
        c->spellings[c->count++] = s;
    else
        free(s.bytes);
    return true;
}

/* ---- ranking ---- */

static int by_bytes(const void *left, const void *right)
{
    const struct spelling *a = left, *b = right;
    int order = text_compare((opa_text){a->bytes, a->from}, (opa_text){b->bytes, b->from});
    order = order ? order : text_compare((opa_text){a->bytes + a->from, a->to}, (opa_text){b->bytes + b->from, b->to});
    return order ? order : a->arrow - b->arrow;
}

static int by_folded(const struct spelling *a, const struct spelling *b)
{
    int order = text_compare((opa_text){a->folded, a->folded_from}, (opa_text){b->folded, b->folded_from});
    order = order ? order
                  : text_compare((opa_text){a->folded + a->folded_from, a->folded_to},
                                 (opa_text){b->folded + b->folded_from, b->folded_to});
    return order ? order : a->arrow - b->arrow;
}

/* The commonest spelling of each correction first. */
static int by_folded_and_count(const void *left, const void *right)
{
    const struct spelling *a = left, *b = right;
    const int order = by_folded(a, b);
    if (order)
        return order;
    return a->count != b->count ? (a->count < b->count) - (a->count > b->count) : by_bytes(a, b);
}

static int by_count(const void *left, const void *right)
{
    const struct correction *a = left, *b = right;
    if (a->count != b->count)
        return (a->count < b->count) - (a->count > b->count);
    const int order = text_compare(a->from, b->from);
    return order ? order : text_compare(a->to, b->to);
}

/* Append one side, folded; what is no UTF-8 as it is. Returns its bytes, or SIZE_MAX. */
static size_t fold_side(struct spelling *s, size_t at, size_t begin, size_t size)
{
    utf8proc_uint8_t *mapped = NULL;
    const utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)s->bytes + begin, (utf8proc_ssize_t)size, &mapped,
                                            UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
    const char *from = n < 0 ? s->bytes + begin : (const char *)mapped;
    const size_t wanted = n < 0 ? size : (size_t)n;
    char *more = realloc(s->folded, at + wanted + 1);
    if (more != NULL) {
        s->folded = more;
        memcpy(more + at, from, wanted);
    }
    free(mapped);
    return more != NULL ? wanted : SIZE_MAX;
}

/* Fold, and make one entry of equal bytes. */
static bool merge_spellings(struct corrections *c)
{
    size_t kept = 0;
    if (c->count > 1)
        qsort(c->spellings, c->count, sizeof *c->spellings, by_bytes);
    for (size_t i = 0; i < c->count; i++) {
        if (kept > 0 && by_bytes(&c->spellings[kept - 1], &c->spellings[i]) == 0) {
            c->spellings[kept - 1].count++;
            free(c->spellings[i].bytes);
            continue;
        }
        c->spellings[kept++] = c->spellings[i];
    }
    c->count = kept;
    for (size_t i = 0; i < c->count; i++) {
        struct spelling *s = &c->spellings[i];
        s->folded_from = fold_side(s, 0, 0, s->from);
        if (s->folded_from == SIZE_MAX)
            return false;
        s->folded_to = fold_side(s, s->folded_from, s->from, s->to);
        if (s->folded_to == SIZE_MAX)
            return false;
    }
    return true;
}

static bool stays(const struct spelling *s)
{
    return s->arrow && text_compare((opa_text){s->folded, s->folded_from},
                                    (opa_text){s->folded + s->folded_from, s->folded_to}) == 0;
}

bool corrections_rank(struct corrections *c)
{
    if (!merge_spellings(c))
        return false;
    if (c->count > 1)
        qsort(c->spellings, c->count, sizeof *c->spellings, by_folded_and_count);
    c->ranked = malloc((c->count + 1) * sizeof *c->ranked);
    if (c->ranked == NULL)
        return false;
    for (size_t i = 0, end; i < c->count; i = end) {
        const struct spelling *s = &c->spellings[i];
        struct correction *out = &c->ranked[c->ranked_count];
        *out = (struct correction){{s->bytes, s->from}, {s->arrow ? s->bytes + s->from : NULL, s->to}, 0};
        for (end = i; end < c->count && by_folded(s, &c->spellings[end]) == 0; end++)
            out->count += c->spellings[end].count;
        c->ranked_count += !stays(s);
    }
    if (c->ranked_count > 1)
        qsort(c->ranked, c->ranked_count, sizeof *c->ranked, by_count);
    return true;
}

void corrections_release(struct corrections *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->spellings[i].bytes);
        free(c->spellings[i].folded);
    }
    free(c->spellings);
    free(c->ranked);
    *c = (struct corrections){0};
}

char *correction_text(size_t *size, const struct correction *c)
{
    static const char ARROW[] = "-> ";
    char *text = malloc(c->from.size + c->to.size + sizeof ARROW + 1);
    if (text == NULL)
        return NULL;
    char *at = text;
    memcpy(at, c->from.data, c->from.size);
    at += c->from.size;
    if (c->to.data != NULL) {
        if (c->from.size > 0)
            *at++ = ' ';
        memcpy(at, ARROW, sizeof ARROW - 1);
        at += sizeof ARROW - 1;
        memcpy(at, c->to.data, c->to.size);
        at += c->to.size;
    }
    *at = '\0';
    *size = (size_t)(at - text);
    return text;
}
