/* SPDX-License-Identifier: Apache-2.0 */
#include "objective/objective.h"

#include <string.h>

#include "objective/pairwise.h"
#include "objective/paper.h"
#include "objective/release.h"

const char *pair_type_name(enum pair_type type)
{
    static const char *const names[PAIR_TYPES] = {"language", "image", "anchor"};
    return names[type];
}

const char *term_name(enum term term)
{
    static const char *const names[TERM_COUNT] = {"lc1",       "lc2",        "if1",        "if2",
                                                  "anchor_gt", "anchor_rev", "preference", "nll"};
    return names[term];
}

/* The script of the released code (run/train_opa_dpo.sh), which the paper's runs used. */
#define OPA_DEFAULTS                                                                                                   \
    {                                                                                                                  \
        .beta = 0.1, .gamma1 = 0.2, .gamma2 = 1, .delta = 0, .response_length = 896                                    \
    }
#define OPA_SOURCE "OPA-DPO, run/train_opa_dpo.sh"
#define DPO_SOURCE "DPO, arXiv 2305.18290; TRL's default"
#define LANGUAGE                                                                                                       \
    {                                                                                                                  \
        [PAIR_LANGUAGE] = true                                                                                         \
    }

/* clang-format off */
static const struct objective
    paper = {"paper", "OPA-DPO as published: a sigmoid a pair and sequence", UNIT_SAMPLE, true, {true, true, true}, false,
             NULL, OPA_DEFAULTS, OPA_SOURCE},
    release = {"release", "OPA-DPO as released: a sigmoid a token position, over 896 with padding; the revised anchor's "
               "sign turned", UNIT_POSITION, true, {true, true, true}, false, NULL, OPA_DEFAULTS, OPA_SOURCE},
    sigmoid_ = {"sigmoid", "DPO", UNIT_PAIR, true, LANGUAGE, false, &pairwise_sigmoid, {.beta = 0.1}, DPO_SOURCE},
    cdpo = {"cdpo", "DPO whose labels are wrong with a probability", UNIT_PAIR, true, LANGUAGE, false, &pairwise_cdpo,
            {.beta = 0.1, .label_smoothing = 0.1}, "Mitchell 2023, 'A note on DPO with noisy preferences'"},
    robust = {"robust", "the same, unbiased", UNIT_PAIR, true, LANGUAGE, false, &pairwise_robust,
              {.beta = 0.1, .label_smoothing = 0.1}, "robust DPO, arXiv 2403.00409"},
    hinge = {"hinge", "SLiC's hinge on DPO's margin", UNIT_PAIR, true, LANGUAGE, false, &pairwise_hinge, {.beta = 0.1},
             "SLiC-HF, arXiv 2305.10425; beta as TRL"},
    ipo = {"ipo", "squared distance of the mean margin from 1/(2 beta)", UNIT_PAIR, true, LANGUAGE, false, &pairwise_ipo,
           {.beta = 0.1}, "IPO, arXiv 2310.12036; means a token as TRL"},
    sigmoid_norm = {"sigmoid_norm", "DPO over means a token", UNIT_PAIR, true, LANGUAGE, false, &pairwise_sigmoid_norm,
                    {.beta = 0.1}, "TRL's sigmoid_norm"},
    simpo = {"simpo", "mean log-probs with a margin, no reference", UNIT_PAIR, false, LANGUAGE, false, &pairwise_simpo,
             {.beta = 2, .margin = 0.5}, "SimPO, arXiv 2405.14734; TRL CPO's defaults"},
    orpo = {"orpo", "likelihood and odds ratio, no reference", UNIT_PAIR, false, LANGUAGE, false, &pairwise_orpo,
            {.lambda = 0.1}, "ORPO, arXiv 2403.07691; TRL's default"},
    rpo = {"rpo", "DPO and the chosen response's likelihood", UNIT_PAIR, true, LANGUAGE, false, &pairwise_rpo,
           {.beta = 0.1, .alpha = 1}, "RPO, arXiv 2404.19733; TRL [sigmoid, sft]"},
    ddpo = {"ddpo", "DPO over weighted means (RLHF-V): the pack's weights, by hunks", UNIT_PAIR, true, LANGUAGE, true,
            &pairwise_ddpo, {.beta = 0.5}, "RLHF-V, arXiv 2312.00849"},
    ddpo_sum = {"ddpo_sum", "the same over weighted sums, as released", UNIT_PAIR, true, LANGUAGE, true,
                &pairwise_ddpo_sum, {.beta = 0.1}, "RLHF-V's released script"},
    bco_pair = {"bco_pair", "chosen up and rejected down, each against the reference", UNIT_PAIR, true, LANGUAGE, false,
                &pairwise_bco_pair, {.beta = 0.1}, "BCO, arXiv 2404.04656; TRL's bco_pair"},
    nca_pair = {"nca_pair", "noise contrastive alignment", UNIT_PAIR, true, LANGUAGE, false, &pairwise_nca_pair,
                {.beta = 0.1}, "NCA, arXiv 2402.05369; TRL's nca_pair"},
    apo_zero = {"apo_zero", "anchored: chosen up, rejected down", UNIT_PAIR, true, LANGUAGE, false, &pairwise_apo_zero,
                {.beta = 0.1}, "APO, arXiv 2408.06266; TRL's apo_zero"},
    apo_down = {"apo_down", "anchored: both down, rejected more", UNIT_PAIR, true, LANGUAGE, false, &pairwise_apo_down,
                {.beta = 0.1}, "APO, arXiv 2408.06266; TRL's apo_down"},
    sppo_hard = {"sppo_hard", "squared distances of both from +-1/(2 beta)", UNIT_PAIR, true, LANGUAGE, false,
                 &pairwise_sppo_hard, {.beta = 0.1}, "SPPO, arXiv 2405.00675; TRL's sppo_hard"};
