/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "params.h"

static void targets_have_words(void **state)
{
    (void)state;
    for (int i = TARGETS_LLM; i <= TARGETS_ALL; i++) {
        enum targets found;
        assert_true(targets_parse(&found, targets_name((enum targets)i)));
        assert_int_equal(found, i);
    }
    enum targets none;
    assert_false(targets_parse(&none, "vision"));
    assert_false(targets_include(TARGETS_ALL, PART_HEAD));
}

static bool is_behind_features(const struct model *m, size_t id)
{
    return id >= m->clip.layers[m->clip.depth].q.id && m->loader.modules[id].part == PART_VISION;
}

/* Every matrix of the targets stands once, without gaps, what is idle at the end. */
static void the_arena_holds_the_targets(void **state)
{
    struct tiny *f = *state;
    const size_t layers[] = {21, 23, 23 + 18}; /* 3 layers of 7; 2; 3 layers of 6 */
    for (int targets = TARGETS_LLM; targets <= TARGETS_ALL; targets++) {
        struct params p;
        size_t at = 0, idle = 0;
        assert_int_equal(params_new(&f->t, &p, f->model, (enum targets)targets, 3, 6, 1), OPA_OK);
        assert_int_equal(p.list_count, 2 * layers[targets]);
        for (size_t i = 0; i < p.list_count; i++) {
            const struct param *q = &p.list[i];
            const struct lora *lora = &p.adapter.of[q->id];
            assert_int_equal(q->offset, at);
            assert_ptr_equal((q->is_b ? lora->b : lora->a).data, p.value + at);
            assert_int_equal(q->idle, is_behind_features(f->model, q->id));
            assert_int_equal(q->idle, q->offset >= p.count);
            assert_float_equal(lora->scale, 2, 0);
            at += q->rows * q->cols;
            idle += q->idle;
        }
        assert_int_equal(at, p.total);
        assert_int_equal(idle, targets == TARGETS_ALL ? 12 : 0);
        params_release(&p);
    }
}

static void fresh_ones_change_nothing_and_repeat(void **state)
{
    struct tiny *f = *state;
    struct params p, same, other;
    assert_int_equal(params_new(&f->t, &p, f->model, TARGETS_ALL, 5, 10, 7), OPA_OK);
    assert_int_equal(params_new(&f->t, &same, f->model, TARGETS_ALL, 5, 10, 7), OPA_OK);
    assert_int_equal(params_new(&f->t, &other, f->model, TARGETS_ALL, 5, 10, 8), OPA_OK);
    assert_memory_equal(p.value, same.value, p.total * sizeof *p.value);
    assert_memory_not_equal(p.value, other.value, p.total * sizeof *p.value);
    for (size_t i = 0; i < p.list_count; i++) {
        const struct param *q = &p.list[i];
        const float *x = p.value + q->offset, bound = q->is_b ? 0 : 1 / sqrtf((float)q->cols);
        double squares = 0;
        for (size_t k = 0; k < q->rows * q->cols; k++) {
            assert_true(fabsf(x[k]) <= bound);
            squares += (double)x[k] * (double)x[k] / (double)(q->rows * q->cols);
        }
        /* the variance of a uniform distribution, within what 100 or more draws may be off */
        if (!q->is_b)
            assert_true(fabs(squares * 3 / ((double)bound * (double)bound) - 1) < 0.4);
    }
    params_release(&p);
    params_release(&same);
    params_release(&other);
}

static void what_is_no_target_stays_as_it_is(void **state)
{
    struct tiny *f = *state;
    struct adapter *from;
    struct params p;
    assert_int_equal(adapter_open(&f->t, &from, data("trainer/llava/adapter_init"), f->model), OPA_OK);
    assert_int_equal(params_from(&f->t, &p, f->model, TARGETS_LLM_PROJECTOR, from), OPA_OK);
    assert_int_equal(p.rank, 4);
    assert_float_equal(p.alpha, 8, 0);
    assert_int_equal(p.total, p.count);
    for (size_t id = 0; id < p.adapter.count; id++) {
        const struct lora *have = &p.adapter.of[id], *want = &from->of[id];
        const bool trained = f->model->loader.modules[id].part != PART_VISION;
        assert_int_equal(have->rank, want->rank);
        assert_int_equal(p.slope[id].a != NULL && p.slope[id].b != NULL, trained);
        assert_int_equal(have->a.data == want->a.data && have->b.data == want->b.data, !trained);
        assert_memory_equal(have->a.data, want->a.data, have->a.rows * have->a.cols * sizeof(float));
        assert_memory_equal(have->b.data, want->b.data, have->b.rows * have->b.cols * sizeof(float));
    }
    params_release(&p);
    adapter_free(from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_have_words),
        cmocka_unit_test(the_arena_holds_the_targets),
        cmocka_unit_test(fresh_ones_change_nothing_and_repeat),
        cmocka_unit_test(what_is_no_target_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
