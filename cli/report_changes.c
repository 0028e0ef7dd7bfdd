/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "compare.h"

const char *const SENTENCE_FIELD_NAMES[SENTENCE_FIELD_COUNT] = {"score",          "error_type",        "object",
                                                                "copied_content", "rewritten_content", "reason"};

/* A sentence of one of the reports, for sorting. */
struct entry {
    const opa_sentence *sentence;
    size_t place;
    int index; /* among those that are not Added; -1: it is */
};

/* Added ones behind the others, by key, then in their order. */
static int compare_names(const opa_sentence *a, const opa_sentence *b)
{
    if (a->added != b->added)
        return a->added ? 1 : -1;
    if (a->added)
        return 0;
    const size_t least = a->key.size < b->key.size ? a->key.size : b->key.size;
    const int order = least > 0 ? memcmp(a->key.data, b->key.data, least) : 0;
    return order ? order : (a->key.size > b->key.size) - (a->key.size < b->key.size);
}

static int by_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    const int order = compare_names(x->sentence, y->sentence);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

static struct entry *sorted(const opa_report *report)
{
    struct entry *list = calloc(report->count + 1, sizeof *list);
    int next = 0;
    for (size_t i = 0; list != NULL && i < report->count; i++)
        list[i] = (struct entry){&report->sentences[i], i, report->sentences[i].added ? -1 : next++};
    if (list != NULL)
        qsort(list, report->count, sizeof *list, by_name);
    return list;
}

static bool objects_equal(const opa_sentence *a, const opa_sentence *b)
{
    bool equal = a->object_count == b->object_count;
    for (size_t i = 0; equal && i < a->object_count; i++)
        equal = text_equal(a->objects[i], b->objects[i]);
    return equal;
}

static unsigned changed_fields(const opa_sentence *a, const opa_sentence *b)
{
    unsigned fields = 0;
    fields |= (unsigned)(a->score != b->score) << SENTENCE_SCORE;
    fields |= (unsigned)(a->error_type != b->error_type) << SENTENCE_ERROR_TYPE;
    fields |= (unsigned)!objects_equal(a, b) << SENTENCE_OBJECTS;
    fields |= (unsigned)!text_equal(a->copied, b->copied) << SENTENCE_COPIED;
    fields |= (unsigned)!text_equal(a->rewritten, b->rewritten) << SENTENCE_REWRITTEN;
    fields |= (unsigned)!text_equal(a->reason, b->reason) << SENTENCE_REASON;
    return fields;
}

/* One of the two may be missing. */
static void add(struct report_changes *r, const struct entry *a, const struct entry *b)
{
    const opa_sentence *old = a ? a->sentence : NULL, *new = b ? b->sentence : NULL;
    const unsigned fields = old && new ? changed_fields(old, new) : 0;
    if (old && new &&fields == 0)
        return;
    r->rescored |= !old || !new || (fields & (1u << SENTENCE_SCORE | 1u << SENTENCE_ERROR_TYPE));
    r->items[r->count++] = (struct sentence_change){old, new, b ? b->index : a->index, fields};
}

static void merge(struct report_changes *r, const struct entry *old, const struct entry *new)
{
    size_t i = 0, k = 0;
    while (i < r->reports[0].count || k < r->reports[1].count) {
        const int order = i == r->reports[0].count   ? 1
                          : k == r->reports[1].count ? -1
                                                     : compare_names(old[i].sentence, new[k].sentence);
        add(r, order <= 0 ? &old[i] : NULL, order >= 0 ? &new[k] : NULL);
        i += order <= 0;
        k += order >= 0;
    }
}

/* As they stand in the reports; Added ones, which have no index, last. */
static int by_index(const void *a, const void *b)
{
    const struct sentence_change *x = a, *y = b;
    if ((x->index < 0) != (y->index < 0))
        return x->index < 0 ? 1 : -1;
    return x->index != y->index ? (x->index > y->index) - (x->index < y->index) : (x->new != NULL) - (y->new != NULL);
}

int report_changes_make(struct report_changes *out, opa_context *ctx, opa_text old, opa_text new)
{
    *out = (struct report_changes){0};
    int status = opa_report_parse(ctx, &out->reports[0], old, NULL);
    if (status == OPA_OK)
        status = opa_report_parse(ctx, &out->reports[1], new, NULL);
    struct entry *a = status == OPA_OK ? sorted(&out->reports[0]) : NULL;
    struct entry *b = status == OPA_OK ? sorted(&out->reports[1]) : NULL;
    out->items = calloc(out->reports[0].count + out->reports[1].count + 1, sizeof *out->items);
    if (a != NULL && b != NULL && out->items != NULL) {
        merge(out, a, b);
        qsort(out->items, out->count, sizeof *out->items, by_index);
    } else if (status == OPA_OK) {
        status = OPA_ENOMEM;
    }
    free(a);
    free(b);
    if (status != OPA_OK)
        report_changes_release(out);
    return status;
}

void report_changes_release(struct report_changes *r)
{
    opa_report_release(&r->reports[0]);
    opa_report_release(&r->reports[1]);
    free(r->items);
    *r = (struct report_changes){0};
}
