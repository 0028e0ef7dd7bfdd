/* SPDX-License-Identifier: Apache-2.0 */
/* dpo: step 4 of OPA-DPO, and plain preference optimisation. */
#include <math.h>
#include <string.h>

#include "training.h"

enum { DPO_FLAGS = TRAINING_FLAGS + 15 };

static void dpo_flags(struct training *tr, struct flag *flags)
{
    struct training_options *o = &tr->options;
    const struct flag own[DPO_FLAGS - TRAINING_FLAGS] = {
        {"resume", 0, FLAG_SWITCH, &o->resume},
        {"objective", 0, FLAG_TEXT, &o->objective},
        {"reference", 0, FLAG_TEXT, &o->reference},
        {"reference-cache", 0, FLAG_TEXT, &o->reference_cache},
        {"masks", 0, FLAG_TEXT, &o->masks},
        {"context", 0, FLAG_TEXT, &o->context},
        {"beta", 0, FLAG_REAL, &o->c.beta},
        {"gamma1", 0, FLAG_REAL, &o->c.gamma1},
        {"gamma2", 0, FLAG_REAL, &o->c.gamma2},
        {"delta", 0, FLAG_REAL, &o->c.delta},
        {"label-smoothing", 0, FLAG_REAL, &o->c.label_smoothing},
        {"margin", 0, FLAG_REAL, &o->c.margin},
        {"lambda", 0, FLAG_REAL, &o->c.lambda},
        {"nll-weight", 0, FLAG_REAL, &o->c.alpha},
        {"response-length", 0, FLAG_REAL, &o->c.response_length},
    };
    training_flags(tr, flags);
    memcpy(flags + TRAINING_FLAGS, own, sizeof own);
}

/* Coefficients that no flag gave are the objective's; NAN marks them. */
static const struct coefficients unset = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};

static void choose(double *out, double given, double otherwise)
{
    *out = isnan(given) ? otherwise : given;
}

static void set_coefficients(struct coefficients *out, const struct coefficients *given, const struct coefficients *own)
{
    choose(&out->beta, given->beta, own->beta);
    choose(&out->gamma1, given->gamma1, own->gamma1);
    choose(&out->gamma2, given->gamma2, own->gamma2);
    choose(&out->delta, given->delta, own->delta);
    choose(&out->label_smoothing, given->label_smoothing, own->label_smoothing);
    choose(&out->margin, given->margin, own->margin);
    choose(&out->lambda, given->lambda, own->lambda);
    choose(&out->alpha, given->alpha, own->alpha);
    choose(&out->response_length, given->response_length, own->response_length);
    choose(&out->severity, given->severity, own->severity);
}

/* A coefficient and its option: does the objective read it? */
struct given {
    const char *option;
    double value; /* NAN: not given */
    bool read, positive, least_zero;
};

/* Those that are not read are named, wrong ones refused. */
static int check_coefficients(struct cli *cli, const struct objective *o, const struct coefficients *c)
{
    const struct coefficients *own = &o->defaults;
    const bool images = o->needs[PAIR_IMAGE], anchors = o->needs[PAIR_ANCHOR];
    const struct given all[] = {{"beta", c->beta, own->beta != 0, true, false},
                                {"gamma1", c->gamma1, images, false, true},
                                {"gamma2", c->gamma2, anchors, false, true},
                                {"delta", c->delta, anchors, false, false},
                                {"label-smoothing", c->label_smoothing, own->label_smoothing != 0, false, true},
                                {"margin", c->margin, own->margin != 0, false, false},
                                {"lambda", c->lambda, own->lambda != 0, false, true},
                                {"nll-weight", c->alpha, own->alpha != 0, false, true},
                                {"response-length", c->response_length, o->unit == UNIT_POSITION, true, false}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const struct given *g = &all[i];
        if (isnan(g->value))
            continue;
        if (g->positive && !(g->value > 0))
            return cli_usage(cli, "--%s %g: above 0", g->option, g->value);
        if (g->least_zero && g->value < 0)
            return cli_usage(cli, "--%s %g: 0 or above", g->option, g->value);
        if (!g->read)
            cli_note(cli, "warning: --%s: the objective %s does not read it", g->option, o->name);
    }
    return GO_ON;
}

static int list_objectives(struct cli *cli, const char *unknown)
{
    char names[256] = "";
    for (const struct objective *const *o = objective_list(); *o != NULL; o++) {
        strcat(names, (*o)->name);
        strcat(names, o[1] ? ", " : "");
    }
    return cli_usage(cli, "--objective: '%s' is none of %s", unknown, names);
}

