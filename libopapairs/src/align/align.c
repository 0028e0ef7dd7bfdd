/* SPDX-License-Identifier: Apache-2.0 */
#include <opapairs/align.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "align/aligning.h"
#include "align/finder.h"
#include "base/context.h"
#include "base/utf8.h"

const char *opa_op_name(opa_op op)
{
    static const char *const names[] = {"keep", "delete", "insert", "substitute"};
    return names[op];
}

const char *opa_placement_name(opa_placement placement)
{
    static const char *const names[] = {NULL, "exact", "repaired", "ambiguous", "missing"};
    return names[placement];
}

const char *opa_certificate_name(opa_certificate certificate)
{
    static const char *const names[] = {NULL, "exact", "repaired", "ambiguous", "broken"};
    return names[certificate];
}

opa_text opa_aligning_copied(const opa_aligning *a, size_t i)
{
    const opa_sentence *s = &a->report->sentences[i];
    if (s->added || !s->copied.data)
        return OPA_TEXT("");
    return opa_text_trim(s->copied);
}

opa_text opa_aligning_rewritten(const opa_aligning *a, size_t i)
{
    const opa_sentence *s = &a->report->sentences[i];
    const opa_text text = s->rewritten.data ? opa_text_trim(s->rewritten) : OPA_TEXT("");
    const opa_found *f = &a->found[i];
    if (f->found && (!s->rewritten.data || opa_text_equal(text, opa_aligning_copied(a, i))))
        return (opa_text){a->generated.data + f->span.begin, f->span.end - f->span.begin};
    return text;
}

bool opa_aligning_is_inserted(const opa_aligning *a, size_t i)
{
    const opa_sentence *s = &a->report->sentences[i];
    return !s->added && opa_aligning_copied(a, i).size == 0 && !opa_text_blank(s->rewritten);
}

const char *opa_aligning_field(const opa_aligning *a, size_t i, const char *name, char out[64])
{
    const opa_text key = a->report->sentences[i].key;
    if (key.data && key.size <= 32)
        snprintf(out, 64, "%.*s.%s", (int)key.size, key.data, name);
    else
        snprintf(out, 64, "%zu.%s", i, name);
    return out;
}

void opa_aligning_note(opa_aligning *a, int code, const char *field, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (opa_findings_add(a->findings, code, 0, field, "%s", text) != OPA_OK)
        a->failed = true;
}

void opa_aligning_add_block(opa_aligning *a, opa_block block)
{
    if (a->block_count == a->block_capacity) {
        const size_t capacity = a->block_capacity ? a->block_capacity * 2 : 32;
        opa_block *blocks = opa_arena_array(a->scratch, capacity, sizeof *blocks);
        if (!blocks) {
            a->failed = true;
            /* The last block is overwritten; nothing is made of the blocks after a failure. */
            a->block_count -= a->block_count > 0;
            return;
        }
        if (a->block_count)
            memcpy(blocks, a->blocks, a->block_count * sizeof *blocks);
        a->blocks = blocks;
        a->block_capacity = capacity;
    }
    a->blocks[a->block_count++] = block;
}

/* Does every edited sentence stand in the response as it was rewritten, and its copy in the revised text? Copies that
 * are near are no witnesses: a small edit is near. */
static bool is_swapped(const opa_aligning *a)
{
    size_t edited = 0;
    opa_finder generated = {.hay = a->generated, .arena = a->scratch}, stored = {.hay = a->stored, .arena = a->scratch};
    for (size_t i = 0; i < a->report->count; i++) {
        const opa_text copied = opa_aligning_copied(a, i);
        const opa_text rewritten = opa_text_trim(a->report->sentences[i].rewritten);
        if (copied.size == 0 || rewritten.size == 0 || opa_text_equal(copied, rewritten))
            continue;
        if ((a->found[i].found && a->found[i].tolerance != OPA_TOLERATE_NEAR) ||
            opa_finder_next(&generated, rewritten, 0) == SIZE_MAX || opa_finder_next(&stored, copied, 0) == SIZE_MAX)
            return false;
        edited++;
    }
    return edited > 0;
}

static bool place_sentences(opa_aligning *a)
{
    const size_t n = a->report->count;
    opa_text *copies = opa_arena_array(a->scratch, n, sizeof *copies);
    a->found = opa_arena_array(a->scratch, n, sizeof *a->found);
    a->out->placed = opa_arena_array(a->memory, n, sizeof *a->out->placed);
    if (!copies || !a->found || !a->out->placed)
        return false;
    a->out->placed_count = n;
    for (size_t i = 0; i < n; i++) {
        copies[i] = opa_aligning_copied(a, i);
        a->inserted |= opa_aligning_is_inserted(a, i);
    }
    if (!opa_place(a->scratch, a->found, a->generated, copies, n, true))
        return false;
    a->out->swapped = a->stored.data && is_swapped(a);
    for (size_t i = 0; i < n && a->out->swapped; i++)
        if (a->found[i].tolerance == OPA_TOLERATE_NEAR)
            a->found[i] = (opa_found){0};
    return true;
}

