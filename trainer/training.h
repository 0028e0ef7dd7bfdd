/* SPDX-License-Identifier: Apache-2.0 */
/* What sft and dpo share: their options, the run's folder, and the loop. */
#ifndef OPATRAIN_TRAINING_H
#define OPATRAIN_TRAINING_H

#include "checkpoint.h"
#include "opatrain.h"
#include "ranks.h"
#include "reference.h"
#include "schedule.h"
#include "tfevents.h"
#include "update.h"

/* As the flags give them; a verb sets its defaults before. */
struct training_options {
    const char *config, *targets, *schedule, *eval, *context, *loss_mean, *objective, *reference, *reference_cache,
        *masks;
    double lr, warmup, weight_decay, clip, alpha;
    int64_t epochs, batch, micro_tokens, rank, save_every, keep;
    bool resume, bf16_moments;
    struct coefficients c;
};

/* A sample of the data, as far as planning needs it. */
struct measured {
    struct train_size size;
    struct loss_counts counts;
};

/* The samples that an epoch goes through, or those of --eval. */
struct samples {
    struct dataset data;
    struct measured *measured; /* by place */
    size_t unused[PAIR_TYPES]; /* pairs of types that the objective does not use */
    struct reference reference;
    struct vision_cache features; /* of the policy's tower, while that is fixed */
};

struct training {
    struct run run;
    struct ranks ranks;
    char held[1024]; /* the last message of a rank that does not speak */
    struct training_options options;
    struct loss loss;
    enum context context;
    enum targets targets;
    bool rank_given, alpha_given;
    bool begun;     /* the folder's state was made or taken over */
    bool fresh;     /* masks are drawn anew each visit */
    bool reference; /* the objective needs one */
    struct schedule schedule;
    struct samples train, eval;
    /* opened */
    struct params params;
    struct optimiser optimiser;
    struct train_plan plan;
    struct train *pass;
    struct update update;
    struct session eyes;               /* the policy's vision, where it is fixed */
    struct adapter *reference_adapter; /* of --reference DIR */
    struct session referee;            /* the reference */
    bool shared_eyes;                  /* both see the same */
    struct example **examples;         /* of a micro-batch */
    size_t example_capacity;
    struct example other;        /* the reference's, where it sees other features */
    uint32_t *order;             /* of the samples of an epoch, or of --eval */
    struct loss_report *reports; /* by rank */
    struct run_folder folder;
    FILE *log, *eval_log;
    struct tfevents events;
    opa_json_writer *w;
    struct progress progress, looking; /* of the run; of an evaluation */
    char told[160];                    /* what the last update said, on the line that is seen while it runs */
    struct settings seen;             /* what any log-prob depends on: the part of the settings that references share */
    int64_t total, per_epoch, before; /* updates: of all, of an epoch, done before this start */
    int64_t step;                     /* done */
    int64_t tokens, tokens_before;    /* of this start; of them before the evaluation under way */
    int64_t left_out;
};

/* The options that both verbs have, into @p flags (room for TRAINING_FLAGS), behind run_flags(). */
enum { TRAINING_FLAGS = RUN_FLAGS + 16 };
void training_flags(struct training *tr, struct flag *flags);
#define TRAINING_HELP                                                                                                  \
    "  --epochs E           how often every sample is drawn\n"                                                         \
    "  --batch N            samples of one update, all their responses included; the last one of an epoch may have\n"  \
    "                       fewer\n"                                                                                   \
    "  --micro-tokens N     tokens that go through the model at a time (4096); a larger sample goes alone\n"           \
    "  --lr RATE            at its highest\n"                                                                          \
    "  --schedule KIND      cosine (default), linear or constant, as Hugging Face's\n"                                 \
    "  --warmup N           updates of rising rate; below 1: a share of all\n"                                         \
    "  --weight-decay W     decoupled (0: both scripts of OPA-DPO)\n"                                                  \
    "  --clip NORM          largest norm of the gradient; 0: none\n"                                                   \
    "  --rank R --alpha A   of a fresh adapter (256, and twice the rank: OPA-DPO's scripts); START brings its own\n"   \
    "  --bf16-moments       AdamW's moments in 16 bits: half the memory, for large ranks\n"                            \
    "  --eval PACK          samples that are not trained on: measured before, and behind each epoch (eval.jsonl)\n"    \
    "  --save-every N       updates between checkpoints (25); one is made at the end of each epoch, too\n"             \
    "  --keep N             checkpoints that stay (2)\n"                                                               \
    "  --resume             go on behind the last checkpoint, to the same bytes; without one, begin\n"                 \
    "  --config FILE        the same names in JSON, e.g. {\"lr\": 1e-6, \"batch\": 32}; -: stdin; flags win\n"