static int read_options(struct training *tr)
{
    struct cli *cli = tr->run.cli;
    struct training_options *o = &tr->options;
    const struct objective *objective = objective_find(o->objective);
    if (objective == NULL)
        return list_objectives(cli, o->objective);
    tr->loss.objective = objective;
    tr->reference = objective->reference;
    const int go = check_coefficients(cli, objective, &o->c);
    if (go != GO_ON)
        return go;
    set_coefficients(&o->c, &o->c, &objective->defaults);
    tr->loss.c = o->c;
    tr->fresh = strcmp(o->masks, "fresh") == 0;
    if (!tr->fresh && strcmp(o->masks, "fixed") != 0)
        return cli_usage(cli, "--masks: '%s' is neither fresh nor fixed", o->masks);
    tr->fresh = tr->fresh && objective->needs[PAIR_IMAGE];
    const char *context = o->context ? o->context : strcmp(o->objective, "release") == 0 ? "release" : "sft";
    tr->context = strcmp(context, "release") == 0 ? CONTEXT_RELEASE : CONTEXT_SFT;
    if (tr->context == CONTEXT_SFT && strcmp(context, "sft") != 0)
        return cli_usage(cli, "--context: '%s' is neither sft nor release", context);
    return GO_ON;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct training tr = {.run = {.cli = cli}, .targets = TARGETS_LLM};
    struct config_arguments config = {0};
    struct flag flags[DPO_FLAGS];
    tr.options = (struct training_options){.schedule = "cosine",
                                           .loss_mean = "update",
                                           .lr = 1e-6,
                                           .warmup = 10,
                                           .clip = 1,
                                           .alpha = NAN, /* twice the rank, or START's */
                                           .rank = -1,   /* 256, or START's */
                                           .epochs = 4,
                                           .batch = 32,
                                           .micro_tokens = 4096,
                                           .save_every = 25,
                                           .keep = 2,
                                           .objective = "paper",
                                           .reference = "START",
                                           .masks = "fresh",
                                           .c = unset};
    dpo_flags(&tr, flags);
    int go = training_begin(&tr);
    if (go == GO_ON)
        go = config_arguments(cli, &tr.run.t, &config, argc, argv, flags, DPO_FLAGS);
    if (go == GO_ON)
        go = cli_options(cli, argc, argv, flags, DPO_FLAGS);
    if (go == GO_ON)
        go = cli_arguments(cli, 1, -1, "one or more packs");
    if (go == GO_ON)
        go = read_options(&tr);
    go = training_run(&tr, go);
    training_release(&tr);
    config_arguments_release(&config);
    return go;
}

const struct command cmd_dpo = {
    .name = "dpo",
    .summary = "preference optimisation: OPA-DPO and its relatives",
    .help =
        "Example: opatrain dpo --model llava-1.5-7b-hf/ --adapter opa packs/v1 -o opa-dpo\n"
        "         opatrain dpo --model smollm2/ packs/text -o dpo --objective sigmoid --reference base\n\n"
        "Usage: opatrain dpo --model DIR [--adapter START] PACK... -o OUT\n\n"
        "Trains START (a fresh adapter without it) on the packs' pairs. The reference is START, as the paper wants "
        "it.\n"
        "OUT receives a PEFT adapter, log.jsonl with the same for TensorBoard beside it, run.json and checkpoints.\n"
        "Defaults are OPA-DPO's (run/train_opa_dpo.sh): --lr 1e-6 --warmup 10 (5 of its scheduler's ticks) --clip 1\n"
        "--epochs 4 --batch 32 --targets llm.\n\n" MODEL_HELP "  -o, --output OUT     the run's folder\n"
        "  --objective NAME     paper (default), release; of language pairs alone: sigmoid, cdpo, robust, hinge, ipo,\n"
        "                       sigmoid_norm, simpo, orpo, rpo, ddpo, ddpo_sum, bco_pair, nca_pair, apo_zero, "
        "apo_down,\n"
        "                       sppo_hard; their weights are the pack's\n"
        "  --reference WHICH    START (default), base: the model without adapter, or another adapter's folder\n"
        "  --reference-cache F  where the reference's log-probs are kept (OUT/reference.cache), to share them\n"
        "  --masks WHICH        fresh (default, the paper's): drawn anew each visit; fixed: the pack's\n"
        "  --context CONTEXT    sft: the canonical prompt; release: the released DPO code's (default of release)\n"
        "  --beta B             0.1 (OPA-DPO, DPO, TRL); simpo 2 (arXiv 2405.14734), ddpo 0.5 (arXiv 2312.00849)\n"
        "  --gamma1 G           of image pairs, 0.2 (OPA-DPO's script)\n"
        "  --gamma2 G           of anchors, 1 (OPA-DPO's script)\n"
        "  --delta D            the anchors' threshold, 0 (OPA-DPO's script)\n"
        "  --label-smoothing E  cdpo, robust: 0.1\n"
        "  --margin M           simpo: 0.5 (TRL)\n"
        "  --lambda L           orpo: 0.1 (TRL)\n"
        "  --nll-weight A       rpo: 1 (arXiv 2404.19733)\n"
        "  --response-length N  release: 896 positions (OPA-DPO's script)\n"
        "  --targets WHICH      llm (default), llm+projector or all\n" TRAINING_HELP RANKS_HELP,
    .run = run,
};