typedef struct ordered {
    size_t begin, index;
} ordered;

static int by_begin(const void *x, const void *y)
{
    const ordered *a = x, *b = y;
    return a->begin != b->begin ? (a->begin > b->begin ? 1 : -1) : (a->index > b->index) - (a->index < b->index);
}

/* The sentences that have a place of their own, as they stand in the response. */
static bool order_sentences(opa_aligning *a)
{
    const size_t n = a->report->count;
    ordered *all = opa_arena_array(a->scratch, n, sizeof *all);
    a->order = opa_arena_array(a->scratch, n, sizeof *a->order);
    if (!all || !a->order)
        return false;
    size_t count = 0, end = 0;
    for (size_t i = 0; i < n; i++)
        if (a->found[i].found && !a->found[i].overlap)
            all[count++] = (ordered){a->found[i].span.begin, i};
    qsort(all, count, sizeof *all, by_begin);
    for (size_t k = 0; k < count; k++)
        if (a->found[all[k].index].span.begin >= end) {
            a->order[a->order_count++] = all[k].index;
            end = a->found[all[k].index].span.end;
        }
    return true;
}

static int make_hunks(opa_aligning *a, opa_context *ctx)
{
    opa_differ d = {.generated = a->generated, .revised = a->out->revised, .scratch = a->scratch};
    for (size_t k = 0; k < a->block_count; k++)
        opa_diff_block(&d, &a->blocks[k]);
    if (a->report && !a->out->spliced && !d.failed)
        opa_label_hunks(a, &d);
    int status = OPA_OK;
    if (!d.failed && (a->out->hunks = opa_arena_array(a->memory, d.count, sizeof *d.hunks)) != NULL) {
        if (d.count)
            memcpy(a->out->hunks, d.hunks, d.count * sizeof *d.hunks);
        a->out->hunk_count = d.count;
        if (!opa_hunks_prove(a->out->hunks, d.count, a->generated, a->out->revised)) {
            opa_aligning_note(a, OPA_F_ALIGNMENT_PROOF, NULL, "the edit script does not give the revised text back");
            status = opa_fail(ctx, OPA_ERECORD, "the edit script does not give the revised text back");
        }
    } else {
        status = opa_fail_memory(ctx);
    }
    free(d.hunks);
    return status;
}

static int align(opa_aligning *a, opa_context *ctx, const opa_align_options *options)
{
    if (a->report) {
        if (!place_sentences(a) || !order_sentences(a))
            return opa_fail_memory(ctx);
        opa_judge_placement(a);
        opa_judge_scores(a);
    }
    const opa_certificate c = a->out->certificate;
    const bool certified = c == OPA_EXACT || c == OPA_REPAIRED || c == OPA_AMBIGUOUS;
    if (certified && !options->keep_revised && !a->failed) {
        opa_splice(a);
        if (!a->failed)
            opa_judge_revised(a);
    } else if (a->stored.data && !a->failed) {
        opa_anchor_stored(a);
    }
    if (a->failed)
        return opa_fail_memory(ctx);
    return a->out->revised.data ? make_hunks(a, ctx) : OPA_OK;
}

int opa_align(opa_context *ctx, opa_alignment *out, opa_text generated, opa_text revised, const opa_report *report,
              const opa_align_options *options, opa_findings *findings)
{
    static const opa_align_options defaults = OPA_ALIGN_OPTIONS_INIT;
    *out = (opa_alignment){0};
    if (!generated.data)
        return opa_fail(ctx, OPA_EINVAL, "there is no generated text to align");
    if (generated.size >= UINT32_MAX / 4 || revised.size >= UINT32_MAX / 4)
        return opa_fail(ctx, OPA_EINVAL, "a text to align has 1 GiB or more");
    opa_aligning a = {.out = out,
                      .memory = opa_arena_new(),
                      .scratch = opa_arena_new(),
                      .generated = generated,
                      .stored = revised,
                      .report = report && report->state != OPA_REPORT_NONE ? report : NULL,
                      .findings = findings};
    int status = a.memory && a.scratch ? align(&a, ctx, options ? options : &defaults) : opa_fail_memory(ctx);
    /* A search that found no memory found nothing: that is no result. */
    if (a.failed || opa_arena_failed(a.scratch) || opa_arena_failed(a.memory))
        status = opa_fail_memory(ctx);
    opa_buffer_release(&a.text);
    opa_arena_free(a.scratch);
    out->memory = a.memory;
    if (status != OPA_OK)
        opa_alignment_release(out);
    return status;
}

void opa_alignment_release(opa_alignment *alignment)
{
    if (!alignment)
        return;
    opa_arena_free(alignment->memory);
    *alignment = (opa_alignment){0};
}
