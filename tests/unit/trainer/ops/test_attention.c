/* SPDX-License-Identifier: Apache-2.0 */
/* Random forests, caches and shapes against softmax(q k^T) v written down in double precision. */
#include "helper.h"

#include "ops/attention.h"

/* Floats from a cache's begin to a head of a token. */
static size_t kv_at(const ops_attention_shape *s, size_t token, size_t head)
{
    return token * s->kv_stride + head * (s->kv_head_stride ? s->kv_head_stride : s->head_dim);
}

/* Which keys a token sees is asked one by one here. */
typedef bool sees(const void *of, size_t query, size_t key);

/* out[head_dim] and the log-sum-exp of one query of one head. */
static double attention_naive(double *out, const float *q, const float *k, const float *v, size_t query, size_t head,
                              size_t keys, sees *see, const void *of, const ops_attention_shape *s)
{
    const size_t d = s->head_dim, kv_head = head / (s->heads / s->kv_heads);
    double total = 0;
    for (size_t i = 0; i < d; i++)
        out[i] = 0;
    for (size_t j = 0; j < keys; j++) {
        double score = 0;
        if (!see(of, query, j))
            continue;
        for (size_t i = 0; i < d; i++)
            score += (double)q[query * s->q_stride + head * d + i] * k[kv_at(s, j, kv_head) + i];
        const double e = exp(score * s->scale);
        total += e;
        for (size_t i = 0; i < d; i++)
            out[i] += e * v[kv_at(s, j, kv_head) + i];
    }
    for (size_t i = 0; i < d; i++)
        out[i] /= total;
    return log(total);
}

static ops_attention_shape random_shape(void)
{
    static const size_t dims[] = {8, 16, 20, 24, 64, 72, 80, 128, 200, 1, 256};
    ops_attention_shape s = {.kv_heads = 1 + rng_below(3), .head_dim = dims[rng_below(sizeof dims / sizeof *dims)]};
    s.heads = s.kv_heads * (1 + rng_below(5));
    s.q_stride = s.heads * s.head_dim + rng_below(9);
    s.kv_stride = s.kv_heads * s.head_dim + rng_below(9);
    s.out_stride = s.heads * s.head_dim + rng_below(9);
    s.scale = 1 / sqrtf((float)s.head_dim);
    return s;
}

/* ---- a forest ---- */

typedef struct forest {
    const ops_node *nodes;
    size_t count;
    bool causal;
} forest;

static int32_t node_of(const forest *f, size_t token)
{
    for (size_t i = 0; i < f->count; i++)
        if (token >= f->nodes[i].begin && token - f->nodes[i].begin < f->nodes[i].count)
            return (int32_t)i;
    return -1;
}

static bool forest_sees(const void *of, size_t query, size_t key)
{
    const forest *f = of;
    const int32_t own = node_of(f, query), other = node_of(f, key);
    if (other == own)
        return !f->causal || key <= query;
    for (int32_t up = own; up >= 0; up = f->nodes[up].parent)
        if (up == other)
            return true;
    return false;
}

/* Up to 9 nodes of up to @p longest tokens, with gaps that belong to nobody. */
static size_t random_forest(ops_node nodes[9], size_t *count, size_t longest)
{
    size_t at = 0;
    *count = 1 + rng_below(9);
    for (size_t i = 0; i < *count; i++) {
        at += rng_below(3);
        nodes[i] = (ops_node){.parent = (int32_t)rng_below(i + 1) - 1, .begin = at, .count = 1 + rng_below(longest)};
        at += nodes[i].count;
    }
    return at + rng_below(3);
}

