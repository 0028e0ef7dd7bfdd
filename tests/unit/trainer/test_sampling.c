/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "safetensors.h"
#include "sampling.h"

/* transformers' warpers, word for word: mask in place, sort upwards, running sum of the softmax. */
static void naive(double *p, const float *logits, size_t n, const struct sampling *s)
{
    float *x = malloc(n * sizeof *x);
    bool *gone = calloc(n, sizeof *gone);
    for (size_t i = 0; i < n; i++)
        x[i] = logits[i] / (float)s->temperature;
    for (size_t i = 0; s->top_k > 0 && s->top_k < n && i < n; i++) {
        size_t larger = 0;
        for (size_t j = 0; j < n; j++)
            larger += x[j] > x[i];
        gone[i] = larger >= s->top_k;
    }
    double sum = 0, tail = 0, left = 0;
    for (size_t i = 0; i < n; i++)
        sum += gone[i] ? 0 : exp((double)x[i]);
    for (size_t round = 0; round < n; round++) {
        size_t least = n, kept = 0;
        for (size_t i = 0; i < n; i++) {
            kept += !gone[i];
            if (!gone[i] && (least == n || x[i] < x[least]))
                least = i;
        }
        tail += exp((double)x[least]) / sum;
        if (kept <= 1 || s->top_p >= 1 || tail > 1 - s->top_p)
            break;
        gone[least] = true;
    }
    for (size_t i = 0; i < n; i++)
        left += gone[i] ? 0 : exp((double)x[i]);
    for (size_t i = 0; i < n; i++)
        p[i] = gone[i] ? 0 : exp((double)x[i]) / left;
    free(x);
    free(gone);
}

static void spread(double *p, const float *logits, size_t n, const struct sampling *s)
{
    struct candidate *list = malloc(n * sizeof *list);
    size_t count;
    sampling_distribution(list, &count, logits, n, s);
    memset(p, 0, n * sizeof *p);
    for (size_t i = 0; i < count; i++)
        p[list[i].id] = list[i].weight;
    free(list);
}

static void distributions_are_transformers(void **state)
{
    (void)state;
    enum { N = 57 };
    uint64_t random = test_seed();
    float logits[N];
    double p[N], q[N];
    for (int round = 0; round < 500; round++) {
        for (int i = 0; i < N; i++)
            logits[i] = (float)(random_next(&random) % 40) / (round % 2 ? 4.0f : 16.0f);
        const struct sampling s = {0.3 + (double)(random_next(&random) % 20) / 10, random_next(&random) % 60,
                                   0.05 + (double)(random_next(&random) % 19) / 20};
        spread(p, logits, N, &s);
        naive(q, logits, N, &s);
        for (int i = 0; i < N; i++)
            assert_true(fabs(p[i] - q[i]) < 1e-9);
    }
}

static void draws_have_their_frequencies(void **state)
{
    (void)state;
    const float logits[5] = {1, 3, 2, -1, 0};
    const struct sampling s = {1, 3, 1}, greedy = {0, 0, 1};
    struct candidate scratch[5];
    uint64_t random = 7;
    int counts[5] = {0};
    for (int i = 0; i < 20000; i++)
        counts[sampling_draw(logits, 5, &s, scratch, &random)]++;
    assert_int_equal(counts[3] + counts[4], 0);
    const double z = exp(1) + exp(2) + exp(3);
    for (int i = 0; i < 3; i++)
        assert_true(fabs(counts[i] / 20000.0 - exp((double)logits[i]) / z) < 0.012);
    assert_int_equal(sampling_draw(logits, 5, &greedy, scratch, &random), 1);
    const float equal[3] = {2, 2, 2};
    assert_int_equal(sampling_draw(equal, 3, &greedy, scratch, &random), 0);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The stored distributions of the shared folder, where it is. */
static void goldens_hold(void **state)
{
    (void)state;
    static const char *const names[] = {"flat", "normal", "peaked", "ties", "few", "model"};
    struct trainer t;
    struct safetensors *st;
    char path[1024];
    snprintf(path, sizeof path, "%s/parity/sampling/golden.safetensors", getenv("OPA_TEST_SHARED"));
    if (access(path, R_OK) != 0) {
        print_message("no %s: skipped\n", path);
        skip();
    }
    start(&t, NULL);
    assert_int_equal(safetensors_open(&t, &st, path, ""), OPA_OK);
    for (size_t k = 0; k < 6; k++) {
        char name[64];
        snprintf(name, sizeof name, "%s/logits", names[k]);
        const struct tensor *logits = safetensors_find(st, name);
        snprintf(name, sizeof name, "%s/probs", names[k]);
        const struct tensor *want = safetensors_find(st, name);
        assert_non_null(logits);
        assert_non_null(want);
        const size_t n = logits->shape[0];
        double *p = malloc(n * sizeof *p);
        spread(p, logits->data, n, &(struct sampling){0.8, 30, 0.95});
        double *q = malloc(n * sizeof *q);
        for (size_t i = 0; i < n; i++)
            q[i] = (double)((const float *)want->data)[i];
        if (strcmp(names[k], "ties") == 0) { /* equal logits at top-p's border: any of them may fall */
            qsort(p, n, sizeof *p, ascending);
            qsort(q, n, sizeof *q, ascending);
        }
        for (size_t i = 0; i < n; i++)
            assert_true(fabs(p[i] - q[i]) < 1e-6);
        free(p);
        free(q);
    }
    safetensors_free(st);
    stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distributions_are_transformers),
        cmocka_unit_test(draws_have_their_frequencies),
        cmocka_unit_test(goldens_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
