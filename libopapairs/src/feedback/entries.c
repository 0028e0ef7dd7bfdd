/* SPDX-License-Identifier: Apache-2.0 */
#include "feedback/entries.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/findings.h"
#include "base/utf8.h"
#include "feedback/fields.h"
#include "feedback/sentence.h"

/* Sentences may hide in wrappers and lists, but not endlessly. */
#define NEST_MAX 6
/* Larger sentence numbers are none. */
#define NUMBER_MAX 1000000000000000

/* "Added": an object, a text, or a list of such. Without text it is as if it were not there. */
static void read_added(opa_report_reader *r, const cJSON *value, opa_text key, size_t open, unsigned depth)
{
    opa_text text;
    if (opa_json_text(r->doc, value, &text)) {
        opa_sentence *s = opa_text_blank(text) ? NULL : opa_report_push(r);
        if (s) {
            s->added = true;
            s->key = opa_report_keep(r, key);
            s->rewritten = opa_report_keep(r, text);
        }
    } else if (cJSON_IsArray(value) && depth < NEST_MAX) {
        for (const cJSON *item = value->child; item; item = item->next)
            read_added(r, item, key, open > 0 && !item->next ? open - 1 : 0, depth + 1);
    } else if (cJSON_IsObject(value)) {
        const opa_report_members m = opa_report_members_of(r, value);
        const cJSON *rewritten = m.value[OPA_FIELD_REWRITTEN];
        if (open > 0 || (rewritten && opa_json_text(r->doc, rewritten, &text) && opa_text_blank(text)))
            return;
        if (rewritten && !opa_json_is_null(rewritten))
            opa_report_read_sentence(r, &m, key, -1, true);
    } else if (!opa_json_is_null(value) && !cJSON_IsBool(value)) {
        const opa_report_label where = opa_report_label_of(key, NULL);
        OPA_REPORT_SAY(r, OPA_F_SENTENCE_KIND, where.text, "%s where an added sentence was expected, left out",
                       opa_report_kind_of(r, value));
    }
}

static bool read_container(opa_report_reader *r, const cJSON *container, size_t open, unsigned depth);

/* A sentence that swallowed its neighbours because its closing brace was forgotten: read those too. */
static void read_swallowed(opa_report_reader *r, const cJSON *entry, size_t open, unsigned depth)
{
    for (const cJSON *item = entry->child; item && depth < NEST_MAX; item = item->next) {
        int64_t number;
        const opa_text key = opa_json_key(r->doc, item);
        const size_t inner = open > 0 && !item->next ? open - 1 : 0;
        const bool numbered = opa_key_number(key, &number, NULL) && opa_field_of(key, NULL) == OPA_FIELD_NONE;
        if (!cJSON_IsObject(item) || (!numbered && opa_field_of(key, NULL) != OPA_FIELD_ADDED))
            continue;
        const opa_report_label where = opa_report_label_of(key, NULL);
        OPA_REPORT_SAY(r, OPA_F_REPORT_SYNTAX, where.text, "the sentence stands inside the one before it");
        if (!numbered) {
            read_added(r, item, key, inner, depth + 1);
            continue;
        }
        const opa_report_members m = opa_report_members_of(r, item);
        if (opa_report_is_sentence(&m) && inner == 0)
            opa_report_read_sentence(r, &m, key, number, false);
        read_swallowed(r, item, inner, depth + 1);
    }
}

/* An entry under a number, in a list, or under another key. @p named: there is a number, so that it must be a sentence.
 */
static void read_entry(opa_report_reader *r, const cJSON *value, opa_text key, int64_t number, bool named, size_t open,
                       unsigned depth)
{
    const opa_report_members m = opa_report_members_of(r, value);
    if (opa_report_is_sentence(&m)) {
        const cJSON *flag = m.value[OPA_FIELD_ADDED];
        if (open == 0)
            opa_report_read_sentence(r, &m, key, number, flag && cJSON_IsTrue(flag));
        read_swallowed(r, value, open, depth + 1);
        return;
    }
    if (read_container(r, value, open, depth + 1) || !named || open > 0 || m.value[OPA_FIELD_IMAGE_DESCRIPTION] ||
        m.value[OPA_FIELD_ADDED])
        return;
    const opa_report_label where = opa_report_label_of(key, NULL);
    OPA_REPORT_SAY(r, OPA_F_SENTENCE_KIND, where.text, "%s where a sentence was expected, left out",
                   cJSON_IsObject(value) ? "an object without any of a sentence's fields"
                                         : opa_report_kind_of(r, value));
}

/* The number that an item of a list gives itself. */
static bool own_number(const opa_report_reader *r, const opa_report_members *m, int64_t *out)
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