static void check_forest(const ops_context *ctx, bool causal, size_t longest, float spread)
{
    ops_node nodes[9];
    forest f = {.nodes = nodes, .causal = causal};
    const size_t tokens = random_forest(nodes, &f.count, longest);
    const ops_attention_shape s = random_shape();
    const float *q = floats(tokens * s.q_stride, spread), *k = floats(tokens * s.kv_stride, spread);
    const float *v = floats(tokens * s.kv_stride, 1);
    float *out = floats(tokens * s.out_stride, 1), *before = remember(tokens * s.out_stride * sizeof *out);
    float *lse = floats(tokens * s.heads, 1);
    memcpy(before, out, tokens * s.out_stride * sizeof *out);
    ops_attention_tree_forward(ctx, out, lse, q, k, v, nodes, f.count, causal, &s);
    double want[256];
    for (size_t t = 0; t < tokens; t++) {
        const bool inside = node_of(&f, t) >= 0;
        for (size_t h = 0; inside && h < s.heads; h++) {
            const double sum = attention_naive(want, q, k, v, t, h, tokens, forest_sees, &f, &s);
            ASSERT_NEAR(lse[t * s.heads + h], sum, 2e-5 * (1 + fabs(sum)));
            for (size_t i = 0; i < s.head_dim; i++)
                ASSERT_NEAR(out[t * s.out_stride + h * s.head_dim + i], want[i], 4e-6 * (1 + spread));
        }
        const size_t written = inside ? s.heads * s.head_dim : 0; /* and nothing else is */
        assert_memory_equal(out + t * s.out_stride + written, before + t * s.out_stride + written,
                            (s.out_stride - written) * sizeof *out);
    }
    forget();
}

static void forests(const ops_context *ctx)
{
    for (int round = 0; round < 12; round++)
        check_forest(ctx, round % 3 != 0, round < 6 ? 20 : 90, round % 4 == 3 ? 8 : 1);
    check_forest(ctx, true, 400, 1);
}

static void test_forest(void **state)
{
    (void)state;
    each_context(forests);
}

/* ---- the way back ---- */

/* Gradients of sum(dout * out) in double precision, by the chain rule written down. */
typedef struct slopes {
    double *q, *k, *v;
} slopes;

static void backward_naive(slopes *to, const float *q, const float *k, const float *v, const float *dout, size_t query,
                           size_t head, size_t keys, const forest *f, const ops_attention_shape *s)
{
    const size_t d = s->head_dim, kv_head = head / (s->heads / s->kv_heads), at_q = query * s->q_stride + head * d;
    const float *dy = dout + query * s->out_stride + head * d;
    double out[256], delta = 0;
    const double lse = attention_naive(out, q, k, v, query, head, keys, forest_sees, f, s);
    for (size_t i = 0; i < d; i++)
        delta += out[i] * dy[i];
    for (size_t j = 0; j < keys; j++) {
        const size_t at = kv_at(s, j, kv_head);
        double score = 0, dp = 0;
        if (!forest_sees(f, query, j))
            continue;
        for (size_t i = 0; i < d; i++) {
            score += (double)q[at_q + i] * k[at + i];
            dp += (double)dy[i] * v[at + i];
        }
        const double p = exp(score * s->scale - lse), ds = p * (dp - delta) * s->scale;
        for (size_t i = 0; i < d; i++) {
            to->v[at + i] += p * dy[i];
            to->q[at_q + i] += ds * k[at + i];
            to->k[at + i] += ds * q[at_q + i];
        }
    }
}

static double *zeros(size_t n)
{
    double *x = remember(n * sizeof *x);
    memset(x, 0, n * sizeof *x);
    return x;
}

/* Where the twin has nothing, the kernel leaves alone: outside the nodes and between rows. */
static void compare_slopes(const float *got, const float *before, const double *want, size_t tokens, size_t stride,
                           size_t width, const forest *f, double tolerance)
{
    for (size_t t = 0; t < tokens; t++) {
        const size_t written = node_of(f, t) >= 0 ? width : 0;
        for (size_t i = 0; i < written; i++)
            ASSERT_NEAR(got[t * stride + i], want[t * stride + i], tolerance);
        assert_memory_equal(got + t * stride + written, before + t * stride + written,
                            (stride - written) * sizeof *got);
    }
}

static float *copy(const float *x, size_t n)
{
    float *y = remember(n * sizeof *y);
    return memcpy(y, x, n * sizeof *y);
}

