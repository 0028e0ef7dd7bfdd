/* SPDX-License-Identifier: Apache-2.0 */
/* sft: OPA-SFT, step 3 of OPA-DPO: the expert's corrections become on-policy. */
#include <string.h>

#include <math.h>

#include "training.h"

static int run(struct cli *cli, int argc, char **argv)
{
    struct training tr = {.run = {.cli = cli}, .targets = TARGETS_ALL, .context = CONTEXT_SFT};
    struct training_options *o = &tr.options;
    struct config_arguments config = {0};
    struct flag flags[TRAINING_FLAGS + 2];
    *o = (struct training_options){.schedule = "cosine",
                                   .loss_mean = "update",
                                   .lr = 2e-5,
                                   .warmup = 0.03,
                                   .alpha = NAN, /* twice the rank, or START's */
                                   .rank = -1,   /* 256, or START's */
                                   .epochs = 2,
                                   .batch = 64,
                                   .micro_tokens = 4096,
                                   .save_every = 25,
                                   .keep = 2};
    training_flags(&tr, flags);
    flags[TRAINING_FLAGS] = (struct flag){"resume", 0, FLAG_SWITCH, &o->resume};
    flags[TRAINING_FLAGS + 1] = (struct flag){"loss-mean", 0, FLAG_TEXT, &o->loss_mean};
    int go = training_begin(&tr);
    if (go == GO_ON)
        go = config_arguments(cli, &tr.run.t, &config, argc, argv, flags, TRAINING_FLAGS + 2);
    if (go == GO_ON)
        go = cli_options(cli, argc, argv, flags, TRAINING_FLAGS + 2);
    if (go == GO_ON)
        go = cli_arguments(cli, 1, -1, "one or more packs");
    tr.loss.micro_batch_mean = strcmp(o->loss_mean, "micro-batch") == 0;
    if (go == GO_ON && !tr.loss.micro_batch_mean && strcmp(o->loss_mean, "update") != 0)
        go = cli_usage(cli, "--loss-mean: '%s' is neither update nor micro-batch", o->loss_mean);
    go = training_run(&tr, go);
    training_release(&tr);
    config_arguments_release(&config);
    return go;
}

const struct command cmd_sft = {
    .name = "sft",
    .summary = "train on ground truth and revised responses (OPA-SFT)",
    .help =
        "Example: opatrain sft --model llava-1.5-7b-hf/ packs/v1 -o opa\n"
        "         opatrain sft --model llava-1.5-7b-hf/ packs/v1 -o opa --resume\n\n"
        "Usage: opatrain sft --model DIR [--adapter START] PACK... -o OUT\n\n"
        "Low-rank fine-tuning on the ground truth and the revised response of every sample, each once an epoch: it\n"
        "makes the expert's corrections on-policy for the DPO that follows. OUT receives a PEFT adapter, log.jsonl\n"
        "with the same for TensorBoard beside it, run.json and checkpoints. Defaults are OPA-DPO's "
        "(run/train_opa.sh):\n"
        "--lr 2e-5 --warmup 0.03 --epochs 2 --batch 64 (its 128 sequences), no clipping, --targets all.\n\n" MODEL_HELP
        "  -o, --output OUT     the run's folder\n"
        "  --targets WHICH      llm, llm+projector or all (default); at most START's when one is given\n" TRAINING_HELP
        "  --loss-mean MEAN     update (default): over the tokens of the update; micro-batch: mean of the means of "
        "the\n"
        "                       micro-batches (those of every rank), as Hugging Face's trainer\n" RANKS_HELP,
    .run = run,
};