static void read_list(opa_report_reader *r, const cJSON *list, size_t open, unsigned depth)
{
    int64_t position = 0;
    for (const cJSON *item = list->child; item; item = item->next, position++) {
        int64_t number = position;
        char digits[24];
        const opa_report_members m = opa_report_members_of(r, item);
        if (own_number(r, &m, &number) && number < 0)
            OPA_REPORT_SAY(r, OPA_F_SENTENCE_NUMBER, NULL, "item %lld of the list gives itself a number that is none",
                           (long long)position);
        const int n = snprintf(digits, sizeof digits, "%lld", (long long)number);
        read_entry(r, item, (opa_text){digits, (size_t)n}, number, true, open > 0 && !item->next ? open - 1 : 0, depth);
    }
}

/* One member of the report or of a wrapper around its sentences. */
static void read_member(opa_report_reader *r, const cJSON *item, size_t open, unsigned depth)
{
    bool canonical;
    int64_t number;
    const opa_text key = opa_json_key(r->doc, item);
    const opa_field field = opa_field_of(key, &canonical);
    const opa_report_label where = opa_report_label_of(key, NULL);
    if (field == OPA_FIELD_IMAGE_DESCRIPTION) {
        if (!canonical)
            opa_report_note_spelling(r, key, "image_description", &where);
        if (!r->out->image_description.data && opa_json_is_string(r->doc, item))
            r->out->image_description = opa_report_read_text(r, item, key, NULL);
    } else if (field == OPA_FIELD_ADDED) {
        const size_t before = r->out->count;
        read_added(r, item, key, open, depth);
        if (!canonical && r->out->count > before)
            opa_report_note_spelling(r, key, "Added", &where);
    } else if (opa_key_number(key, &number, &canonical)) {
        if (!canonical)
            opa_report_note_spelling(r, key, "a sentence's number", &where);
        if (number < 0 && cJSON_IsObject(item))
            OPA_REPORT_SAY(r, OPA_F_SENTENCE_NUMBER, where.text, "\"%s\" is no sentence number",
                           opa_report_quote_of(key).text);
        read_entry(r, item, key, number, true, open, depth);
    } else if (cJSON_IsObject(item) || cJSON_IsArray(item)) {
        const size_t before = r->out->count;
        const opa_report_members m = opa_report_members_of(r, item);
        const bool alone = m.value[OPA_FIELD_COPIED] || m.value[OPA_FIELD_REWRITTEN];
        if (alone)
            read_entry(r, item, key, -1, false, open, depth);
        else
            read_container(r, item, open, depth + 1);
        if (r->out->count == before)
            return;
        if (alone)
            OPA_REPORT_SAY(r, OPA_F_SENTENCE_NUMBER, where.text, "\"%s\" is no sentence number",
                           opa_report_quote_of(key).text);
        else if (cJSON_IsObject(item))
            opa_report_note_spelling(r, key, "a wrapper around the sentences", &where);
    }
}

/* A list or object that holds sentences. true: it held some. */
static bool read_container(opa_report_reader *r, const cJSON *container, size_t open, unsigned depth)
{
    const size_t before = r->out->count;
    if (depth > NEST_MAX)
        return false;
    if (cJSON_IsArray(container)) {
        const unsigned said = r->said[OPA_F_REPORT_LIST - OPA_F_REPORT_MISSING];
        read_list(r, container, open, depth);
        if (r->out->count > before && said == 0 && r->said[OPA_F_REPORT_LIST - OPA_F_REPORT_MISSING] == 0)
            OPA_REPORT_SAY(r, OPA_F_REPORT_LIST, NULL,
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

static void say_missing(opa_report_reader *r, int64_t from, int64_t to)
{
    if (from == to)
        OPA_REPORT_SAY(r, OPA_F_SENTENCE_NUMBER, NULL, "there is no sentence %lld", (long long)from);
    else
        OPA_REPORT_SAY(r, OPA_F_SENTENCE_NUMBER, NULL, "there are no sentences %lld to %lld", (long long)from,
                       (long long)to);
}

/* Numbers should be 0, 1, 2 ... in this order. */
static void check_numbers(opa_report_reader *r)
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
            const opa_report_label where = opa_report_label_of(s->key, NULL);
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
            OPA_REPORT_SAY(r, OPA_F_SENTENCE_NUMBER, NULL, "sentence %lld stands more than once",
                           (long long)numbers[i]);
        next = numbers[i] + 1;
    }
}

int opa_entries_read(opa_context *ctx, opa_report *out, opa_arena *arena, const opa_json *doc, size_t open,
                     opa_findings *findings)
{
    opa_report_reader r = {.out = out, .arena = arena, .doc = doc, .findings = findings};
    const cJSON *root = opa_json_root(doc);
    const opa_report_members m = opa_report_members_of(&r, root);
    if (m.value[OPA_FIELD_COPIED] || m.value[OPA_FIELD_REWRITTEN])
        read_entry(&r, root, OPA_TEXT("0"), 0, false, open, 0);
    else
        read_container(&r, root, open, 0);
    check_numbers(&r);
    return r.failed ? opa_fail_memory(ctx) : OPA_OK;
}
