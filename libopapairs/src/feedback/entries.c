/* SPDX-License-Identifier: Apache-2.0 */
#include "feedback/entries.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/context.h"
#include "base/findings.h"
#include "base/utf8.h"
#include "feedback/fields.h"

/* Sentences may hide in wrappers and lists, but not endlessly. */
#define NEST_MAX 6
/* Findings of one code in one report; what is said 64 times is understood. */
#define SAY_MAX 64
/* Different spellings of keys that are remembered (to report each once). */
#define SPELLING_MAX 32
/* Larger sentence numbers are none. */
#define NUMBER_MAX 1000000000000000

typedef struct reader {
    opa_report *out;
    opa_arena *arena;
    const opa_json *doc;
    opa_findings *findings;
    size_t capacity;                /* of out->sentences */
    unsigned said[32];              /* findings by code - OPA_F_REPORT_MISSING */
    opa_text spelled[SPELLING_MAX]; /* key spellings already reported, borrowed from doc */
    size_t spelled_count;
    bool failed; /* out of memory */
} reader;

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

/* A sentence's name in findings: its key, and a field of it or NULL. */
typedef struct label {
    char text[48];
} label;

static label label_of(opa_text key, const char *field)
{
    label l;
    copy_clean(l.text, 26, key);
    const size_t n = strlen(l.text);
    if (field)
        snprintf(l.text + n, sizeof l.text - n, ".%s", field);
    return l;
}

/* A text as it may stand in a message. */
typedef struct quote {
    char text[64];
} quote;

static quote quote_of(opa_text text)
{
    quote q;
    if (!copy_clean(q.text, sizeof q.text - 3, text))
        memcpy(q.text + strlen(q.text), "...", 4);
    return q;
}

/* Is there room for one more finding of this code? Says "and more" once when there is not. */
static bool may_say(reader *r, int code)
{
    unsigned *said = &r->said[code - OPA_F_REPORT_MISSING];
    if (++*said == SAY_MAX &&
        opa_findings_add(r->findings, code, 0, NULL, "and more of this kind in the same report") < 0)
        r->failed = true;
    return *said < SAY_MAX;
}

#define SAY(r, code, field, ...)                                                                                       \
    do {                                                                                                               \
        if (may_say(r, code) && opa_findings_add((r)->findings, code, 0, field, __VA_ARGS__) < 0)                      \
            (r)->failed = true;                                                                                        \
    } while (0)

static opa_text keep(reader *r, opa_text text)
{
    const opa_text copy = opa_arena_text(r->arena, text);
    if (text.data && !copy.data)
        r->failed = true;
    return copy;
}

/* Say once a report that a key is spelled in another way than the release does. */
static void note_spelling(reader *r, opa_text key, const char *canonical, const label *where)
{
    for (size_t i = 0; i < r->spelled_count; i++)
        if (opa_text_equal(r->spelled[i], key))
            return;
    if (r->spelled_count < SPELLING_MAX)
        r->spelled[r->spelled_count++] = key;
    SAY(r, OPA_F_KEY_SPELLING, where->text, "key \"%s\", read as %s", quote_of(key).text, canonical);
}

/* What a JSON value is, in words. */
static const char *kind_of(const reader *r, const cJSON *value)
{
    return opa_json_is_null(value)             ? "null"
           : opa_json_is_string(r->doc, value) ? "a text"
           : cJSON_IsObject(value)             ? "an object"
           : cJSON_IsArray(value)              ? "a list"
           : cJSON_IsBool(value)               ? "true or false"
                                               : "a number";
}

/* ---- fields ---- */

/* Join the texts of a list or of an object's members; false when there is none. */
static bool join_texts(reader *r, opa_text *out, const cJSON *container, const char *between)
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
        *out = keep(r, opa_buffer_text(&joined));
    opa_buffer_release(&joined);
    return any;
}

/* A text; absent for null. Other kinds are read as far as they can be, and said. */
static opa_text read_text(reader *r, const cJSON *value, opa_text key, const char *field)
{
    opa_text text = {0}, out = {0};
    if (!value || opa_json_is_null(value))
        return out;
    if (opa_json_text(r->doc, value, &text))
        return keep(r, text);
    const label where = label_of(key, field);
    if (opa_json_lexeme(r->doc, value, &text))
        out = keep(r, text);
    else if (cJSON_IsArray(value))
        join_texts(r, &out, value, " ");
    SAY(r, OPA_F_REPORT_FIELD_TYPE, where.text, "%s where a text was expected%s", kind_of(r, value),
        out.data ? "" : ", left out");
    return out;
}

