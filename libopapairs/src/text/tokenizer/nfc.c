/* SPDX-License-Identifier: Apache-2.0 */
#include "text/tokenizer/nfc.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "text/tokenizer/unicode.h"

/* A decomposed character: sorted by class, then by its place. */
struct mark {
    int32_t code;
    uint32_t place;
    int32_t class;
};

struct marks {
    struct mark *items;
    int32_t *codes;
    size_t size, capacity;
    opa_buffer bytes; /* the composed form */
};

/* Characters of combining class 0 that may compose with what is in front of them, or decompose to marks alone. */
static bool composes_backwards(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x9BE, 0x9BE},     {0x9D7, 0x9D7},     {0xB3E, 0xB3E},     {0xB56, 0xB57},     {0xBBE, 0xBBE},
        {0xBD7, 0xBD7},     {0xCC2, 0xCC2},     {0xCD5, 0xCD6},     {0xD3E, 0xD3E},     {0xD57, 0xD57},
        {0xDCF, 0xDCF},     {0xDDF, 0xDDF},     {0xF73, 0xF73},     {0xF75, 0xF75},     {0xF81, 0xF81},
        {0x102E, 0x102E},   {0x1161, 0x1175},   {0x11A8, 0x11C2},   {0x1B35, 0x1B35},   {0x11127, 0x11127},
        {0x1133E, 0x1133E}, {0x11357, 0x11357}, {0x114B0, 0x114B0}, {0x114BA, 0x114BA}, {0x114BD, 0x114BD},
        {0x115AF, 0x115AF}, {0x11930, 0x11930},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (c <= ranges[i].last)
            return c >= ranges[i].first;
    return false;
}

/* True when normalisation never reaches over the begin of @p c. */
static bool is_border(uint32_t c)
{
    if (c < 0x300 || (c >= 0x2E80 && c < 0x3099) || (c >= 0x3400 && c <= 0xA000) || (c >= 0xAC00 && c <= 0xD7A3))
        return true;
    return utf8proc_get_property((utf8proc_int32_t)c)->combining_class == 0 && !composes_backwards(c);
}

/* True when @p c alone is surely composed. */
static bool is_composed(uint32_t c)
{
    return c < 0x300 || (c >= 0x3400 && c <= 0xA000) || (c >= 0xAC00 && c <= 0xD7A3);
}

static int by_class(const void *a, const void *b)
{
    const struct mark *x = a, *y = b;
    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static bool marks_add(struct marks *m, uint32_t c)
{
    /* 18 is the longest decomposition that there is. */
    if (m->capacity - m->size < 32) {
        const size_t more = m->capacity * 2 + 64;
        struct mark *items = realloc(m->items, more * sizeof(*items));
        if (items)
            m->items = items;
        int32_t *codes = items ? realloc(m->codes, more * sizeof(*codes)) : NULL;
        if (!codes)
            return false;
        m->codes = codes;
        m->capacity = more;
    }
    utf8proc_int32_t parts[32];
    const utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, parts, 32, UTF8PROC_DECOMPOSE, NULL);
    for (utf8proc_ssize_t i = 0; i < n && i < 32; i++) {
        const int class = utf8proc_get_property(parts[i])->combining_class;
        m->items[m->size] = (struct mark){parts[i], (uint32_t)m->size, class};
        m->size++;
    }
    return true;
}

/* Compose the bytes [from, to) of @p in, which begin and end at borders, into m->codes; *count becomes their number. */
static bool compose(struct marks *m, size_t *count, const opa_view *in, size_t from, size_t to)
{
    m->size = 0;
    for (size_t i = from; i < to;)
        if (!marks_add(m, opa_char_next(in->data, to, &i)))
            return false;
    /* Runs of marks are brought into the canonical order; characters of class 0 stay. */
    for (size_t i = 0; i < m->size;) {
        size_t end = i;
        while (end < m->size && m->items[end].class != 0)
            end++;
        if (end - i > 1)
            qsort(m->items + i, end - i, sizeof(*m->items), by_class);
        i = end + 1;
    }
    for (size_t i = 0; i < m->size; i++)
        m->codes[i] = m->items[i].code;
    const utf8proc_ssize_t n =
        utf8proc_normalize_utf32(m->codes, (utf8proc_ssize_t)m->size, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    *count = n > 0 ? (size_t)n : 0;
    return true;
}

/* Append the composed form of one segment: as it is where it is the same, else as one group. */
static bool append_segment(struct marks *m, opa_stage *stage, const opa_view *in, size_t from, size_t to)
{
    size_t count;
    if (!compose(m, &count, in, from, to))
        return false;
    opa_buffer_clear(&m->bytes);
    for (size_t i = 0; i < count; i++) {
        char c[4];
        opa_buffer_add(&m->bytes, c, opa_wtf8_encode(c, (uint32_t)m->codes[i]));
    }
    if (m->bytes.failed)
        return false;
    if (m->bytes.size == to - from && memcmp(m->bytes.data, in->data + from, to - from) == 0)
        opa_stage_copy(stage, in, from, to);
    else if (m->bytes.size)
        opa_stage_put(stage, m->bytes.data, m->bytes.size, opa_view_begin(in, from));
    return true;
}

bool opa_nfc(opa_stage *stage, opa_view *out, const opa_view *in)
{
    struct marks m = {0};
    bool changed = false, ok = true;
    size_t copied = 0; /* what lies in front of it is in the stage, once something changed */
    for (size_t i = 0; ok && i < in->size;) {
        const size_t from = i;
        uint32_t c = opa_char_next(in->data, in->size, &i);
        bool simple = is_composed(c);
        while (i < in->size && (unsigned char)in->data[i] >= 0xCC) {
            size_t next = i;
            c = opa_char_next(in->data, in->size, &next);
            if (is_border(c))
                break;
            simple = false;
            i = next;
        }
        if (simple)
            continue;
        if (!changed)
            opa_stage_clear(stage);
        changed = true;
        opa_stage_copy(stage, in, copied, from);
        ok = append_segment(&m, stage, in, from, i);
        copied = i;
    }
    if (changed) {
        opa_stage_copy(stage, in, copied, in->size);
        *out = opa_stage_view(stage, opa_view_end(in, in->size));
        ok = ok && !stage->text.failed;
    } else {
        *out = *in;
    }
    free(m.items);
    free(m.codes);
    opa_buffer_release(&m.bytes);
    return ok;
}
