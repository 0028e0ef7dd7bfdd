/* SPDX-License-Identifier: Apache-2.0 */
/* What a run will need: the largest of its micro-batches, the memory, and the pass that is made for them. */
#include <stdlib.h>
#include <sys/resource.h>

#include "plan.h"
#include "training.h"

static struct train_size larger(struct train_size a, struct train_size b)
{
    return (struct train_size){a.tokens > b.tokens ? a.tokens : b.tokens, a.targets > b.targets ? a.targets : b.targets,
                               a.images > b.images ? a.images : b.images};
}

/* The largest of the micro-batches of samples order[0..count). */
static void largest_group(const struct training *tr, const struct samples *s, const uint32_t *order, size_t count,
                          struct train_size *most)
{
    for (size_t at = 0; at < count;) {
        const size_t n = feed_group(tr, s, order + at, count - at);
        struct train_size sum = {0};
        for (size_t i = 0; i < n; i++) {
            const struct train_size *size = &s->measured[order[at + i]].size;
            sum.tokens += size->tokens;
            sum.targets += size->targets;
            sum.images += size->images;
        }
        *most = larger(*most, sum);
        at += n;
    }
}

/* The same of one pass in this order, @p batch samples a mean, on any rank; sizes by themselves, they need not be of the
 * same one. */
static void largest_groups(const struct training *tr, const struct samples *s, const uint32_t *order, size_t batch,
                           struct train_size *most)
{
    for (size_t at = 0; at < s->data.count; at += batch) {
        const size_t left = s->data.count - at, count = left < batch ? left : batch;
        for (int rank = 0; rank < tr->ranks.count; rank++) {
            const struct share share = feed_share(s, order + at, count, rank, tr->ranks.count);
            largest_group(tr, s, order + at + share.begin, share.end - share.begin, most);
        }
    }
}

static struct train_size largest_sample(const struct training *tr)
{
    struct train_size most = {0};
    for (size_t i = 0; i < tr->train.data.count; i++)
        most = larger(most, tr->train.measured[i].size);
    for (size_t i = 0; i < tr->eval.data.count; i++)
        most = larger(most, tr->eval.measured[i].size);
    return most;
}

/* The program itself with its libraries' buffers. */
static uint64_t program_bytes(uint64_t memory)
{
    const uint64_t most = 64 << 20, share = memory / 64; /* 40 MiB were measured; a tiny limit is a test's */
    return share > 0 && share < most ? share : most;
}

/* Bytes beside the pass and its parameters: AdamW's moments, adapters that are mapped, the tower and the referee of fresh masks,
 * which take a sample at a time, the images of a micro-batch, and the program. */
static uint64_t beside(const struct training *tr, struct train_size most)
{
    const struct model *m = tr->run.model;
    const struct train_size one = largest_sample(tr);
    uint64_t bytes = program_bytes(tr->run.memory_limit) + 2 * optimiser_moment_bytes(&tr->optimiser) +
                     adapter_bytes(tr->run.adapter) + adapter_bytes(tr->reference_adapter);
    if (train_stage(&tr->params) != IMAGE_PIXELS)
        bytes += plan_score(m, &tr->params.adapter, 0, 0, one.images).activations;
    if (tr->reference && tr->fresh) /* under fixed masks the referee is done before the first update */
        bytes += plan_score(m, tr->referee.adapter, one.tokens, one.targets, one.images).activations;
    return bytes + most.images * example_image_bytes(m, train_stage(&tr->params));
}

/* The plan does not fit: the smallest --memory that one fits into, whose own share of the program is in it. */
static int too_little(struct training *tr)
{
    const uint64_t most = program_bytes(0), rest = tr->plan.total - program_bytes(tr->run.memory_limit);
    const uint64_t share = rest / 63 + 1;
    return plan_fail(&tr->run.t, OPA_EINVAL, "training, with every layer computed twice,",
                     rest + (share < most ? share : most), tr->run.memory_limit);
}

