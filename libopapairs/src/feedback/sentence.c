/* SPDX-License-Identifier: Apache-2.0 */
#include "feedback/sentence.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/utf8.h"

/* Findings of one code in one report; what is said 64 times is understood. */
#define SAY_MAX 64

/* ---- what is said ---- */

/* Copy the beginning of a text as one clean line, without allocating; false: not all of it. */
static bool copy_clean(char *out, size_t room, opa_text text)
{
    size_t n = 0, i = 0;
    while (i < text.size) {
        uint32_t c;
        const size_t size = opa_utf8_decode(&c, text.data + i, text.size - i), step = size ? size : 1;
        if (n + step >= room)
            break;
        if (size == 0 || c < 0x20 || (c >= 0x7F && c < 0xA0))
            memset(out + n, size ? ' ' : '?', step);
        else
            memcpy(out + n, text.data + i, step);
        n += step;
        i += step;
    }
    out[n] = '\0';
    return i == text.size;
}

opa_report_label opa_report_label_of(opa_text key, const char *field)
{
    opa_report_label l;
    copy_clean(l.text, 26, key);
    const size_t n = strlen(l.text);
    if (field)
        snprintf(l.text + n, sizeof l.text - n, ".%s", field);
    return l;
}

opa_report_quote opa_report_quote_of(opa_text text)
{
    opa_report_quote q;
    if (!copy_clean(q.text, sizeof q.text - 3, text))
        memcpy(q.text + strlen(q.text), "...", 4);
    return q;
}

bool opa_report_may_say(opa_report_reader *r, int code)
{
    unsigned *said = &r->said[code - OPA_F_REPORT_MISSING];
    if (++*said == SAY_MAX &&
        opa_findings_add(r->findings, code, 0, NULL, "and more of this kind in the same report") < 0)
        r->failed = true;
    return *said < SAY_MAX;
}

const char *opa_report_kind_of(const opa_report_reader *r, const cJSON *value)
{
    return opa_json_is_null(value)             ? "null"
           : opa_json_is_string(r->doc, value) ? "a text"
           : cJSON_IsObject(value)             ? "an object"
           : cJSON_IsArray(value)              ? "a list"
           : cJSON_IsBool(value)               ? "true or false"
                                               : "a number";
}

void opa_report_note_spelling(opa_report_reader *r, opa_text key, const char *canonical, const opa_report_label *where)
{
    for (size_t i = 0; i < r->spelled_count; i++)
        if (opa_text_equal(r->spelled[i], key))
            return;
    if (r->spelled_count < OPA_SPELLING_MAX)
        r->spelled[r->spelled_count++] = key;
    OPA_REPORT_SAY(r, OPA_F_KEY_SPELLING, where->text, "key \"%s\", read as %s", opa_report_quote_of(key).text,
                   canonical);
}

opa_text opa_report_keep(opa_report_reader *r, opa_text text)
{
    const opa_text copy = opa_arena_text(r->arena, text);
    if (text.data && !copy.data)
        r->failed = true;
    return copy;
}

/* ---- fields ---- */

/* Join the texts of a list or of an object's members; false when there is none. */
static bool join_texts(opa_report_reader *r, opa_text *out, const cJSON *container, const char *between)
{
    opa_buffer joined = {0};
    bool any = false;
    for (const cJSON *item = container->child; item; item = item->next) {
        opa_text text;
        if (!opa_json_text(r->doc, item, &text) && !opa_json_lexeme(r->doc, item, &text))
            continue;
        if (any)
            opa_buffer_add_string(&joined, between);
        opa_buffer_add_text(&joined, text);
        any = true;
    }
    if (joined.failed)
        r->failed = true;
    else if (any)
        *out = opa_report_keep(r, opa_buffer_text(&joined));
    opa_buffer_release(&joined);
    return any;
}

opa_text opa_report_read_text(opa_report_reader *r, const cJSON *value, opa_text key, const char *field)
{
    opa_text text = {0}, out = {0};
    if (!value || opa_json_is_null(value))
        return out;
    if (opa_json_text(r->doc, value, &text))
        return opa_report_keep(r, text);
    const opa_report_label where = opa_report_label_of(key, field);
    if (opa_json_lexeme(r->doc, value, &text))
        out = opa_report_keep(r, text);
    else if (cJSON_IsArray(value))
        join_texts(r, &out, value, " ");
    OPA_REPORT_SAY(r, OPA_F_REPORT_FIELD_TYPE, where.text, "%s where a text was expected%s",
                   opa_report_kind_of(r, value), out.data ? "" : ", left out");
    return out;
}