static void check_backward(const ops_context *ctx, bool causal, size_t longest, float spread)
{
    ops_node nodes[9];
    forest f = {.nodes = nodes, .causal = causal};
    const size_t tokens = random_forest(nodes, &f.count, longest);
    const ops_attention_shape s = random_shape();
    const size_t n_q = tokens * s.q_stride, n_kv = tokens * s.kv_stride, n_out = tokens * s.out_stride;
    const float *q = floats(n_q, spread), *k = floats(n_kv, spread), *v = floats(n_kv, 1), *dout = floats(n_out, 1);
    float *out = floats(n_out, 1), *lse = floats(tokens * s.heads, 1);
    float *dq = floats(n_q, 1), *dk = floats(n_kv, 1), *dv = floats(n_kv, 1);
    const float *was_q = copy(dq, n_q), *was_k = copy(dk, n_kv), *was_v = copy(dv, n_kv);
    slopes want = {zeros(n_q), zeros(n_kv), zeros(n_kv)};
    ops_attention_tree_forward(ctx, out, lse, q, k, v, nodes, f.count, causal, &s);
    ops_attention_tree_backward(ctx, dq, dk, dv, dout, out, lse, q, k, v, nodes, f.count, causal, &s);
    for (size_t t = 0; t < tokens; t++)
        for (size_t h = 0; node_of(&f, t) >= 0 && h < s.heads; h++)
            backward_naive(&want, q, k, v, dout, t, h, tokens, &f, &s);
    const double tolerance = 2e-5 * (1 + spread) * (double)(s.heads / s.kv_heads);
    compare_slopes(dq, was_q, want.q, tokens, s.q_stride, s.heads * s.head_dim, &f, tolerance);
    compare_slopes(dk, was_k, want.k, tokens, s.kv_stride, s.kv_heads * s.head_dim, &f, tolerance);
    compare_slopes(dv, was_v, want.v, tokens, s.kv_stride, s.kv_heads * s.head_dim, &f, tolerance);
    forget();
}

static void backwards(const ops_context *ctx)
{
    for (int round = 0; round < 9; round++)
        check_backward(ctx, round % 3 != 0, round < 5 ? 20 : 60, round % 4 == 3 ? 4 : 1);
    check_backward(ctx, true, 290, 1); /* several blocks */
}

static void test_backward(void **state)
{
    (void)state;
    each_context(backwards);
}

/* The twin itself, by finite differences: three nodes, two heads of queries to one of keys. */
static void test_backward_twin(void **state)
{
    enum { TOKENS = 9, D = 3 };
    const ops_node nodes[] = {{-1, 0, 4}, {0, 4, 3}, {0, 7, 2}};
    const forest f = {nodes, 3, true};
    const ops_attention_shape s = {.heads = 2,
                                   .kv_heads = 1,
                                   .head_dim = D,
                                   .q_stride = 2 * D,
                                   .kv_stride = D,
                                   .out_stride = 2 * D,
                                   .scale = 0.6f};
    float *x[3] = {floats(TOKENS * 2 * D, 1), floats(TOKENS * D, 1), floats(TOKENS * D, 1)};
    const float *dout = floats(TOKENS * 2 * D, 1);
    const size_t n[3] = {TOKENS * 2 * D, TOKENS * D, TOKENS * D};
    slopes got = {zeros(n[0]), zeros(n[1]), zeros(n[2])};
    const double *slope[3] = {got.q, got.k, got.v};
    (void)state;
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t h = 0; h < 2; h++)
            backward_naive(&got, x[0], x[1], x[2], dout, t, h, TOKENS, &f, &s);
    for (int which = 0; which < 3; which++)
        for (size_t i = 0; i < n[which]; i++) {
            const float at = x[which][i], step = 0x1p-10f;
            double loss[2] = {0, 0}, out[D];
            for (int side = 0; side < 2; side++) {
                x[which][i] = side ? at - step : at + step;
                for (size_t t = 0; t < TOKENS; t++)
                    for (size_t h = 0; h < 2; h++) {
                        attention_naive(out, x[0], x[1], x[2], t, h, TOKENS, forest_sees, &f, &s);
                        for (size_t e = 0; e < D; e++)
                            loss[side] += out[e] * dout[t * 2 * D + h * D + e];
                    }
            }
            x[which][i] = at;
            ASSERT_NEAR(slope[which][i], (loss[0] - loss[1]) / (2 * (double)step), 1e-5);
        }
    forget();
}

