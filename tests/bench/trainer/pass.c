/* SPDX-License-Identifier: Apache-2.0 */
/* A training pass of one sample with made-up ids: the five responses of OPA-DPO below a clean and a masked image, LLM targets.
 * Time of forward and backward, and the share of the machine's speed at a large product, measured in turns with the passes.
 *
 *     pass CHECKPOINT [--rank N] [--threads N] [--length N] [--visits N] [--kept N] [--bf16] [--cpu-time]
 *
 * --cpu-time takes processor time for wall time: the way to measure on a busy machine, with one thread.
 *
 * The work is counted as tests/bench/trainer's peer does: two operations a weight and token forward, two for dX, LoRA's
 * weights once more, attention's visible pairs only, the head for response tokens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "ops/blas.h"
#include "train.h"

enum { QUESTION = 12, SYSTEM = 35, RESPONSES = 5 };

struct bench {
    struct trainer t;
    struct model *model;
    struct params params;
    int rank, threads, length, visits, kept;
    bool bf16;
};

static clockid_t clock_used = CLOCK_MONOTONIC;

static double now(void)
{
    struct timespec t;
    clock_gettime(clock_used, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const struct bench *b)
{
    fprintf(stderr, "pass: %s\n", b->t.message);
    exit(1);
}

static void *room(size_t bytes)
{
    void *p = calloc(1, bytes);
    if (p == NULL)
        exit(71);
    return p;
}

/* Operations of forward and backward. */
static double count_work(const struct bench *b, double tokens, double pairs, double targets)
{
    const struct llama_config *c = &b->model->config.text;
    const double h = (double)c->hidden, f = (double)c->intermediate, layers = (double)c->layers;
    const double base = 2 * tokens * layers * (4 * h * h + 3 * h * f);
    const double lora = 2 * tokens * layers * b->rank * (4 * 2 * h + 3 * (h + f));
    const double attention = 4 * layers * h * pairs, head = 2 * (double)c->vocabulary * h * targets;
    return 2 * base + 3 * lora + 3 * attention + 2 * head;
}

static double triangle(double n)
{
    return n * (n + 1) / 2;
}

/* ---- the sample ---- */

struct made_up {
    struct ids prompt;
    float *features;
    int32_t *ids;
    double *logp, *slope;
    struct train_response responses[RESPONSES];
    struct train_branch branches[2];
    struct train_sample sample;
};

static void make_up(struct bench *b, struct made_up *s)
{
    const size_t n = (size_t)b->length, image = model_image_rows(b->model), hidden = b->model->config.text.hidden;
    *s = (struct made_up){.features = room((image * hidden + 1) * sizeof *s->features),
                          .ids = room(n * sizeof *s->ids),
                          .logp = room(RESPONSES * n * sizeof *s->logp),
                          .slope = room(n * sizeof *s->slope)};
    for (size_t i = 0; i < image * hidden; i++)
        s->features[i] = (float)(i * 2654435761u % 1000) * 2e-3f - 1;
    for (int i = 0; i < SYSTEM + QUESTION; i++)
        if ((i == SYSTEM && image > 0 && ids_add(&b->t, &s->prompt, TREE_IMAGE) != OPA_OK) ||
            ids_add(&b->t, &s->prompt, 3 + i * 37 % 500) != OPA_OK)
            die(b);
    for (size_t i = 0; i < n; i++) {
        s->ids[i] = (int32_t)(3 + i * 7919 % 500);
        s->slope[i] = -1 / (double)n;
    }
    for (size_t r = 0; r < RESPONSES; r++)
        s->responses[r] = (struct train_response){s->ids, n, s->logp + r * n, s->slope};
    s->branches[0] = (struct train_branch){s->features, s->responses, 3};
    s->branches[1] = (struct train_branch){s->features, s->responses + 3, 2};
    s->sample = (struct train_sample){&s->prompt, s->branches, 2};
}

static void forget(struct made_up *s)
{
    ids_release(&s->prompt);
    free(s->features);
    free(s->ids);
    free(s->logp);
    free(s->slope);
}

/* ---- the race ---- */

/* Best operations a second of a product of 1024 x 4096 x 4096 so far. */
static double product_speed(struct bench *b, double best)
{
    enum { M = 1024, N = 4096 };
    static float *x, *w, *y;
    if (x == NULL) {
        x = room((size_t)M * N * sizeof *x);
        w = room((size_t)N * N * sizeof *w);
        y = room((size_t)M * N * sizeof *y);
        for (size_t i = 0; i < (size_t)N * N; i++) /* as float32 and as bf16 these are numbers of about 0.01 to 1 */
            ((uint32_t *)w)[i] = 0x3C003C00u + (uint32_t)(i * 2654435761u) % 0x03800380u;
        memcpy(x, w, (size_t)M * N * sizeof *x);
    }
    const ops_matrix weights = {w, N, N, N, b->bf16 ? OPS_BF16 : OPS_F32};
    const double start = now();
    ops_gemm_nt(b->t.ops, y, N, ops_rows(x, M, N), weights, 1, 0);
    const double speed = 2.0 * M * N * N / (now() - start);
    return speed > best ? speed : best;
}