int plan_open(struct training *tr)
{
    struct trainer *t = &tr->run.t;
    struct train_size most = {0};
    const struct optimiser_options adamw = {
        0.9, 0.999, 1e-8, tr->options.weight_decay, tr->options.clip, tr->options.bf16_moments};
    int status = optimiser_init(t, &tr->optimiser, &adamw, tr->params.count);
    const size_t count = tr->train.data.count > tr->eval.data.count ? tr->train.data.count : tr->eval.data.count;
    tr->order = malloc((count + 1) * sizeof *tr->order);
    tr->reports = calloc((size_t)tr->ranks.count, sizeof *tr->reports);
    if (status != OPA_OK || tr->order == NULL || tr->reports == NULL)
        return status != OPA_OK ? status : trainer_fail_memory(t);
    for (int64_t epoch = 0; epoch < tr->options.epochs && status == OPA_OK; epoch++) {
        status = dataset_order(t, tr->order, tr->train.data.count, tr->run.seed, (uint64_t)epoch);
        if (status == OPA_OK)
            largest_groups(tr, &tr->train, tr->order, (size_t)tr->options.batch, &most);
    }
    for (size_t i = 0; i < tr->eval.data.count; i++)
        tr->order[i] = (uint32_t)i;
    largest_groups(tr, &tr->eval, tr->order, tr->eval.data.count, &most);
    if (status == OPA_OK)
        status = train_plan(t, &tr->plan, tr->run.model, &tr->params, most, beside(tr, most), tr->run.memory_limit);
    if (status == OPA_EINVAL)
        return too_little(tr);
    if (status == OPA_OK)
        status = train_open(t, &tr->pass, tr->run.model, &tr->params, &tr->plan);
    tr->update = (struct update){.t = t,
                                 .model = tr->run.model,
                                 .params = &tr->params,
                                 .train = tr->pass,
                                 .optimiser = &tr->optimiser,
                                 .loss = &tr->loss};
    return status;
}

static int64_t mib(uint64_t bytes)
{
    return (int64_t)((bytes + (1 << 19)) >> 20);
}

/* Are there layers of START that are applied, but not trained? */
static bool has_fixed(const struct training *tr)
{
    size_t count[PART_COUNT];
    if (tr->run.adapter == NULL)
        return false;
    adapter_count(count, tr->run.adapter, tr->run.model);
    for (int part = 0; part < PART_COUNT; part++) {
        if (count[part] > 0 && !targets_include(tr->targets, (enum part)part))
            return true;
    }
    return false;
}

void plan_say(struct training *tr)
{
    const struct train_plan *p = &tr->plan;
    const uint64_t moments = 2 * optimiser_moment_bytes(&tr->optimiser);
    char a[32], b[32], c[32], d[32], e[32], f[32], limit[64] = "";
    cli_note(tr->run.cli, "%s updates over %s samples; %s parameters of rank %zu (%s%s)", thousands(a, tr->total),
             thousands(b, (int64_t)tr->train.data.count), thousands(c, (int64_t)tr->params.count), tr->params.rank,
             targets_name(tr->targets), has_fixed(tr) ? "; the adapter's other layers stay as they are" : "");
    if (tr->ranks.count > 1)
        cli_note(tr->run.cli, "%d ranks, threads of each: %d; what follows is each rank's", tr->ranks.count,
                 ops_threads(tr->run.t.ops));
    if (tr->ranks.unused > 0 && tr->run.threads == tr->ranks.threads)
        cli_note(tr->run.cli, "no rank may use %d of this host's processors: mpirun --bind-to none may change that",
                 tr->ranks.unused);
    if (tr->schedule.warmup >= tr->total && tr->total > 0)
        cli_note(tr->run.cli, "warning: --warmup is %s updates: the rate does not reach --lr in this run",
                 thousands(a, tr->schedule.warmup));
    if (tr->run.memory_limit > 0)
        snprintf(limit, sizeof limit, " of %s allowed", thousands(a, mib(tr->run.memory_limit)));
    cli_note(tr->run.cli,
             "plan: %s MiB%s: %s of weights (mapped), %s of parameters and gradients, %s of moments, %s of activations "
             "(%zu of %zu layers kept, micro-batches of up to %s tokens), %s of others",
             thousands(b, mib(p->total)), limit, thousands(c, mib(p->weights)), thousands(d, mib(p->params)),
             thousands(e, mib(moments)), thousands(f, mib(p->activations)), p->kept, p->layers,
             thousands((char[32]){0}, (int64_t)p->most.tokens),
             thousands((char[32]){0}, mib(p->total - p->weights - p->params - p->activations - moments)));
}

void plan_say_peak(struct training *tr)
{
    struct rusage usage;
    char a[32], b[32];
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        cli_note(tr->run.cli,
                 "peak behind the first update: %s MiB, mapped weights that were touched included (plan: %s)",
                 thousands(a, usage.ru_maxrss / 1024), thousands(b, mib(tr->plan.total)));
}