/* ---- some queries only ---- */

/* Rows of the tokens that ask, without gaps. */
static float *asking(const float *x, const forest *f, const size_t *queries, size_t stride)
{
    float *out = remember(10000 * stride * sizeof *out), *to = out;
    for (size_t n = 0; n < f->count; n++)
        for (size_t i = f->nodes[n].count - queries[n]; i < f->nodes[n].count; i++, to += stride)
            memcpy(to, x + (f->nodes[n].begin + i) * stride, stride * sizeof *out);
    return out;
}

static void compare(const float *got, const float *want, size_t n, double tolerance)
{
    for (size_t i = 0; i < n; i++)
        ASSERT_NEAR(got[i], want[i], tolerance);
}

/* The twin asks with all, and nobody wants to know from the others: their dout is 0. */
static void check_queries(const ops_context *ctx, bool causal, size_t longest)
{
    ops_node nodes[9];
    forest f = {.nodes = nodes, .causal = causal};
    const size_t tokens = random_forest(nodes, &f.count, longest);
    ops_attention_shape s = random_shape();
    const size_t n_q = tokens * s.q_stride, n_kv = tokens * s.kv_stride, n_out = tokens * s.out_stride;
    const float *q = floats(n_q, 1), *k = floats(n_kv, 1), *v = floats(n_kv, 1);
    float *dout = floats(n_out, 1), *out = floats(n_out, 1), *lse = floats(tokens * s.heads, 1);
    float *dq = floats(n_q, 1), *dk = floats(n_kv, 1), *dv = floats(n_kv, 1), *dk2 = copy(dk, n_kv),
          *dv2 = copy(dv, n_kv);
    size_t queries[9], rows = 0;
    for (size_t n = 0; n < f.count; n++) {
        queries[n] = rng_below(3) ? rng_below(nodes[n].count + 1) : nodes[n].count * rng_below(2);
        rows += queries[n];
        for (size_t t = nodes[n].begin; t < nodes[n].begin + nodes[n].count - queries[n]; t++)
            memset(dout + t * s.out_stride, 0, s.out_stride * sizeof *dout);
    }
    ops_attention_tree_forward(ctx, out, lse, q, k, v, nodes, f.count, causal, &s);
    ops_attention_tree_backward(ctx, dq, dk, dv, dout, out, lse, q, k, v, nodes, f.count, causal, &s);
    const float *q2 = asking(q, &f, queries, s.q_stride), *dout2 = asking(dout, &f, queries, s.out_stride);
    float *out2 = asking(out, &f, queries, s.out_stride), *lse2 = floats(rows * s.heads, 1);
    float *dq2 = asking(dq, &f, queries, s.q_stride);
    const float *want_out = copy(out2, rows * s.out_stride), *want_lse = asking(lse, &f, queries, s.heads);
    const float *want_dq = copy(dq2, rows * s.q_stride);
    for (size_t r = 0; r < rows; r++) {
        memset(out2 + r * s.out_stride, 1, s.heads * s.head_dim * sizeof *out2);
        memset(dq2 + r * s.q_stride, 1, s.heads * s.head_dim * sizeof *dq2);
    }
    s.queries = queries;
    ops_attention_tree_forward(ctx, out2, lse2, q2, k, v, nodes, f.count, causal, &s);
    ops_attention_tree_backward(ctx, dq2, dk2, dv2, dout2, out2, lse2, q2, k, v, nodes, f.count, causal, &s);
    compare(out2, want_out, rows * s.out_stride, 4e-6);
    compare(lse2, want_lse, rows * s.heads, 1e-5);
    compare(dq2, want_dq, rows * s.q_stride, 2e-5);
    compare(dk2, dk, n_kv, 2e-5 * (double)(s.heads / s.kv_heads));
    compare(dv2, dv, n_kv, 2e-5 * (double)(s.heads / s.kv_heads));
    forget();
}