static void read_score(reader *r, opa_sentence *s, const cJSON *value, bool released_key)
{
    const label where = label_of(s->key, "score");
    int64_t n;
    opa_text text;
    if (!value || opa_json_is_null(value)) {
        s->released_score_lost = value != NULL;
        if (!s->added)
            SAY(r, OPA_F_SCORE_MISSING, where.text, "no score");
    } else if (opa_json_lexeme(r->doc, value, &text)) {
        if (opa_json_integer(r->doc, value, &n) && n >= 1 && n <= 4) {
            s->score = (int)n;
            s->released_score_lost = !released_key;
            if (text.size != 1)
                SAY(r, OPA_F_SCORE_TYPE, where.text, "score %s, read as %d", quote_of(text).text, s->score);
            return;
        }
        s->released_score_lost = true;
        SAY(r, OPA_F_SCORE_RANGE, where.text, "score %s is not one of 1, 2, 3, 4", quote_of(text).text);
    } else if (opa_json_text(r->doc, value, &text)) {
        s->released_score_lost = true;
        switch (opa_score_of_text(text, &s->score)) {
        case OPA_SCORE_NONE:
            SAY(r, OPA_F_SCORE_MISSING, where.text, "the score is an empty text");
            break;
        case OPA_SCORE_READ:
            SAY(r, OPA_F_SCORE_TYPE, where.text, "score \"%s\" is a text, read as %d", quote_of(text).text, s->score);
            break;
        case OPA_SCORE_OUTSIDE:
            SAY(r, OPA_F_SCORE_RANGE, where.text, "score \"%s\" is not one of 1, 2, 3, 4", quote_of(text).text);
            break;
        }
    } else {
        s->released_score_lost = true;
        SAY(r, OPA_F_REPORT_FIELD_TYPE, where.text, "%s where a score was expected, left out", kind_of(r, value));
    }
}

static void read_error_type(reader *r, opa_sentence *s, const cJSON *value, bool released_key)
{
    const label where = label_of(s->key, "error_type");
    opa_text text;
    if (!value || opa_json_is_null(value)) {
        s->released_type_lost = value != NULL;
        if (!s->added)
            SAY(r, OPA_F_ERROR_TYPE_MISSING, where.text, "no error type");
        return;
    }
    if (!opa_json_text(r->doc, value, &text)) {
        s->released_type_lost = true;
        SAY(r, OPA_F_REPORT_FIELD_TYPE, where.text, "%s where an error type was expected, left out", kind_of(r, value));
        return;
    }
    s->error_type_raw = keep(r, text);
    s->error_type = opa_error_type_of_text(text);
    const char *name = opa_error_type_name(s->error_type);
    const bool exact = name && opa_text_equal(text, (opa_text){name, strlen(name)});
    s->released_type_lost = !exact || !released_key;
    if (opa_text_blank(text)) {
        if (!s->added)
            SAY(r, OPA_F_ERROR_TYPE_MISSING, where.text, "the error type is an empty text");
    } else if (!name) {
        SAY(r, OPA_F_ERROR_TYPE_UNKNOWN, where.text, "error type \"%s\" is none of the three", quote_of(text).text);
    } else if (!exact) {
        SAY(r, OPA_F_ERROR_TYPE_SPELLING, where.text, "error type \"%s\", read as %s", quote_of(text).text, name);
    }
}

/* "dog -> cat" from a list of texts, from one text, or from {"from": "dog", "to": "cat"}. */
static void read_objects(reader *r, opa_sentence *s, const cJSON *value)
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
                out = keep(r, text);
        } else {
            plain = false;
            if (opa_json_lexeme(r->doc, item, &text))
                out = keep(r, text);
            else if (cJSON_IsObject(item) || cJSON_IsArray(item))
                join_texts(r, &out, item, " -> ");
        }
        if (out.data)
            s->objects[s->object_count++] = out;
    }
    if (!plain && (list || s->object_count > 0)) {
        const label where = label_of(s->key, "object");
        SAY(r, OPA_F_REPORT_FIELD_TYPE, where.text, "%s where a list of texts was expected",
            list ? "a list of other things" : kind_of(r, value));
    }
}

