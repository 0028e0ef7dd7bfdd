/* SPDX-License-Identifier: Apache-2.0 */
/* The passes by themselves; against the reference's gradients they stand in tests/parity/trainer. */
#include "support.h"

#include "sampling.h"
#include "train.h"

/* ---- every allocation of the program's own code is counted: the linker leads it here ---- */

static long asked_for_memory;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
int __real_posix_memalign(void **out, size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
int __wrap_posix_memalign(void **out, size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
    asked_for_memory++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    asked_for_memory++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    asked_for_memory++;
    return __real_realloc(p, size);
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t size)
{
    asked_for_memory++;
    return __real_posix_memalign(out, alignment, size);
}

/* ---- two samples ---- */

enum { PROMPT = 11, LENGTH = 9, SAMPLES = 2, RESPONSES = 2 };

struct fixture {
    struct trainer t;
    struct model *model;
    struct adapter *adapter;
    struct params params;
    struct train *train;
    struct train_plan plan;
    uint64_t random;
    /* two samples, two responses each */
    int32_t ids[SAMPLES][RESPONSES][LENGTH];
    double logp[SAMPLES][RESPONSES][LENGTH], slope[LENGTH];
    float *image;
    struct ids prompt;
    struct train_response responses[SAMPLES][RESPONSES];
    struct train_branch branches[SAMPLES];
    struct train_sample samples[SAMPLES];
};

static int32_t draw(struct fixture *f)
{
    return (int32_t)(random_next(&f->random) % 500);
}

static void make_samples(struct fixture *f)
{
    const size_t floats = 3 * 56 * 56; /* more than features of any stage */
    f->image = malloc(floats * sizeof *f->image);
    for (size_t i = 0; i < floats; i++)
        f->image[i] = (float)(random_next(&f->random) % 1000) * 2e-3f - 1;
    for (int i = 0; i < PROMPT; i++)
        assert_int_equal(ids_add(&f->t, &f->prompt, i == 4 ? TREE_IMAGE : draw(f)), OPA_OK);
    for (int k = 0; k < LENGTH; k++)
        f->slope[k] = (k % 3 - 1.4) / 10;
    for (int s = 0; s < SAMPLES; s++) {
        for (int r = 0; r < RESPONSES; r++) {
            for (int k = 0; k < LENGTH; k++)
                f->ids[s][r][k] = draw(f);
            f->responses[s][r] = (struct train_response){f->ids[s][r], LENGTH, f->logp[s][r], f->slope};
        }
        f->branches[s] = (struct train_branch){f->image, f->responses[s], RESPONSES};
        f->samples[s] = (struct train_sample){&f->prompt, &f->branches[s], 1};
    }
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    start(&f->t, NULL);
    f->random = test_seed();
    f->model = open_tiny_model(&f->t);
    assert_int_equal(adapter_open(&f->t, &f->adapter, data("trainer/llava/adapter_init"), f->model), OPA_OK);
    make_samples(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    adapter_free(f->adapter);
    model_free(f->model);
    ids_release(&f->prompt);
    free(f->image);
    stop(&f->t);
    free(f);
    return 0;
}

static struct train_size both(const struct fixture *f)
{
    const struct train_size one = train_size(f->model, &f->samples[0]);
    return (struct train_size){SAMPLES * one.tokens, SAMPLES * one.targets, SAMPLES * one.images};
}

static void open_pass(struct fixture *f, enum targets targets)
{
    assert_int_equal(params_from(&f->t, &f->params, f->model, targets, f->adapter), OPA_OK);
    assert_int_equal(train_plan(&f->t, &f->plan, f->model, &f->params, both(f), 0, 0), OPA_OK);
    assert_int_equal(train_open(&f->t, &f->train, f->model, &f->params, &f->plan), OPA_OK);
}

static void close_pass(struct fixture *f)
{
    train_free(f->train);
    params_release(&f->params);
}

/* The loss whose slopes the responses have: the sum of slope * logp. */
static double loss(struct fixture *f)
{
    double sum = 0;
    assert_int_equal(train_forward(f->train, f->samples, SAMPLES), OPA_OK);
    for (int s = 0; s < SAMPLES; s++)
        for (int r = 0; r < RESPONSES; r++)
            for (int k = 0; k < LENGTH; k++)
                sum += f->slope[k] * f->logp[s][r][k];
    return sum;
}

static void step(struct params *p, const float *direction, double length)
{
    for (size_t i = 0; i < p->count; i++)
        p->value[i] += (float)(length * (double)direction[i]);
}

static double central(struct fixture *f, const float *direction, double h)
{
    step(&f->params, direction, h);
    const double up = loss(f);
    step(&f->params, direction, -2 * h);
    const double down = loss(f);
    step(&f->params, direction, h);
    return (up - down) / (2 * h);
}

/* Along the gradient the loss grows by the gradient's norm; along a random direction by their product. */
static void the_loss_moves_as_the_gradient_says(void **state)
{
    struct fixture *f = *state;
    for (int targets = TARGETS_LLM; targets <= TARGETS_ALL; targets++) {
        open_pass(f, (enum targets)targets);
        loss(f);
        assert_int_equal(train_backward(f->train, f->samples, SAMPLES), OPA_OK);
        const size_t n = f->params.count;
        float *direction = malloc(n * sizeof *direction);
        for (int way = 0; way < 2; way++) {
            double norm = 0, product = 0, h = 2e-3;
            for (size_t i = 0; i < n; i++)
                direction[i] = way ? (float)(random_next(&f->random) % 2000) * 1e-3f - 1 : f->params.gradient[i];
            for (size_t i = 0; i < n; i++)
                norm += (double)direction[i] * (double)direction[i];
            norm = sqrt(norm);
            for (size_t i = 0; i < n; i++) {
                direction[i] /= (float)norm;
                product += (double)direction[i] * (double)f->params.gradient[i];
            }
            /* Richardson: the error of the fourth order remains, and the rounding of float32 log-probs */
            const double slope = (4 * central(f, direction, h / 2) - central(f, direction, h)) / 3;
            if (!(fabs(slope - product) < 1e-3 * fabs(product) + 8e-3))
                fail_msg("%s, way %d: %g, not %g", targets_name((enum targets)targets), way, slope, product);
        }
        free(direction);
        close_pass(f);
    }
}

static void gradients(struct fixture *f, float *out)
{
    params_zero_gradient(&f->params);
    loss(f);
    assert_int_equal(train_backward(f->train, f->samples, SAMPLES), OPA_OK);
    memcpy(out, f->params.gradient, f->params.count * sizeof *out);
}

/* The same twice, to the bit; on two threads, nearly; added to, not overwritten; 0 where no slope is. */
static void gradients_repeat_and_add_up(void **state)
{
    struct fixture *f = *state;
    ops_context *one = f->t.ops;
    open_pass(f, TARGETS_ALL);
    const size_t n = f->params.count;
    float *first = malloc(n * sizeof *first), *again = malloc(n * sizeof *again), largest = 0;
    gradients(f, first);
    gradients(f, again);
    assert_memory_equal(first, again, n * sizeof *first);
    for (size_t i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(first[i]));
    assert_true(largest > 0);
    assert_int_equal(train_forward(f->train, f->samples, SAMPLES), OPA_OK);
    assert_int_equal(train_backward(f->train, f->samples, SAMPLES), OPA_OK);
    for (size_t i = 0; i < n; i++)
        assert_float_equal(f->params.gradient[i], 2 * first[i], 1e-6f * largest);
    assert_int_equal(ops_context_new(&f->t.ops, 2), 0);
    gradients(f, again);
    for (size_t i = 0; i < n; i++)
        assert_float_equal(again[i], first[i], 1e-5f * largest);
    ops_context_free(f->t.ops);
    f->t.ops = one;
    for (int s = 0; s < SAMPLES; s++)
        for (int r = 0; r < RESPONSES; r++)
            f->responses[s][r].slope = NULL;
    gradients(f, again);
    for (size_t i = 0; i < n; i++)
        assert_float_equal(again[i], 0, 0);
    for (int s = 0; s < SAMPLES; s++)
        for (int r = 0; r < RESPONSES; r++)
            f->responses[s][r].slope = f->slope;
    free(first);
    free(again);
    close_pass(f);
}

/* More memory keeps more layers, never more than is allowed. */
static void memory_is_planned(void **state)
{
    struct fixture *f = *state;
    struct train_plan all, least, plan;
    const struct train_size size = both(f);
    assert_int_equal(params_from(&f->t, &f->params, f->model, TARGETS_ALL, f->adapter), OPA_OK);
    assert_int_equal(train_plan(&f->t, &all, f->model, &f->params, size, 1000, 0), OPA_OK);
    assert_int_equal(all.kept, all.layers);
    assert_int_equal(all.kept_vision, all.layers_vision);
    assert_int_equal(all.layers_vision, 2);
    assert_int_equal(train_plan(&f->t, &plan, f->model, &f->params, size, 0, 0), OPA_OK);
    assert_int_equal(all.total, plan.total + 1000);
    assert_int_equal(train_plan(&f->t, &plan, f->model, &f->params, size, 1000, all.total), OPA_OK);
    assert_int_equal(plan.kept + plan.kept_vision, all.layers + 2);
    assert_int_equal(train_plan(&f->t, &plan, f->model, &f->params, size, 1000, all.total - 1), OPA_OK);
    assert_int_equal(plan.kept, all.layers);
    assert_int_equal(plan.kept_vision, 1);
    assert_true(plan.total < all.total);
    for (uint64_t memory = all.total;; memory -= 5000) {
        const int status = train_plan(&f->t, &plan, f->model, &f->params, size, 1000, memory);
        if (status != OPA_OK) {
            assert_int_equal(status, OPA_EINVAL);
            assert_message(&f->t, "at least");
            break;
        }
        assert_true(plan.total <= memory);
        least = plan;
    }
    assert_int_equal(least.kept, 1);
    assert_int_equal(least.kept_vision, 1);
    params_release(&f->params);
}

/* The plan's memory is all: passes over any micro-batch within it ask for no more, the first neither. */
static void passes_ask_for_no_memory(void **state)
{
    struct fixture *f = *state;
    for (int targets = TARGETS_LLM; targets <= TARGETS_ALL; targets++) {
        asked_for_memory = 0;
        open_pass(f, (enum targets)targets);
        assert_true(asked_for_memory > 0);
        asked_for_memory = 0;
        for (size_t count = SAMPLES; count > 0; count--) {
            assert_int_equal(train_forward(f->train, f->samples, count), OPA_OK);
            assert_int_equal(train_backward(f->train, f->samples, count), OPA_OK);
        }
        assert_int_equal(asked_for_memory, 0);
        close_pass(f);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    struct fixture *f = *state;
    struct train_sample three[3] = {f->samples[0], f->samples[1], f->samples[0]};
    open_pass(f, TARGETS_LLM);
    assert_int_equal(train_forward(f->train, three, 3), OPA_EINVAL);
    assert_message(&f->t, "larger than planned");
    const int32_t kept = f->ids[1][0][3];
    f->ids[1][0][3] = 544;
    assert_int_equal(train_forward(f->train, f->samples, SAMPLES), OPA_ERECORD);
    assert_message(&f->t, "sample 1: token 544 is beyond the model's vocabulary of 544");
    f->ids[1][0][3] = kept;
    const size_t most = f->model->config.text.max_positions;
    f->model->config.text.max_positions = PROMPT - 1 + 16 + LENGTH - 2; /* the last token's place is taken away */
    assert_int_equal(train_forward(f->train, f->samples, SAMPLES), OPA_ERECORD);
    assert_message(&f->t, "sample 0: prompt and response take more");
    f->model->config.text.max_positions = most;
    assert_int_equal(train_forward(f->train, f->samples, SAMPLES), OPA_OK);
    close_pass(f);
}

static void a_bad_layer_is_named(void **state)
{
    struct fixture *f = *state;
    open_pass(f, TARGETS_LLM);
    const struct llama_layer *layer = &f->model->llama.layers[1];
    assert_int_equal(train_forward(f->train, f->samples, SAMPLES), OPA_OK);
    assert_int_equal(train_first_bad_layer(f->train), 3);
    for (size_t i = 0; i < f->params.list_count; i++)
        if (f->params.list[i].id == layer->up.id)
            f->params.value[f->params.list[i].offset] = NAN;
    assert_int_equal(train_forward(f->train, f->samples, SAMPLES), OPA_OK);
    assert_int_equal(train_first_bad_layer(f->train), 1);
    const float kept = f->image[5];
    f->image[5] = INFINITY;
    assert_int_equal(train_forward(f->train, f->samples, SAMPLES), OPA_OK);
    assert_int_equal(train_first_bad_layer(f->train), -1);
    f->image[5] = kept;
    close_pass(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_moves_as_the_gradient_says),
        cmocka_unit_test(gradients_repeat_and_add_up),
        cmocka_unit_test(memory_is_planned),
        cmocka_unit_test(passes_ask_for_no_memory),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(a_bad_layer_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
