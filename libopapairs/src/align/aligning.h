/* SPDX-License-Identifier: Apache-2.0 */
/** @file aligning.h
 *  One alignment while it is made: align.c places and proves, judge.c gives certificate and findings, splice.c and
 * stored.c make the blocks of the two ways to a revised text, label.c gives hunks their sentence.
 */
#ifndef OPA_ALIGN_ALIGNING_H
#define OPA_ALIGN_ALIGNING_H

#include "align/diff.h"
#include "align/place.h"
#include "base/buffer.h"
#include "base/findings.h"

typedef struct opa_aligning {
    opa_alignment *out;
    opa_arena *memory;  /**< owns what *out points to */
    opa_arena *scratch; /**< until the alignment is made */
    opa_text generated, stored;
    const opa_report *report; /**< NULL: none */
    opa_findings *findings;
    opa_found *found; /**< of each sentence in the generated text */
    size_t *order;    /**< sentences with a place of their own, by place */
    size_t order_count;
    bool inserted; /**< some sentence has no copied text, but a rewriting */
    opa_block *blocks;
    size_t block_count, block_capacity;
    opa_buffer text; /**< the spliced text */
    bool failed;     /**< out of memory; so may the arenas be */
} opa_aligning;

/** The trimmed copied text of sentence @p i; empty for Added and where there is none. */
opa_text opa_aligning_copied(const opa_aligning *a, size_t i);
/** What stands for sentence @p i in the revised text, trimmed: its rewriting; the response's own words where the expert
 * left the copy as it was (a copy may differ from the response) or wrote nothing down. */
opa_text opa_aligning_rewritten(const opa_aligning *a, size_t i);
/** A sentence without copied text that has a rewriting, and is not Added. */
bool opa_aligning_is_inserted(const opa_aligning *a, size_t i);
/** The field of a finding, "KEY.name", cut to fit; returns @p out. */
const char *opa_aligning_field(const opa_aligning *a, size_t i, const char *name, char out[64]);
/** A finding of this alignment; @p field may be NULL. */
void opa_aligning_note(opa_aligning *a, int code, const char *field, const char *format, ...) OPA_PRINTF(4, 5);
/** Behind the last one. */
void opa_aligning_add_block(opa_aligning *a, opa_block block);

/** Gaps, overlaps, certificate, and the findings of placement. */
void opa_judge_placement(opa_aligning *a);
/** Findings where score, error type and change contradict each other. */
void opa_judge_scores(opa_aligning *a);
/** A finding when the stored revised text is not what the edits give. */
void opa_judge_revised(opa_aligning *a);

/** The generated text with the edits put in, and its blocks. */
void opa_splice(opa_aligning *a);
/** The blocks between the generated and the stored revised text, anchored at the sentences that are found in both. */
void opa_anchor_stored(opa_aligning *a);
/** Give hunks outside of sentence blocks the sentence that they lie in, cutting them where several do. Replaces
 * d->hunks. */
void opa_label_hunks(opa_aligning *a, opa_differ *d);

#endif