/* ---- entries ---- */

/* The members of an entry by what they mean. Of several spellings that with a space wins, as in the release, then the
 * canonical one; of equals the last. */
typedef struct members {
    const cJSON *value[OPA_FIELD_COUNT];
    int rank[OPA_FIELD_COUNT];
    opa_text key[OPA_FIELD_COUNT];
} members;

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

static members members_of(const reader *r, const cJSON *object)
{
    members m = {{0}};
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

static bool is_sentence(const members *m)
{
    return m->value[OPA_FIELD_COPIED] || m->value[OPA_FIELD_REWRITTEN] || m->value[OPA_FIELD_SCORE] ||
           m->value[OPA_FIELD_ERROR_TYPE] || m->value[OPA_FIELD_REASON];
}

static opa_sentence *push(reader *r)
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
static void note_spellings(reader *r, opa_text key, const members *m)
{
    for (int f = OPA_FIELD_COPIED; f <= OPA_FIELD_REASON; f++)
        if (m->value[f] && m->rank[f] != 2) {
            const label where = label_of(key, opa_field_name((opa_field)f));
            note_spelling(r, m->key[f], opa_field_name((opa_field)f), &where);
        }
}

static void read_sentence(reader *r, const members *m, opa_text key, int64_t number, bool added)
{
    opa_sentence *s = push(r);
    if (!s)
        return;
    s->added = added;
    s->number = number;
    s->key = keep(r, key);
    note_spellings(r, key, m);
    s->copied = read_text(r, m->value[OPA_FIELD_COPIED], key, "copied_content");
    s->rewritten = read_text(r, m->value[OPA_FIELD_REWRITTEN], key, "rewritten_content");
    s->reason = read_text(r, m->value[OPA_FIELD_REASON], key, "reason");
    read_score(r, s, m->value[OPA_FIELD_SCORE], m->rank[OPA_FIELD_SCORE] >= 2);
    read_error_type(r, s, m->value[OPA_FIELD_ERROR_TYPE], m->rank[OPA_FIELD_ERROR_TYPE] >= 2);
    read_objects(r, s, m->value[OPA_FIELD_OBJECT]);
    if (!s->rewritten.data && !added) {
        const label where = label_of(key, "rewritten_content");
        SAY(r, OPA_F_REWRITTEN_MISSING, where.text, "no rewritten text, the copied one stands");
    }
}

/* "Added": an object, a text, or a list of such. Without text it is as if it were not there. */
static void read_added(reader *r, const cJSON *value, opa_text key, size_t open, unsigned depth)
{
    opa_text text;
    if (opa_json_text(r->doc, value, &text)) {
        opa_sentence *s = opa_text_blank(text) ? NULL : push(r);
        if (s) {
            s->added = true;
            s->key = keep(r, key);
            s->rewritten = keep(r, text);
        }
    } else if (cJSON_IsArray(value) && depth < NEST_MAX) {
        for (const cJSON *item = value->child; item; item = item->next)
            read_added(r, item, key, open > 0 && !item->next ? open - 1 : 0, depth + 1);
    } else if (cJSON_IsObject(value)) {
        const members m = members_of(r, value);
        const cJSON *rewritten = m.value[OPA_FIELD_REWRITTEN];
        if (open > 0 || (rewritten && opa_json_text(r->doc, rewritten, &text) && opa_text_blank(text)))
            return;
        if (rewritten && !opa_json_is_null(rewritten))
            read_sentence(r, &m, key, -1, true);
    } else if (!opa_json_is_null(value) && !cJSON_IsBool(value)) {
        const label where = label_of(key, NULL);
        SAY(r, OPA_F_SENTENCE_KIND, where.text, "%s where an added sentence was expected, left out", kind_of(r, value));
    }
}

static bool read_container(reader *r, const cJSON *container, size_t open, unsigned depth);

/* A sentence that swallowed its neighbours because its closing brace was forgotten: read those too. */
static void read_swallowed(reader *r, const cJSON *entry, size_t open, unsigned depth)
{
    for (const cJSON *item = entry->child; item && depth < NEST_MAX; item = item->next) {
        int64_t number;
        const opa_text key = opa_json_key(r->doc, item);
        const size_t inner = open > 0 && !item->next ? open - 1 : 0;
        const bool numbered = opa_key_number(key, &number, NULL) && opa_field_of(key, NULL) == OPA_FIELD_NONE;
        if (!cJSON_IsObject(item) || (!numbered && opa_field_of(key, NULL) != OPA_FIELD_ADDED))
            continue;
        const label where = label_of(key, NULL);
        SAY(r, OPA_F_REPORT_SYNTAX, where.text, "the sentence stands inside the one before it");
        if (!numbered) {
            read_added(r, item, key, inner, depth + 1);
            continue;
        }
        const members m = members_of(r, item);
        if (is_sentence(&m) && inner == 0)
            read_sentence(r, &m, key, number, false);
        read_swallowed(r, item, inner, depth + 1);
    }
}

/* An entry under a number, in a list, or under another key. @p named: there is a number, so that it must be a sentence.
 */
static void read_entry(reader *r, const cJSON *value, opa_text key, int64_t number, bool named, size_t open,
                       unsigned depth)
{
    const members m = members_of(r, value);
    if (is_sentence(&m)) {
        const cJSON *flag = m.value[OPA_FIELD_ADDED];
        if (open == 0)
            read_sentence(r, &m, key, number, flag && cJSON_IsTrue(flag));
        read_swallowed(r, value, open, depth + 1);
        return;
    }
    if (read_container(r, value, open, depth + 1) || !named || open > 0 || m.value[OPA_FIELD_IMAGE_DESCRIPTION] ||
        m.value[OPA_FIELD_ADDED])
        return;
    const label where = label_of(key, NULL);
    SAY(r, OPA_F_SENTENCE_KIND, where.text, "%s where a sentence was expected, left out",
        cJSON_IsObject(value) ? "an object without any of a sentence's fields" : kind_of(r, value));
}

/* The number that an item of a list gives itself. */
static bool own_number(const reader *r, const members *m, int64_t *out)
{
    const cJSON *value = m->value[OPA_FIELD_NUMBER];
    opa_text text;
    if (!value)
        return false;
    if (opa_json_text(r->doc, value, &text))
        return opa_key_number(text, out, NULL);
    if (!opa_json_integer(r->doc, value, out))
        return false;
    if (*out < 0 || *out > NUMBER_MAX)
        *out = -1;
    return true;
}

static void read_list(reader *r, const cJSON *list, size_t open, unsigned depth)
{
    int64_t position = 0;
    for (const cJSON *item = list->child; item; item = item->next, position++) {
        int64_t number = position;
        char digits[24];
        const members m = members_of(r, item);
        if (own_number(r, &m, &number) && number < 0)
            SAY(r, OPA_F_SENTENCE_NUMBER, NULL, "item %lld of the list gives itself a number that is none",
                (long long)position);
        const int n = snprintf(digits, sizeof digits, "%lld", (long long)number);
        read_entry(r, item, (opa_text){digits, (size_t)n}, number, true, open > 0 && !item->next ? open - 1 : 0, depth);
    }
}

/* One member of the report or of a wrapper around its sentences. */
static void read_member(reader *r, const cJSON *item, size_t open, unsigned depth)
{
    bool canonical;
    int64_t number;
    const opa_text key = opa_json_key(r->doc, item);
    const opa_field field = opa_field_of(key, &canonical);
    const label where = label_of(key, NULL);
    if (field == OPA_FIELD_IMAGE_DESCRIPTION) {
        if (!canonical)
            note_spelling(r, key, "image_description", &where);
        if (!r->out->image_description.data && opa_json_is_string(r->doc, item))
            r->out->image_description = read_text(r, item, key, NULL);
    } else if (field == OPA_FIELD_ADDED) {
        const size_t before = r->out->count;
        read_added(r, item, key, open, depth);
        if (!canonical && r->out->count > before)
            note_spelling(r, key, "Added", &where);
    } else if (opa_key_number(key, &number, &canonical)) {
        if (!canonical)
            note_spelling(r, key, "a sentence's number", &where);
        if (number < 0 && cJSON_IsObject(item))
            SAY(r, OPA_F_SENTENCE_NUMBER, where.text, "\"%s\" is no sentence number", quote_of(key).text);
        read_entry(r, item, key, number, true, open, depth);
    } else if (cJSON_IsObject(item) || cJSON_IsArray(item)) {
        const size_t before = r->out->count;
        const members m = members_of(r, item);
        const bool alone = m.value[OPA_FIELD_COPIED] || m.value[OPA_FIELD_REWRITTEN];
        if (alone)
            read_entry(r, item, key, -1, false, open, depth);
        else
            read_container(r, item, open, depth + 1);
        if (r->out->count == before)
            return;
        if (alone)
            SAY(r, OPA_F_SENTENCE_NUMBER, where.text, "\"%s\" is no sentence number", quote_of(key).text);
        else if (cJSON_IsObject(item))
            note_spelling(r, key, "a wrapper around the sentences", &where);
    }
}

/* A list or object that holds sentences. true: it held some. */
static bool read_container(reader *r, const cJSON *container, size_t open, unsigned depth)
{
    const size_t before = r->out->count;
    if (depth > NEST_MAX)
        return false;
    if (cJSON_IsArray(container)) {
        const unsigned said = r->said[OPA_F_REPORT_LIST - OPA_F_REPORT_MISSING];
        read_list(r, container, open, depth);
        if (r->out->count > before && said == 0 && r->said[OPA_F_REPORT_LIST - OPA_F_REPORT_MISSING] == 0)
            SAY(r, OPA_F_REPORT_LIST, NULL,
                "the sentences are a list, numbered by their place where they give no number");
    } else if (cJSON_IsObject(container)) {
        for (const cJSON *item = container->child; item; item = item->next)
            read_member(r, item, open > 0 && !item->next ? open - 1 : 0, depth);
    }
    return r->out->count > before;
}

/* ---- numbers ---- */

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void say_missing(reader *r, int64_t from, int64_t to)
{
    if (from == to)
        SAY(r, OPA_F_SENTENCE_NUMBER, NULL, "there is no sentence %lld", (long long)from);
    else
        SAY(r, OPA_F_SENTENCE_NUMBER, NULL, "there are no sentences %lld to %lld", (long long)from, (long long)to);
}

/* Numbers should be 0, 1, 2 ... in this order. */
static void check_numbers(reader *r)
{
    opa_report *out = r->out;
    int64_t last = -1;
    size_t n = 0;
    int64_t *numbers = opa_arena_array(r->arena, out->count + 1, sizeof *numbers);
    if (!numbers) {
        r->failed = true;
        return;
    }
    out->keys_ascending = true;
    for (size_t i = 0; i < out->count; i++) {
        const opa_sentence *s = &out->sentences[i];
        if (s->added || s->number < 0)
            continue;
        if (s->number < last && out->keys_ascending) {
            const label where = label_of(s->key, NULL);
            out->keys_ascending = false;
            if (opa_findings_add(r->findings, OPA_F_KEY_ORDER, 0, where.text,
                                 "sentence %lld stands behind sentence %lld; the order of the report is used",
                                 (long long)s->number, (long long)last) < 0)
                r->failed = true;
        }
        last = s->number;
        numbers[n++] = s->number;
    }
    qsort(numbers, n, sizeof *numbers, by_value);
    int64_t next = 0;
    for (size_t i = 0; i < n; i++) {
        if (numbers[i] > next)
            say_missing(r, next, numbers[i] - 1);
        else if (numbers[i] < next && (i < 2 || numbers[i - 2] != numbers[i]))
            SAY(r, OPA_F_SENTENCE_NUMBER, NULL, "sentence %lld stands more than once", (long long)numbers[i]);
        next = numbers[i] + 1;
    }
}

int opa_entries_read(opa_context *ctx, opa_report *out, opa_arena *arena, const opa_json *doc, size_t open,
                     opa_findings *findings)
{
    reader r = {.out = out, .arena = arena, .doc = doc, .findings = findings};
    const cJSON *root = opa_json_root(doc);
    const members m = members_of(&r, root);
    if (m.value[OPA_FIELD_COPIED] || m.value[OPA_FIELD_REWRITTEN])
        read_entry(&r, root, OPA_TEXT("0"), 0, false, open, 0);
    else
        read_container(&r, root, open, 0);
    check_numbers(&r);
    return r.failed ? opa_fail_memory(ctx) : OPA_OK;
}