/* Behind the options. */
#define RANKS_HELP "\nBy several processes, and how to end a run: see opatrain --help.\n"

/* Set the members of --config FILE ("-": standard input) as if they were flags of @p flags; read the command line behind that,
 * so that its own win. GO_ON or an exit code; the values are borrowed from *out until config_arguments_release(). */
struct config_arguments {
    char **argv; /* [0] is nobody's */
    int count;   /* of the others, owned */
};
int config_arguments(struct cli *cli, struct trainer *t, struct config_arguments *out, int argc, char **argv,
                     const struct flag *flags, size_t flag_count);
void config_arguments_release(struct config_arguments *config);

/* Call this first: joins the other ranks. GO_ON or an exit code. */
int training_begin(struct training *tr);
/* Check what the flags say and run, unless any rank's @p go is an exit code already. The exit code. */
int training_run(struct training *tr, int go);
/* Also behind a training_begin() that failed. */
void training_release(struct training *tr);

/* ---- pieces of training_run(), a file each ---- */

/* What the run depends on (training_record.c): settings, run.json, and whether a folder's run is this one. */
void record_settings(struct training *tr);
int record_write(struct training *tr);
int record_compare(struct training *tr);
/* What the reference's log-probs of these samples depend on, and where they are kept. */
int record_reference(struct training *tr, const struct samples *s, struct settings *depends, char **path);
/* The same for what the tower makes of their images, for this rank. */
int record_features(struct training *tr, const struct samples *s, struct settings *depends, char **path);

/* What ranks agree on before they work together (training_ranks.c). An exit code of one is everybody's; settings that are
 * not the same are refused; what rank 0 loaded goes to all. */
int training_agree(struct training *tr, int go);
int training_compare(struct training *tr);
void training_share(struct training *tr);

/* The largest micro-batches, the memory for them, and the pass (training_plan.c). */
int plan_open(struct training *tr);
void plan_say(struct training *tr);
void plan_say_peak(struct training *tr);

/* Updates, evaluations and checkpoints, up to the end or a signal (training_loop.c). */
int loop_run(struct training *tr);
struct adapter_out training_adapter(const struct training *tr); /* what checkpoints hold */

/* The reference's log-probs, and how likely it finds the data (training_reference.c). */
int feed_reference(struct training *tr, struct samples *s);
int feed_on_policy(struct training *tr);

/* The logs (training_log.c), which the first rank has open. */
int log_open(struct training *tr);
int log_update(struct training *tr, int64_t step, double rate, double seconds, int64_t tokens);
int log_eval(struct training *tr, int64_t step);
struct run_sizes log_sizes(struct training *tr);
void log_progress(struct training *tr, int64_t step);
/* In an update, or an evaluation: @p done of its @p count samples are through. */
void log_progress_within(struct training *tr, bool train, size_t done, size_t count);

/* Samples ready for the pass (training_feed.c). */
int feed_measure(struct training *tr, struct samples *s, char *const *paths, size_t count);
int feed_features(struct training *tr, struct samples *s);
/* Sample @p place with its pairs, without anything that the model makes. */
int feed_read(struct training *tr, const struct samples *s, struct example *e, size_t place);
int feed_example(struct training *tr, struct samples *s, struct example *e, size_t place, uint64_t visit);
/* A rank's part of samples order[0..count): they are divided by their tokens, in order. */
struct share {
    size_t begin, end;
};
struct share feed_share(const struct samples *s, const uint32_t *order, size_t count, int rank, int ranks);
/* The micro-batch that begins at @p order [at]: how many samples, at most @p most. */
size_t feed_group(const struct training *tr, const struct samples *s, const uint32_t *order, size_t most);

#endif
