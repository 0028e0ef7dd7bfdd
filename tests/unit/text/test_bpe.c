/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer/bpe.h"

/* The definition, word for word: look for the lowest rank, leftmost, merge it, start again. */
static size_t naive(const opa_bpe *bpe, opa_symbol *s, size_t n)
{
    for (;;) {
        const opa_pair_entry *best = NULL;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            const opa_pair_entry *e = opa_pairmap_find(&bpe->merges, s[i].id, s[i + 1].id);
            if (e && (!best || e->x < best->x)) {
                best = e;
                at = i;
            }
        }
        if (!best)
            return n;
        s[at] = (opa_symbol){best->y, s[at + 1].end};
        memmove(s + at + 1, s + at + 2, (n - at - 2) * sizeof(*s));
        n--;
    }
}

/* Short words take a scan, long ones a heap: both must give what the definition gives, ties included. */
static void merges_as_defined(void **state)
{
    (void)state;
    const unsigned seed = 4711;
    print_message("seed %u\n", seed);
    srand(seed);
    opa_bpe_scratch scratch = {0};
    for (int round = 0; round < 2000; round++) {
        opa_bpe bpe = {0};
        const uint32_t letters = 2 + (uint32_t)rand() % 3;
        uint32_t ids = letters;
        for (int i = rand() % 12; i >= 0; i--, ids++) {
            const uint32_t left = (uint32_t)rand() % ids, right = (uint32_t)rand() % ids;
            assert_true(opa_pairmap_put(&bpe.merges, left, right, (uint32_t)rand() % 8, ids));
        }
        opa_symbol a[200], b[200];
        size_t n = 1 + (size_t)rand() % (round % 2 ? 200 : 12), count = n;
        for (size_t i = 0; i < n; i++) {
            const bool unknown = rand() % 20 == 0;
            a[i] = b[i] = (opa_symbol){unknown ? OPA_BPE_UNKNOWN : (uint32_t)rand() % letters, (uint32_t)i + 1};
        }
        n = naive(&bpe, a, n);
        assert_true(opa_bpe_merge(&bpe, &scratch, b, &count));
        assert_int_equal(count, n);
        assert_memory_equal(a, b, n * sizeof(*a));
        opa_bpe_release(&bpe);
    }
    opa_bpe_scratch_release(&scratch);
}

static void joins_have_no_false_negatives(void **state)
{
    (void)state;
    opa_bpe bpe = {0};
    for (uint32_t i = 0; i < 5000; i++)
        assert_true(opa_bpe_join(&bpe, i * 7, i * 13));
    for (uint32_t i = 0; i < 5000; i++)
        assert_true(opa_bpe_may_join(&bpe, i * 7, i * 13));
    size_t wrong = 0;
    for (uint32_t i = 0; i < 5000; i++)
        wrong += opa_bpe_may_join(&bpe, i + 100000, i);
    assert_true(wrong < 200);
    opa_bpe_release(&bpe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_as_defined),
        cmocka_unit_test(joins_have_no_false_negatives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