static void read_score(opa_report_reader *r, opa_sentence *s, const cJSON *value, bool released_key)
{
    const opa_report_label where = opa_report_label_of(s->key, "score");
    int64_t n;
    opa_text text;
    if (!value || opa_json_is_null(value)) {
        s->released_score_lost = value != NULL;
        if (!s->added)
            OPA_REPORT_SAY(r, OPA_F_SCORE_MISSING, where.text, "no score");
    } else if (opa_json_lexeme(r->doc, value, &text)) {
        if (opa_json_integer(r->doc, value, &n) && n >= 1 && n <= 4) {
            s->score = (int)n;
            s->released_score_lost = !released_key;
            if (text.size != 1)
                OPA_REPORT_SAY(r, OPA_F_SCORE_TYPE, where.text, "score %s, read as %d", opa_report_quote_of(text).text,
                               s->score);
            return;
        }
        s->released_score_lost = true;
        OPA_REPORT_SAY(r, OPA_F_SCORE_RANGE, where.text, "score %s is not one of 1, 2, 3, 4",
                       opa_report_quote_of(text).text);
    } else if (opa_json_text(r->doc, value, &text)) {
        s->released_score_lost = true;
        switch (opa_score_of_text(text, &s->score)) {
        case OPA_SCORE_NONE:
            OPA_REPORT_SAY(r, OPA_F_SCORE_MISSING, where.text, "the score is an empty text");
            break;
        case OPA_SCORE_READ:
            OPA_REPORT_SAY(r, OPA_F_SCORE_TYPE, where.text, "score \"%s\" is a text, read as %d",
                           opa_report_quote_of(text).text, s->score);
            break;
        case OPA_SCORE_OUTSIDE:
            OPA_REPORT_SAY(r, OPA_F_SCORE_RANGE, where.text, "score \"%s\" is not one of 1, 2, 3, 4",
                           opa_report_quote_of(text).text);
            break;
        }
    } else {
        s->released_score_lost = true;
        OPA_REPORT_SAY(r, OPA_F_REPORT_FIELD_TYPE, where.text, "%s where a score was expected, left out",
                       opa_report_kind_of(r, value));
    }
}

static void read_error_type(opa_report_reader *r, opa_sentence *s, const cJSON *value, bool released_key)
{
    const opa_report_label where = opa_report_label_of(s->key, "error_type");
    opa_text text;
    if (!value || opa_json_is_null(value)) {
        s->released_type_lost = value != NULL;
        if (!s->added)
            OPA_REPORT_SAY(r, OPA_F_ERROR_TYPE_MISSING, where.text, "no error type");
        return;
    }
    if (!opa_json_text(r->doc, value, &text)) {
        s->released_type_lost = true;
        OPA_REPORT_SAY(r, OPA_F_REPORT_FIELD_TYPE, where.text, "%s where an error type was expected, left out",
                       opa_report_kind_of(r, value));
        return;
    }
    s->error_type_raw = opa_report_keep(r, text);
    s->error_type = opa_error_type_of_text(text);
    const char *name = opa_error_type_name(s->error_type);
    const bool exact = name && opa_text_equal(text, (opa_text){name, strlen(name)});
    s->released_type_lost = !exact || !released_key;
    if (opa_text_blank(text)) {
        if (!s->added)
            OPA_REPORT_SAY(r, OPA_F_ERROR_TYPE_MISSING, where.text, "the error type is an empty text");
    } else if (!name) {
        OPA_REPORT_SAY(r, OPA_F_ERROR_TYPE_UNKNOWN, where.text, "error type \"%s\" is none of the three",
                       opa_report_quote_of(text).text);
    } else if (!exact) {
        OPA_REPORT_SAY(r, OPA_F_ERROR_TYPE_SPELLING, where.text, "error type \"%s\", read as %s",
                       opa_report_quote_of(text).text, name);
    }
}

/* "dog -> cat" from a list of texts, from one text, or from {"from": "dog", "to": "cat"}. */
static void read_objects(opa_report_reader *r, opa_sentence *s, const cJSON *value)
{
    if (!value || opa_json_is_null(value))
        return;
    const bool list = cJSON_IsArray(value);
    size_t count = 1;
    if (list) {
        count = 0;
        for (const cJSON *item = value->child; item; item = item->next)
            count++;
        if (count == 0)
            return;
    }
    s->objects = opa_arena_array(r->arena, count, sizeof *s->objects);
    if (!s->objects) {
        r->failed = true;
        return;
    }
    bool plain = list;
    for (const cJSON *item = list ? value->child : value; item; item = list ? item->next : NULL) {
        opa_text text = {0}, out = {0};
        if (opa_json_text(r->doc, item, &text)) {
            if (list || !opa_text_blank(text))
                out = opa_report_keep(r, text);
        } else {
            plain = false;
            if (opa_json_lexeme(r->doc, item, &text))
                out = opa_report_keep(r, text);
            else if (cJSON_IsObject(item) || cJSON_IsArray(item))
                join_texts(r, &out, item, " -> ");
        }
        if (out.data)
            s->objects[s->object_count++] = out;
    }
    if (!plain && (list || s->object_count > 0)) {
        const opa_report_label where = opa_report_label_of(s->key, "object");
        OPA_REPORT_SAY(r, OPA_F_REPORT_FIELD_TYPE, where.text, "%s where a list of texts was expected",
                       list ? "a list of other things" : opa_report_kind_of(r, value));
    }
}

