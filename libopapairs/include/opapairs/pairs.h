/* SPDX-License-Identifier: Apache-2.0 */
/** @file pairs.h
 *  Recipes, token weights and the three pair types: language (revised over generated, ground truth over generated),
 * image (the same response under the clean over the masked image), anchor (OPA-DPO, section 3.3). A recipe is a JSON
 * document (schemas/recipe.schema.json) that says which pairs, weights, masks, filters and limits.
 */
#ifndef OPAPAIRS_PAIRS_H
#define OPAPAIRS_PAIRS_H

#include <opapairs/json.h>
#include <opapairs/sample.h>

OPA_BEGIN_DECLS

/** A recipe. Immutable; threads may share it. */
typedef struct opa_recipe opa_recipe;

typedef struct opa_recipe_builtin {
    const char *name;
    const char *description; /**< one sentence */
    const char *json;        /**< the document */
} opa_recipe_builtin;
/** The built-in recipes; the first is the default. Static storage. */
OPA_API const opa_recipe_builtin *opa_recipe_builtins(size_t *count);

/** A built-in recipe by name, else the file of that path; NULL is the default, opa-dpo. OPA_ENOENT; OPA_EDATA: not a
 * recipe (the message names the place in the document and what is allowed there). */
OPA_API int opa_recipe_open(opa_context *ctx, opa_recipe **out, const char *name_or_path);
/** The same from the document's bytes. */
OPA_API int opa_recipe_parse(opa_context *ctx, opa_recipe **out, opa_text json);
OPA_API void opa_recipe_free(opa_recipe *recipe);
OPA_API const char *opa_recipe_name(const opa_recipe *recipe);
/** The whole document, canonical: one line, every default written out, keys in the schema's order. Borrowed. */
OPA_API opa_text opa_recipe_json(const opa_recipe *recipe);
/** How the recipe wants samples aligned (released semantics use the stored revised text). */
OPA_API opa_align_options opa_recipe_align_options(const opa_recipe *recipe);

typedef struct opa_pair_counts {
    size_t language, image, anchor;
} opa_pair_counts;

/** What a recipe makes of a sample. */
typedef struct opa_pairs {
    opa_pair_counts counts;
    bool use_revised, use_ground_truth; /**< whether these responses are there, for pairs or for scoring */
    int left_out;                       /**< 0, or the finding code that keeps the sample out (OPA_F_FILTERED ...) */
    const char *reason;                 /**< of left_out: which filter, static storage; NULL */
} opa_pairs;

/** Which pairs the recipe builds, and whether its filters let the sample pass. What needs a tokenizer, the token limits
 * and filters.edit_share_max, is not looked at here but in opa_pairs_write(). */
OPA_API void opa_recipe_apply(const opa_recipe *recipe, opa_pairs *out, const opa_sample *sample,
                              const opa_assessment *assessment);

/** What opa_pairs_write() needs beside the sample. */
typedef struct opa_pairs_options {
    const opa_recipe *recipe;
    opa_encoder *encoder;
    const opa_tokenizer *tokenizer;
    int32_t eos;   /**< id that ends a response */
    uint64_t seed; /**< the pack's seed */
} opa_pairs_options;

/** Write the sample's member of a pack (spec: one JSON object, schemas/sample.schema.json) with @p w. @p assessment
 * must have been made with opa_recipe_align_options(). The alignment's proof is repeated. Findings about what the
 * released code would lose, and about limits, go to @p findings. OPA_ERECORD: the recipe's limits leave the sample out
 * (finding OPA_F_RESPONSE_LONG or OPA_F_PROMPT_LONG), or its filters.edit_share_max does (OPA_F_FILTERED): the tokens
 * of edited hunks of both sides, divided by all tokens of the generated and the revised text (each tokenised whole,
 * without EOS), are over it; without a revised text the share is 0. OPA_ENOMEM. */
OPA_API int opa_pairs_write(opa_context *ctx, opa_json_writer *w, const opa_pairs_options *options,
                            const opa_sample *sample, const opa_assessment *assessment, opa_findings *findings);

/** Weights of one response's tokens by the sentences of the report, as spec "Whole-response tokenisation" says: a token
 * takes the value of the first sentence whose end lies after the token's first byte; the tail goes to the last. @p ends
 * and @p values are @p n sentences in order of their place; without any the weights are 1. EOS is not among @p tokens.
 */
OPA_API void opa_weights_by_sentence(double *weights, const opa_tokens *tokens, const size_t *ends,
                                     const double *values, size_t n);

/** Weights of one response's tokens by the edit script, as recipes with "by": "hunks" have them: @p changed for those of
 * edited hunks, insertions and deletions included, and @p kept for all others. @p spans are the hunks' tokens on that
 * side, from opa_align_tokens(). EOS is not among them; in a member its weight follows the same rule whatever the
 * weights go by: 0 in generated, its neighbour's in revised. A response that is no side of a script (the ground truth; a
 * generated response without a revised one) weighs 1. A trainer multiplies per-token log-ratios by these weights;
 * RLHF-V's DDPO (arXiv 2312.00849) is changed = gamma (5 in the paper), kept = 1, divided by the weights'
 * sum; its published code finds changes only where both sides have tokens, and so none in pure insertions and
 * deletions. */
OPA_API void opa_weights_by_hunk(double *weights, const opa_hunk *hunks, const opa_span *spans, size_t hunk_count,
                                 double changed, double kept);

/** Seed of the mask of visit @p visit: the first 8 bytes, little-endian, of SHA-256(id NUL seed NUL visit), numbers in
 * decimal. */
OPA_API uint64_t opa_mask_seed(opa_text id, uint64_t seed, uint64_t visit);
/** Draw floor(ratio * n) of the positions 0..n-1 without replacement (SplitMix64, Fisher-Yates; spec "Mask"). @p
 * positions has room for n; its first k entries are the masked ones. Returns k. */
OPA_API size_t opa_mask_draw(uint32_t *positions, uint32_t n, double ratio, uint64_t seed);

/** Does the text end in a loop? True when a unit (a sentence, a run of words, or a word) is repeated at the end at
 * least five times for sentences, eight for runs of words, thirty for a word; decimals and ellipses are no sentence
 * ends. */
OPA_API bool opa_text_loops(opa_text text);
/** The released filter (make_opadpo_dataset): the last sentence, cut at '.', stands earlier in the text, or the last
 * word stands over 30 times before. It also hits texts that end in ".." and some with decimals. */
OPA_API bool opa_text_repeats_released(opa_text text);

OPA_END_DECLS
#endif
