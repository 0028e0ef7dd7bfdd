/* SPDX-License-Identifier: Apache-2.0 */
#include "text/tokenizer/normalize.h"

#include <string.h>

#include "text/tokenizer/nfc.h"
#include "text/tokenizer/unicode.h"

static bool starts_with(const opa_view *v, opa_text prefix)
{
    return v->size >= prefix.size && memcmp(v->data, prefix.data, prefix.size) == 0;
}

static bool put_in_front(const opa_step *step, opa_stage *stage, opa_view *out, const opa_view *in)
{
    opa_stage_clear(stage);
    opa_stage_put(stage, step->content.data, step->content.size, opa_view_begin(in, 0));
    opa_stage_copy(stage, in, 0, in->size);
    *out = opa_stage_view(stage, opa_view_end(in, in->size));
    return !stage->text.failed;
}

/* Behind what is in the stage. */
static bool replace_into(const opa_step *step, opa_stage *stage, opa_view *out, const opa_view *in)
{
    const opa_text text = {in->data, in->size};
    size_t found = opa_text_find(text, step->pattern, 0), copied = 0;
    for (; found != SIZE_MAX; found = opa_text_find(text, step->pattern, copied)) {
        opa_stage_copy(stage, in, copied, found);
        opa_stage_put(stage, step->content.data, step->content.size, opa_view_begin(in, found));
        copied = found + step->pattern.size;
    }
    opa_stage_copy(stage, in, copied, in->size);
    *out = opa_stage_view(stage, opa_view_end(in, in->size));
    return !stage->text.failed;
}

/* Spaces become content, which then also stands in front of the text, unless it does already or @p in is not the begin.
 */
static bool metaspace(const opa_step *step, opa_stage *stage, opa_view *out, const opa_view *in)
{
    const bool first = step->kind == OPA_STEP_METASPACE || opa_view_begin(in, 0) == 0;
    opa_stage_clear(stage);
    if (first && !starts_with(in, step->pattern) && !starts_with(in, step->content))
        opa_stage_put(stage, step->content.data, step->content.size, opa_view_begin(in, 0));
    return replace_into(step, stage, out, in);
}

/* The longest key of the trie that @p text begins with: its value and size (0: none). The layout of a unit is that of
 * Darts-clone (github.com/s-yata/darts-clone): leaf flag, label, offset; here every index is checked. */
static size_t longest_rule(const opa_charsmap *map, opa_text *value, opa_text text)
{
    size_t longest = 0, node = 0;
    if (map->unit_count == 0)
        return 0;
    uint32_t unit = map->units[0];
    node ^= (size_t)(unit >> 10) << ((unit & 0x200) >> 6);
    for (size_t i = 0; i < text.size; i++) {
        const uint32_t byte = (unsigned char)text.data[i];
        node ^= byte;
        if (node >= map->unit_count)
            break;
        unit = map->units[node];
        if ((unit & 0x800000FFu) != byte)
            break;
        node ^= (size_t)(unit >> 10) << ((unit & 0x200) >> 6);
        if (unit & 0x100) {
            if (node >= map->unit_count)
                break;
            const size_t at = map->units[node] & 0x7FFFFFFFu;
            if (at >= map->values.size)
                break;
            *value = (opa_text){map->values.data + at, strnlen(map->values.data + at, map->values.size - at)};
            longest = i + 1;
        }
    }
    return longest;
}

/* The next piece of input that is normalised as a whole: what it becomes, and its size. */
static size_t next_rule(const opa_step *step, opa_text *value, opa_text rest, const opa_added *keep)
{
    const opa_added_token *kept =
        keep && rest.size && keep->first[(unsigned char)rest.data[0]] ? opa_added_longest(keep, rest, 0) : NULL;
    if (kept) {
        *value = (opa_text){rest.data, kept->size};
        return kept->size;
    }
    const size_t n = longest_rule(&step->charsmap, value, rest);
    if (n)
        return n;
    size_t one = 0;
    opa_char_next(rest.data, rest.size, &one);
    *value = (opa_text){rest.data, one};
    return one;
}