static void some_queries(const ops_context *ctx)
{
    for (int round = 0; round < 9; round++)
        check_queries(ctx, round % 3 != 0, round < 6 ? 20 : 60);
    check_queries(ctx, true, 600); /* blocks that begin anywhere in a node */
}

static void test_queries(void **state)
{
    (void)state;
    each_context(some_queries);
}

/* ---- caches ---- */

typedef struct window {
    size_t q_begin, seen_before; /* the query at q_begin + i sees seen_before + i + 1 keys */
} window;

static bool window_sees(const void *of, size_t query, size_t key)
{
    const window *w = of;
    return key < w->seen_before + (query - w->q_begin) + 1;
}

static void check_caches(const ops_context *ctx, size_t longest_cache, size_t most_queries, bool by_head)
{
    ops_sequence seqs[5];
    const size_t count = 1 + rng_below(5);
    ops_attention_shape s = random_shape();
    if (by_head) {
        s.kv_stride = s.head_dim;
        s.kv_head_stride = longest_cache * s.head_dim;
    }
    size_t queries = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t length = 1 + rng_below(longest_cache);
        const size_t size = by_head ? kv_at(&s, length, s.kv_heads - 1) : length * s.kv_stride;
        seqs[i] = (ops_sequence){.k = floats(size, 1), .v = floats(size, 1), .length = length};
        seqs[i].q_begin = queries;
        seqs[i].q_count = 1 + rng_below(length < most_queries ? length : most_queries);
        queries += seqs[i].q_count;
    }
    const float *q = floats(queries * s.q_stride, 1);
    float *out = floats(queries * s.out_stride, 1);
    ops_attention_cached_forward(ctx, out, q, seqs, count, &s);
    double want[256];
    for (size_t i = 0; i < count; i++)
        for (size_t t = seqs[i].q_begin; t < seqs[i].q_begin + seqs[i].q_count; t++)
            for (size_t h = 0; h < s.heads; h++) {
                const window w = {seqs[i].q_begin, seqs[i].length - seqs[i].q_count};
                attention_naive(want, q, seqs[i].k, seqs[i].v, t, h, seqs[i].length, window_sees, &w, &s);
                for (size_t e = 0; e < s.head_dim; e++)
                    ASSERT_NEAR(out[t * s.out_stride + h * s.head_dim + e], want[e], 8e-6);
            }
    forget();
}

static void caches(const ops_context *ctx)
{
    for (int round = 0; round < 10; round++)
        check_caches(ctx, 300, 1, round % 2);
    check_caches(ctx, 2500, 2, true);
    for (int round = 0; round < 5; round++)
        check_caches(ctx, 150, 40, round % 2);
}

static void test_caches(void **state)
{
    (void)state;
    each_context(caches);
}

/* Scores of a thousand neither overflow nor drown the others. */
static void steep(const ops_context *ctx)
{
    const ops_attention_shape s = {1, 1, 1, 1, 1, 1, 0, 1};
    const float q[1] = {1000}, k[3] = {-1, 1, 1}, v[3] = {5, 1, 3};
    const ops_sequence seq = {k, v, 3, 0, 1};
    float out[1];
    ops_attention_cached_forward(ctx, out, q, &seq, 1, &s);
    ASSERT_NEAR(out[0], 2, 1e-6);
}

static void test_steep(void **state)
{
    (void)state;
    each_context(steep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_forest, seed_setup),        cmocka_unit_test_setup(test_backward, seed_setup),
        cmocka_unit_test_setup(test_backward_twin, seed_setup), cmocka_unit_test_setup(test_queries, seed_setup),
        cmocka_unit_test_setup(test_caches, seed_setup),        cmocka_unit_test(test_steep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
