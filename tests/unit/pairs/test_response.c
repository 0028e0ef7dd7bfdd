/* SPDX-License-Identifier: Apache-2.0 */
#include "pairs/response.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

/* The sentence of the specification, word by word. */
static double naive(uint32_t begin, const size_t *ends, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ends[i] > begin)
            return values[i];
    return n ? values[n - 1] : 1;
}

static void weights_equal_the_naive_twin(void **state)
{
    (void)state;
    const unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 2000; round++) {
        uint32_t begin[40], end[40];
        int32_t ids[40];
        size_t ends[9];
        double values[9], weights[40];
        opa_tokens tokens = {.ids = ids, .begin = begin, .end = end, .count = (size_t)rand() % 40};
        const size_t n = (size_t)rand() % 9;
        uint32_t at = 0;
        for (size_t i = 0; i < tokens.count; i++) {
            begin[i] = at;
            end[i] = at += (uint32_t)rand() % 4; /* some stand for no byte */
        }
        size_t stop = 0;
        for (size_t i = 0; i < n; i++) {
            ends[i] = stop += (size_t)rand() % 12;
            values[i] = rand() % 5;
        }
        opa_weights_by_sentence(weights, &tokens, ends, values, n);
        for (size_t i = 0; i < tokens.count; i++)
            assert_true(weights[i] == naive(begin[i], ends, values, n));
    }
}

static void responses_grow(void **state)
{
    (void)state;
    opa_response r = {0};
    for (int i = 0; i < 5000; i++)
        assert_true(opa_response_push(&r, i, i * 0.5, 1));
    assert_int_equal(r.count, 5000);
    assert_int_equal(r.ids[4999], 4999);
    assert_true(r.weights[OPA_WEIGHTS_LANGUAGE][3] == 1.5);
    assert_false(opa_response_reserve(&r, SIZE_MAX));
    opa_response_release(&r);
    assert_null(r.ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_equal_the_naive_twin),
        cmocka_unit_test(responses_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