/* Append @p value, which stands for bytes [from, to) of @p in, with its spaces escaped. */
static void put_escaped(const opa_step *step, opa_stage *stage, const opa_view *in, size_t from, size_t to,
                        opa_text value)
{
    if (value.data == in->data + from && value.size == to - from &&
        (!step->escape_spaces || !memchr(value.data, ' ', value.size))) {
        opa_stage_copy(stage, in, from, to);
        return;
    }
    if (step->escape_spaces && value.size == 1 && value.data[0] == ' ') {
        opa_stage_put(stage, OPA_META_SPACE, 3, opa_view_begin(in, from));
        return;
    }
    opa_buffer bytes = {0};
    for (size_t i = 0; i < value.size; i++) {
        if (step->escape_spaces && value.data[i] == ' ')
            opa_buffer_add(&bytes, OPA_META_SPACE, 3);
        else
            opa_buffer_add_char(&bytes, value.data[i]);
    }
    if (bytes.failed)
        stage->text.failed = true;
    else if (bytes.size)
        opa_stage_put(stage, bytes.data, bytes.size, opa_view_begin(in, from));
    opa_buffer_release(&bytes);
}

/* sentencepiece normalizer.cc, Normalizer::Normalize(). */
static bool sentencepiece(const opa_step *step, opa_stage *stage, opa_view *out, const opa_view *in,
                          const opa_added *keep)
{
    const char *space = step->escape_spaces ? OPA_META_SPACE : " ";
    const size_t space_size = strlen(space);
    opa_text value;
    size_t i = 0;
    opa_stage_clear(stage);
    while (step->collapse_spaces && i < in->size) {
        const size_t n = next_rule(step, &value, (opa_text){in->data + i, in->size - i}, keep);
        if (value.size != 1 || value.data[0] != ' ')
            break;
        i += n;
    }
    if (i < in->size && step->dummy_prefix)
        opa_stage_put(stage, space, space_size, opa_view_begin(in, i));
    bool after_space = step->collapse_spaces;
    while (i < in->size) {
        const size_t n = next_rule(step, &value, (opa_text){in->data + i, in->size - i}, keep);
        while (after_space && value.size && value.data[0] == ' ')
            value = (opa_text){value.data + 1, value.size - 1};
        if (value.size) {
            put_escaped(step, stage, in, i, i + n, value);
            after_space = step->collapse_spaces && value.data[value.size - 1] == ' ';
        }
        i += n;
    }
    uint32_t end = opa_view_end(in, in->size);
    opa_buffer *text = &stage->text;
    while (step->collapse_spaces && !text->failed && text->size >= space_size &&
           memcmp(text->data + text->size - space_size, space, space_size) == 0) {
        text->size -= space_size;
        end = stage->at[text->size] & ~OPA_VIEW_GROUP;
    }
    *out = opa_stage_view(stage, end);
    return !stage->text.failed;
}

bool opa_step_run(const opa_step *step, opa_stage *stage, opa_view *out, const opa_view *in, const opa_added *keep)
{
    *out = *in;
    if (in->size == 0)
        return true;
    switch (step->kind) {
    case OPA_STEP_NFC:
        return opa_nfc(stage, out, in);
    case OPA_STEP_PREFIX_FIRST:
        if (opa_view_begin(in, 0) != 0)
            return true;
        /* fall through */
    case OPA_STEP_PREFIX:
        if (starts_with(in, step->content))
            return true;
        /* fall through */
    case OPA_STEP_PREPEND:
        return put_in_front(step, stage, out, in);
    case OPA_STEP_REPLACE:
        if (opa_text_find((opa_text){in->data, in->size}, step->pattern, 0) == SIZE_MAX)
            return true;
        opa_stage_clear(stage);
        return replace_into(step, stage, out, in);
    case OPA_STEP_METASPACE:
    case OPA_STEP_METASPACE_FIRST:
        return metaspace(step, stage, out, in);
    case OPA_STEP_SENTENCEPIECE:
        return sentencepiece(step, stage, out, in, keep);
    }
    return true;
}