/* ---- a sentence ---- */

/* A field's key as the released code looks it up: canonical, or with spaces for underscores. */
static int key_rank(opa_text key, opa_field field, bool canonical)
{
    if (canonical)
        return 2;
    const char *name = opa_field_name(field);
    if (!name || strlen(name) != key.size)
        return 1;
    for (size_t i = 0; i < key.size; i++)
        if (key.data[i] != (name[i] == '_' ? ' ' : name[i]))
            return 1;
    return 3;
}

opa_report_members opa_report_members_of(const opa_report_reader *r, const cJSON *object)
{
    opa_report_members m = {{0}};
    for (const cJSON *item = cJSON_IsObject(object) ? object->child : NULL; item; item = item->next) {
        bool canonical;
        const opa_text key = opa_json_key(r->doc, item);
        const opa_field field = opa_field_of(key, &canonical);
        const int rank = field ? key_rank(key, field, canonical) : 0;
        if (rank == 0 || rank < m.rank[field])
            continue;
        m.value[field] = item;
        m.rank[field] = rank;
        m.key[field] = key;
    }
    return m;
}

bool opa_report_is_sentence(const opa_report_members *m)
{
    return m->value[OPA_FIELD_COPIED] || m->value[OPA_FIELD_REWRITTEN] || m->value[OPA_FIELD_SCORE] ||
           m->value[OPA_FIELD_ERROR_TYPE] || m->value[OPA_FIELD_REASON];
}

opa_sentence *opa_report_push(opa_report_reader *r)
{
    opa_report *out = r->out;
    if (out->count == r->capacity) {
        const size_t capacity = r->capacity ? r->capacity * 2 : 16;
        opa_sentence *more = opa_arena_array(r->arena, capacity, sizeof *more);
        if (!more) {
            r->failed = true;
            return NULL;
        }
        if (out->count)
            memcpy(more, out->sentences, out->count * sizeof *more);
        out->sentences = more;
        r->capacity = capacity;
    }
    opa_sentence *s = &out->sentences[out->count++];
    *s = (opa_sentence){.number = -1};
    return s;
}

/* Say what is unusual in the spelling of an entry's keys. */
static void note_spellings(opa_report_reader *r, opa_text key, const opa_report_members *m)
{
    for (int f = OPA_FIELD_COPIED; f <= OPA_FIELD_REASON; f++)
        if (m->value[f] && m->rank[f] != 2) {
            const opa_report_label where = opa_report_label_of(key, opa_field_name((opa_field)f));
            opa_report_note_spelling(r, m->key[f], opa_field_name((opa_field)f), &where);
        }
}

void opa_report_read_sentence(opa_report_reader *r, const opa_report_members *m, opa_text key, int64_t number,
                              bool added)
{
    opa_sentence *s = opa_report_push(r);
    if (!s)
        return;
    s->added = added;
    s->number = number;
    s->key = opa_report_keep(r, key);
    note_spellings(r, key, m);
    s->copied = opa_report_read_text(r, m->value[OPA_FIELD_COPIED], key, "copied_content");
    s->rewritten = opa_report_read_text(r, m->value[OPA_FIELD_REWRITTEN], key, "rewritten_content");
    s->reason = opa_report_read_text(r, m->value[OPA_FIELD_REASON], key, "reason");
    read_score(r, s, m->value[OPA_FIELD_SCORE], m->rank[OPA_FIELD_SCORE] >= 2);
    read_error_type(r, s, m->value[OPA_FIELD_ERROR_TYPE], m->rank[OPA_FIELD_ERROR_TYPE] >= 2);
    read_objects(r, s, m->value[OPA_FIELD_OBJECT]);
    if (!s->rewritten.data && !added) {
        const opa_report_label where = opa_report_label_of(key, "rewritten_content");
        OPA_REPORT_SAY(r, OPA_F_REWRITTEN_MISSING, where.text, "no rewritten text, the copied one stands");
    }
}