/* clang-format on */

static const struct objective *const list[] = {
    &paper, &release, &sigmoid_, &cdpo,     &robust,   &hinge,    &ipo,      &sigmoid_norm, &simpo, &orpo,
    &rpo,   &ddpo,    &ddpo_sum, &bco_pair, &nca_pair, &apo_zero, &apo_down, &sppo_hard,    NULL};

const struct objective *const *objective_list(void)
{
    return list;
}

const struct objective *objective_find(const char *name)
{
    for (size_t i = 0; list[i] != NULL; i++) {
        if (strcmp(list[i]->name, name) == 0)
            return list[i];
    }
    return NULL;
}

double objective_scale(const struct objective *o, const struct coefficients *c, struct objective_counts counts)
{
    switch (o->unit) {
    case UNIT_SAMPLE:
        return 1 / (double)counts.samples;
    case UNIT_POSITION:
        return 1 / ((double)counts.samples * c->response_length);
    case UNIT_PAIR:
        break;
    }
    return 1 / (double)counts.pairs;
}

void objective_add(const struct objective *o, const struct coefficients *c, double scale,
                   const struct objective_pair *pair, struct terms *terms)
{
    if (!o->needs[pair->type])
        return;
    if (o->row != NULL)
        pairwise_add(o->row, c, scale, pair, terms);
    else if (o->unit == UNIT_POSITION)
        release_add(c, scale, pair, terms);
    else
        paper_add(c, scale, pair, terms);
}

double side_score(const struct objective_side *side)
{
    double sum = 0;
    for (size_t i = 0; i < side->count; i++)
        sum += (side->weights ? side->weights[i] : 1) * (side->policy[i] - (side->reference ? side->reference[i] : 0));
    return sum;
}

void side_push(const struct objective_side *side, double factor)
{
    for (size_t i = 0; i < side->count; i++)
        side->slope[i] += factor * (side->weights ? side->weights[i] : 1);
}
