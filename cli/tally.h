/* SPDX-License-Identifier: Apache-2.0 */
/* Counts over the samples of a store or a pack, and their three forms: for people, as a document, as a picture. */
#ifndef OPAPAIRS_CLI_TALLY_H
#define OPAPAIRS_CLI_TALLY_H

#include "corrections.h"
#include "filter.h"

enum tally_text { TALLY_PROMPT, TALLY_GENERATED, TALLY_REVISED, TALLY_GROUND_TRUTH, TALLY_TEXTS };
/* "prompt", "generated" ... */
extern const char *const tally_text_names[TALLY_TEXTS];

/* Lengths of one text of all samples that have it, in tokens. */
struct lengths {
    uint32_t *of; /* ascending once the tally is finished */
    size_t count, capacity;
};
/* The smallest length that @p percent of the texts do not exceed (nearest rank). */
uint32_t lengths_percentile(const struct lengths *l, unsigned percent);

enum { TALLY_SHARES = 10 };

struct tally {
    struct cli *cli;
    const char *name; /* base name of the store or the pack */
    const struct filter *filter;
    char *chosen; /* what it says, for people; NULL: all samples */
    const opa_tokenizer *tokenizer;
    bool reviewed; /* a store: samples have a review */
    int64_t samples, images, edited, excluded, left_out;
    opa_pair_counts pairs;
    int64_t kept, deleted, inserted; /* tokens */
    int64_t sentences, added;
    int64_t certificates[OPA_BROKEN + 1];
    int64_t scores[5];                                /* [0]: none */
    int64_t error_types[OPA_ERROR_TYPE_LANGUAGE + 1]; /* [0]: none */
    int64_t reviews[OPA_REVIEW_EXCLUDED + 1];
    /* Samples by their share of edited tokens: of both texts, divided by all tokens of both. [0]: nothing is edited, [n]:
     * over (n - 1) * 10 up to n * 10 percent. */
    int64_t shares[TALLY_SHARES + 1];
    int64_t without_revised; /* samples that have no revised text, and so no share */
    struct lengths lengths[TALLY_TEXTS];
    struct corrections corrections;
    struct code_counts codes;

    opa_encoder *encoder;
    opa_tokens scratch;
    uint8_t (*hashes)[OPA_SHA256_SIZE]; /* of every image, for counting the distinct ones */
    size_t hash_count, hash_capacity;
};

/* Exit codes, or 0; messages are printed. The tally borrows from @p source and @p filter. */
int tally_begin(struct tally *out, struct source *source, const struct filter *filter);
int tally_sample(struct tally *t, const struct view *view);
/* Count what only all samples tell. */
int tally_finish(struct tally *t);
void tally_release(struct tally *t);

/* For people (tally_text.c). */
int tally_print(const struct tally *t);
/* stats.schema.json (tally_json.c). */
int tally_print_json(const struct tally *t);
/* A self-contained SVG (tally_svg.c) in memory, which the caller frees. */
int tally_draw(char **out, size_t *size, const struct tally *t);

/* "correct" ..., and "none" for 0. */
const char *tally_type_name(int type);
const char *tally_certificate_name(int certificate);

#endif
