/* SPDX-License-Identifier: Apache-2.0 */
/** @file align.h
 *  Token-level alignment, the heart: where each sentence of the report stands in the response, which words the expert
 *  changed, and which of the model's tokens these are.
 *
 *  The sentence is the border, the word is the unit, tokens get the result. Inside each placed sentence (in the whole
 * response where there is no report) a shortest edit script over words (Myers, O(ND)) gives hunks; a sentence that
 * shares too little with its rewriting is one substitution. Hunks tile both texts byte for byte: applying them to one
 * side gives the other, which is proved for every sample each time.
 */
#ifndef OPAPAIRS_ALIGN_H
#define OPAPAIRS_ALIGN_H

#include <opapairs/report.h>
#include <opapairs/tokenizer.h>

OPA_BEGIN_DECLS

typedef enum opa_op { OPA_KEEP, OPA_DELETE, OPA_INSERT, OPA_SUBSTITUTE } opa_op;
/** "keep", "delete", "insert", "substitute". */
OPA_API const char *opa_op_name(opa_op op);

/** One piece of the edit script. */
typedef struct opa_hunk {
    opa_op op;
    int sentence;       /**< index into the report's sentences, -1 for none */
    opa_span generated; /**< bytes */
    opa_span revised;   /**< bytes; equal bytes on both sides for a keep, never for the others */
} opa_hunk;

typedef enum opa_placement {
    OPA_PLACED_NONE = 0,
    OPA_PLACED_EXACT,
    OPA_PLACED_REPAIRED,
    OPA_PLACED_AMBIGUOUS,
    OPA_PLACED_MISSING
} opa_placement;
/** "exact", "repaired", "ambiguous", "missing"; NULL for OPA_PLACED_NONE (Added, or nothing copied). */
OPA_API const char *opa_placement_name(opa_placement placement);

typedef enum opa_certificate {
    OPA_CERTIFICATE_NONE = 0,
    OPA_EXACT,
    OPA_REPAIRED,
    OPA_AMBIGUOUS,
    OPA_BROKEN
} opa_certificate;
/** "exact", "repaired", "ambiguous", "broken"; NULL for OPA_CERTIFICATE_NONE. */
OPA_API const char *opa_certificate_name(opa_certificate certificate);

/** Where one sentence of the report stands. */
typedef struct opa_placed {
    opa_placement placement;
    bool moved; /**< reported in another order than the response has */
    bool has_generated, has_revised;
    opa_span generated; /**< bytes of the generated response, ends trimmed */
    opa_span revised;   /**< bytes of the revised response; empty where the sentence was removed */
} opa_placed;

/** The alignment of one sample; {0} is an empty one. */
typedef struct opa_alignment {
    opa_certificate certificate;
    opa_text revised; /**< the revised text that the hunks lead to: the edits spliced into the generated text when the
                           report is certified and no revised text was set by hand, else the stored one. data NULL when
                         there is none */
    bool spliced;     /**< revised was made by splicing */
    opa_hunk *hunks;
    size_t hunk_count;
    opa_placed *placed; /**< one for each sentence of the report */
    size_t placed_count;
    opa_span *gaps; /**< visible text of the generated response in no sentence, bytes */
    size_t gap_count;
    opa_span *overlaps; /**< text that two sentences claim, bytes */
    size_t overlap_count;
    bool swapped; /**< the generated text holds the rewritten sentences in place of the copied ones */
    void *memory; /**< owns all of the above */
} opa_alignment;

typedef struct opa_align_options {
    bool keep_revised; /**< default false: true uses the stored revised text even when the report is certified (set by
                            hand, or the released semantics) */
} opa_align_options;
#define OPA_ALIGN_OPTIONS_INIT                                                                                         \
    {                                                                                                                  \
        .keep_revised = false                                                                                          \
    }

/** Align. @p revised is the stored revised text (data NULL: none), @p report may be NULL or in any state; both must
 *  outlive *out, and so must @p generated. Findings of placement and of contradictions between edits and scores are
 * appended to @p findings (may be NULL). Without any revised text there are no hunks. OPA_ENOMEM, or OPA_ERECORD with
 * OPA_F_ALIGNMENT_PROOF should the proof fail. */
OPA_API int opa_align(opa_context *ctx, opa_alignment *out, opa_text generated, opa_text revised,
                      const opa_report *report, const opa_align_options *options, opa_findings *findings);
OPA_API void opa_alignment_release(opa_alignment *alignment);

/** Myers' shortest edit script between two texts, over words, as hunks (sentence -1). The caller frees *out with
 * free(). */
OPA_API int opa_diff_words(opa_context *ctx, opa_hunk **out, size_t *count, opa_text generated, opa_text revised);

/** Code points before a byte position; a lone surrogate counts one. */
OPA_API size_t opa_text_chars(opa_text text, size_t bytes);

/** The tokens of one side that belong to each hunk. @p spans gets @p hunk_count ranges of token indices: disjoint, in
 * order, covering all tokens. A token with a visible byte in an edited hunk belongs to the first such hunk, any other
 * to the hunk of its first byte. @p revised_side chooses the side of the hunks; @p text and @p tokens are that side's.
 */
OPA_API void opa_align_tokens(opa_span *spans, const opa_hunk *hunks, size_t hunk_count, bool revised_side,
                              opa_text text, const opa_tokens *tokens);

OPA_END_DECLS
#endif
