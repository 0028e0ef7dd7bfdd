/* SPDX-License-Identifier: Apache-2.0 */
/* Run by mpirun with several ranks, and alone. Every rank makes the same checks. */
#include "ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static struct ranks ranks;

/* What a rank brings to a sum: numbers of many magnitudes, so that another order of adding gives other bits. */
static float noise(int rank, size_t i)
{
    uint64_t z = ((uint64_t)rank << 40 | i) + 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    const float magnitudes[] = {1e-4F, 1.0F, 1e3F, 1e6F};
    return ((float)(z >> 40) / (float)(1 << 23) - 1) * magnitudes[z & 3];
}

static void ranks_sum_naive(float *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = noise(0, i);
        for (int rank = 1; rank < ranks.count; rank++)
            out[i] += noise(rank, i);
    }
}

static void test_sums_are_made_in_the_order_of_ranks(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 3, 7, 1000, (1 << 18) - 1, 3 << 18, (3 << 18) + 1, 2000003};
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
        const size_t count = counts[k];
        float *data = malloc((count + 1) * sizeof *data), *want = malloc((count + 1) * sizeof *want);
        assert_non_null(data);
        assert_non_null(want);
        for (size_t i = 0; i < count; i++)
            data[i] = noise(ranks.rank, i);
        data[count] = 42;
        ranks_sum_naive(want, count);
        ranks_sum(&ranks, data, count);
        assert_memory_equal(data, want, count * sizeof *data);
        assert_true(data[count] == 42);
        free(data);
        free(want);
    }
}

static void test_everyone_gets_everything(void **state)
{
    (void)state;
    const double own[2] = {ranks.rank, 0.5 * ranks.rank};
    double *all = calloc(2 * (size_t)ranks.count, sizeof *all);
    assert_non_null(all);
    ranks_gather(&ranks, all, own, sizeof own);
    for (int rank = 0; rank < ranks.count; rank++) {
        assert_true(all[2 * rank] == rank);
        assert_true(all[2 * rank + 1] == 0.5 * rank);
    }
    free(all);
    for (int from = 0; from < ranks.count; from++) {
        char text[32];
        snprintf(text, sizeof text, "of rank %d", ranks.rank);
        ranks_broadcast(&ranks, from, text, sizeof text);
        char want[32];
        snprintf(want, sizeof want, "of rank %d", from);
        assert_string_equal(text, want);
    }
}

/* Rank @p from fails, and all after it. */
static void check_agreement(int from)
{
    struct trainer t = {0};
    char want[64];
    const int own = ranks.rank >= from ? trainer_fail(&t, -10 - ranks.rank, "why %d", ranks.rank) : 0;
    snprintf(want, sizeof want, from > 0 ? "rank %d: why %d" : "why %d", from, from);
    assert_int_equal(ranks_agree(&ranks, &t, own), -10 - from);
    assert_string_equal(t.message, want);
}

static void test_the_first_failure_is_everybodys(void **state)
{
    (void)state;
    struct trainer t = {.message = "as it was"};
    assert_int_equal(ranks_agree(&ranks, &t, 0), 0);
    assert_string_equal(t.message, "as it was");
    for (int from = 0; from < ranks.count; from++)
        check_agreement(from);
}

static void test_one_is_enough(void **state)
{
    (void)state;
    assert_false(ranks_any(&ranks, false));
    for (int one = 0; one < ranks.count; one++)
        assert_true(ranks_any(&ranks, ranks.rank == one));
}

static void test_launchers(void **state)
{
    (void)state;
    int rank;
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "PMI_SIZE", "PMI_RANK",
                                        "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"};
    for (size_t i = 0; i < 6; i++)
        unsetenv(names[i]);
    assert_int_equal(ranks_launched(&rank), 1);
    assert_int_equal(rank, 0);
    for (size_t i = 6; i > 0; i -= 2) {
        setenv(names[i - 2], i == 2 ? "4" : "3", 1);
        assert_int_equal(ranks_launched(&rank), i == 6 ? 1 : 3); /* half of a pair says nothing */
        setenv(names[i - 1], "2", 1);
        assert_int_equal(ranks_launched(&rank), i == 2 ? 4 : 3);
        assert_int_equal(rank, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_are_made_in_the_order_of_ranks),
        cmocka_unit_test(test_everyone_gets_everything),
        cmocka_unit_test(test_the_first_failure_is_everybodys),
        cmocka_unit_test(test_one_is_enough),
        cmocka_unit_test(test_launchers),
    };
    struct trainer t = {0};
    if (ranks_open(&t, &ranks) != 0) {
        fprintf(stderr, "%s\n", t.message);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ranks_close(&ranks);
    return failed;
}
