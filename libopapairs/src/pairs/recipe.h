/* SPDX-License-Identifier: Apache-2.0 */
/** @file recipe.h
 *  A recipe as the rest of the room sees it. Documents become this struct in recipe.c; what it means is in pairs.c.
 */
#ifndef OPA_PAIRS_RECIPE_H
#define OPA_PAIRS_RECIPE_H

#include <opapairs/pairs.h>

/** The responses of a sample, in the order in which a member lists them. */
typedef enum opa_role { OPA_ROLE_GENERATED, OPA_ROLE_REVISED, OPA_ROLE_GROUND_TRUTH, OPA_ROLES } opa_role;
extern const char *const opa_role_names[OPA_ROLES];

typedef enum opa_pair_type { OPA_PAIR_LANGUAGE, OPA_PAIR_IMAGE, OPA_PAIR_ANCHOR } opa_pair_type;
extern const char *const opa_pair_type_names[3];

/** The two weight arrays of a response. */
enum { OPA_WEIGHTS_LANGUAGE, OPA_WEIGHTS_IMAGE, OPA_WEIGHTS };
extern const char *const opa_weights_names[OPA_WEIGHTS];

typedef struct opa_recipe_pair {
    opa_pair_type type;
    opa_role chosen;   /**< the response of an image or anchor pair */
    opa_role rejected; /**< of a language pair */
    size_t mask;       /**< of an image pair: place in masks */
    int weights;       /**< which array, -1: none */
} opa_recipe_pair;

/** How a weight array follows from the report, or from the edit script. */
typedef struct opa_weighting {
    enum { OPA_BY_NONE, OPA_BY_SCORE, OPA_BY_ERROR_TYPE, OPA_BY_HUNKS } by;
    double value[5];      /**< by score: [1..4]; by error type: [opa_error_type]; [0] where the report does not say */
    double added;         /**< of the entry Added */
    double changed, kept; /**< by hunks: of tokens in edited hunks, and of all others */
} opa_weighting;

typedef struct opa_recipe_mask {
    enum { OPA_MASK_PIXELS, OPA_MASK_PATCHES, OPA_MASK_NONE } method;
    double ratio;
} opa_recipe_mask;
extern const char *const opa_mask_names[3];

enum { OPA_CERTIFICATES = OPA_BROKEN + 1 };

/** Which samples are left out. */
typedef struct opa_filters {
    enum { OPA_REPETITION_LOOP, OPA_REPETITION_RELEASED, OPA_REPETITION_NONE } repetition;
    bool report_required, revised_required, unedited_dropped;
    bool certificates[OPA_CERTIFICATES]; /**< which may pass */
    double edit_share_max;               /**< 0 to 1, -1: none */
} opa_filters;

#define OPA_RECIPE_MAX_PAIRS 32
#define OPA_RECIPE_MAX_MASKS 8

struct opa_recipe {
    char *name, *description;
    enum { OPA_REVISED_SPLICED, OPA_REVISED_STORED } revised;
    enum { OPA_TOKENS_WHOLE, OPA_TOKENS_SENTENCES } tokenization;
    opa_recipe_pair pairs[OPA_RECIPE_MAX_PAIRS];
    size_t pair_count;
    opa_weighting weights[OPA_WEIGHTS];
    opa_recipe_mask masks[OPA_RECIPE_MAX_MASKS];
    size_t mask_count;
    opa_filters filters;
    int64_t prompt_limit, response_limit; /**< tokens, -1: none */
    char *json;                           /**< canonical document */
    size_t json_size;
};

/** Spellings in documents, in the order of the enums; the lists end with NULL. */
extern const char *const opa_revised_names[],
    *const opa_tokenization_names[],
        *const opa_by_names[], *const opa_repetition_names[], *const opa_required_names[], *const opa_unedited_names[];
extern const char *const opa_certificate_names[OPA_CERTIFICATES + 1];
/** Keys of a weighting by score, in the order of opa_weighting.value from [1] on. */
extern const char *const opa_score_keys[];

/** Form recipe->json from the rest. */
int opa_recipe_write(opa_context *ctx, opa_recipe *recipe);

/** The weight that @p how, by score or error type, gives to the tokens of a sentence; 1 for any other. */
double opa_weighting_value(const opa_weighting *how, const opa_sentence *sentence);

#endif
