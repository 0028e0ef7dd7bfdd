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

/** How a weight array follows from the report. */
typedef struct opa_weighting {
    enum { OPA_BY_NONE, OPA_BY_SCORE, OPA_BY_ERROR_TYPE } by;
    double value[5]; /**< by score: [1..4]; by error type: [opa_error_type]; [0] where the report does not say */
    double added;    /**< of the entry Added */
} opa_weighting;

typedef struct opa_recipe_mask {
    enum { OPA_MASK_PIXELS, OPA_MASK_PATCHES, OPA_MASK_NONE } method;
    double ratio;
} opa_recipe_mask;
extern const char *const opa_mask_names[3];

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
    enum { OPA_REPETITION_LOOP, OPA_REPETITION_RELEASED, OPA_REPETITION_NONE } repetition;
    bool report_required, revised_required;
    int64_t prompt_limit, response_limit; /**< tokens, -1: none */
    char *json;                           /**< canonical document */
    size_t json_size;
};

/** The weight that @p how gives to the tokens of a sentence. */
double opa_weighting_value(const opa_weighting *how, const opa_sentence *sentence);

#endif