static void run_pass(struct bench *b, struct train *train, const struct train_sample *sample, double best[3])
{
    const double start = now();
    if (train_forward(train, sample, 1) != OPA_OK)
        die(b);
    const double middle = now();
    if (train_backward(train, sample, 1) != OPA_OK)
        die(b);
    const double took[3] = {middle - start, now() - middle, now() - start};
    for (int i = 0; i < 3; i++)
        best[i] = took[i] < best[i] ? took[i] : best[i];
}

static void race(struct bench *b)
{
    struct made_up s;
    struct train *train;
    struct train_plan plan;
    struct rusage usage;
    double best[3] = {1e9, 1e9, 1e9}, peak = 0;
    make_up(b, &s);
    if (train_plan(&b->t, &plan, b->model, &b->params, train_size(b->model, &s.sample), 0, 0) != OPA_OK)
        die(b);
    plan.kept = b->kept > 0 && (size_t)b->kept < plan.layers ? (size_t)b->kept : plan.layers;
    if (train_open(&b->t, &train, b->model, &b->params, &plan) != OPA_OK)
        die(b);
    for (int i = 0; i < b->visits; i++) {
        run_pass(b, train, &s.sample, best);
        peak = product_speed(b, peak);
    }
    const double prefix = SYSTEM + QUESTION + (double)model_image_rows(b->model), m = b->length - 1;
    const double pairs = 2 * triangle(prefix) + RESPONSES * (m * prefix + triangle(m));
    const double work = count_work(b, (double)plan.most.tokens, pairs, (double)plan.most.targets);
    getrusage(RUSAGE_SELF, &usage);
    printf(
        "%zu tokens, %zu targets, %zu of %zu layers kept, rank %d, %d threads: forward %.3f s, backward %.3f s, both "
        "%.3f s\n",
        plan.most.tokens, plan.most.targets, plan.kept, plan.layers, b->rank, ops_threads(b->t.ops), best[0], best[1],
        best[2]);
    printf("%.3f TFLOP, %.0f GFLOP/s of %.0f: %.2f; peak %.2f GiB\n", work * 1e-12, work * 1e-9 / best[2], peak * 1e-9,
           work / best[2] / peak, (double)usage.ru_maxrss / (1 << 20));
    train_free(train);
    forget(&s);
}

int main(int argc, char **argv)
{
    struct bench b = {.rank = 256, .length = 90, .visits = 5};
    ops_blas_choose_core(argv);
    if (argc < 2) {
        fprintf(stderr, "usage: pass CHECKPOINT [--rank N] [--threads N] [--length N] [--visits N] [--kept N] [--bf16] "
                        "[--cpu-time]\n");
        return 64;
    }
    for (int i = 2; i < argc; i++) {
        static const char *const names[] = {"--rank", "--threads", "--length", "--visits", "--kept"};
        int *const to[] = {&b.rank, &b.threads, &b.length, &b.visits, &b.kept};
        if (strcmp(argv[i], "--cpu-time") == 0)
            clock_used = CLOCK_PROCESS_CPUTIME_ID;
        b.bf16 = b.bf16 || strcmp(argv[i], "--bf16") == 0;
        for (size_t k = 0; k < sizeof names / sizeof names[0] && i + 1 < argc; k++) {
            if (strcmp(argv[i], names[k]) == 0)
                *to[k] = atoi(argv[i + 1]);
        }
    }
    if (opa_context_new(&b.t.opa) != OPA_OK || ops_context_new(&b.t.ops, b.threads) != 0)
        return 71;
    if (b.bf16 && !ops_context_allow_bf16(b.t.ops, true))
        printf("no bf16 products here\n");
    const struct model_options options = {0};
    if (model_open(&b.t, &b.model, argv[1], &options) != OPA_OK ||
        params_new(&b.t, &b.params, b.model, TARGETS_LLM, (size_t)b.rank, 2 * b.rank, 1) != OPA_OK)
        die(&b);
    race(&b);
    params_release(&b.params);
    model_free(b.model);
    ops_context_free(b.t.ops);
    opa_context_free(b.t.opa);
    return 0;
}
