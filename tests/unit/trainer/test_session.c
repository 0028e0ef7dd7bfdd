/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "generate.h"
#include "model/plain.h"
#include "sampling.h"

enum { RESPONSES = 3, LENGTH = 13, PROMPT = 9, PADDING = 4 };

struct fixture {
    struct trainer t;
    struct model *model;
    struct adapter *adapter;
    uint64_t random;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    start(&f->t, NULL);
    f->random = test_seed();
    f->model = open_tiny_model(&f->t);
    assert_int_equal(adapter_open(&f->t, &f->adapter, data("trainer/llava/adapter_init"), f->model), OPA_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    adapter_free(f->adapter);
    model_free(f->model);
    stop(&f->t);
    free(f);
    return 0;
}

static void draw(struct fixture *f, int32_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)(random_next(&f->random) % f->model->config.text.vocabulary);
}

/* The twin's log-probs of a response behind a prompt, in a row with padding on the left and on the right. */
static void plain_score(struct fixture *f, const struct adapter *adapter, double *logp, const int32_t *prompt,
                        const int32_t *response, size_t left)
{
    const struct llama *llama = &f->model->llama;
    const size_t length = PADDING + PROMPT + LENGTH, hidden = llama->config.hidden;
    int32_t ids[PADDING + PROMPT + LENGTH] = {0};
    bool real[PADDING + PROMPT + LENGTH] = {false};
    float *h = calloc(length, hidden * sizeof *h);
    memcpy(ids + left, prompt, PROMPT * sizeof *ids);
    memcpy(ids + left + PROMPT, response, LENGTH * sizeof *ids);
    for (size_t i = left; i < left + PROMPT + LENGTH; i++)
        real[i] = true;
    llama_embed(f->t.ops, llama, h, ids, length);
    assert_int_equal(plain_forward(&f->t, llama, adapter, h, real, length), OPA_OK);
    for (size_t i = 0; i < LENGTH; i++)
        logp[i] = plain_logp(&f->t, llama, h, left + PROMPT + i - 1, response[i]);
    free(h);
}

/* One tree of several responses against the padded sequences, with and without an adapter. */
static void a_tree_gives_what_padded_sequences_give(void **state)
{
    struct fixture *f = *state;
    const struct adapter *const adapters[] = {NULL, f->adapter};
    int32_t prompt[PROMPT], ids[RESPONSES][LENGTH];
    float logp[RESPONSES][LENGTH];
    double twin[LENGTH];
    draw(f, prompt, PROMPT);
    draw(f, ids[0], RESPONSES * LENGTH);
    for (int a = 0; a < 2; a++) {
        struct session session = {.t = &f->t, .model = f->model, .adapter = adapters[a]};
        struct scored responses[RESPONSES];
        for (int r = 0; r < RESPONSES; r++)
            responses[r] = (struct scored){ids[r], LENGTH, logp[r]};
        const struct ids p = {prompt, PROMPT, PROMPT};
        const struct branch branch = {NULL, responses, RESPONSES};
        assert_int_equal(session_score(&session, &p, &branch, 1), OPA_OK);
        for (int r = 0; r < RESPONSES; r++) {
            plain_score(f, adapters[a], twin, prompt, ids[r], (size_t)r % (PADDING + 1));
            for (int i = 0; i < LENGTH; i++)
                assert_true(fabs(twin[i] - (double)logp[r][i]) < 1e-4);
        }
        session_release(&session);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    struct fixture *f = *state;
    struct session session = {.t = &f->t, .model = f->model};
    int32_t prompt[PROMPT], response[LENGTH];
    float logp[LENGTH];
    draw(f, prompt, PROMPT);
    draw(f, response, LENGTH);
    const struct ids p = {prompt, PROMPT, PROMPT};
    const struct scored scored = {response, LENGTH, logp};
    const struct branch branch = {NULL, &scored, 1};
    session.memory_limit = 1000;
    assert_int_equal(session_score(&session, &p, &branch, 1), OPA_ERECORD);
    assert_message(&f->t, "--memory");
    session.memory_limit = 0;
    response[5] = (int32_t)f->model->config.text.vocabulary;
    assert_int_equal(session_score(&session, &p, &branch, 1), OPA_ERECORD);
    assert_message(&f->t, "vocabulary");
    session_release(&session);
}

static void generate_all(struct fixture *f, struct generate_job *jobs, size_t count, double temperature, size_t batch)
{
    struct session session = {.t = &f->t, .model = f->model, .adapter = f->adapter};
    const struct generate_options options = {.max_new_tokens = 20, .sampling = {temperature, 40, 0.95}};
    for (size_t i = 0; i < count; i += batch)
        assert_int_equal(generate_batch(&session, jobs + i, batch < count - i ? batch : count - i, &options), OPA_OK);
    session_release(&session);
}

/* Neighbours in a batch change neither greedy texts nor draws. */
static void a_batch_gives_what_each_prompt_gives_alone(void **state)
{
    struct fixture *f = *state;
    enum { JOBS = 5 };
    int32_t ids[JOBS][PROMPT];
    struct ids prompts[JOBS];
    for (int pass = 0; pass < 2; pass++) {
        struct generate_job together[JOBS] = {0}, alone[JOBS] = {0};
        for (int i = 0; i < JOBS; i++) {
            draw(f, ids[i], PROMPT);
            prompts[i] = (struct ids){ids[i], (size_t)(PROMPT - i), PROMPT};
            together[i] = (struct generate_job){.prompt = &prompts[i], .seed = (uint64_t)i};
            alone[i] = together[i];
        }
        generate_all(f, together, JOBS, pass ? 0.8 : 0, JOBS);
        generate_all(f, alone, JOBS, pass ? 0.8 : 0, 1);
        for (int i = 0; i < JOBS; i++) {
            assert_int_equal(together[i].ids.count, 20);
            assert_memory_equal(together[i].ids.data, alone[i].ids.data, 20 * sizeof(int32_t));
            ids_release(&together[i].ids);
            ids_release(&alone[i].ids);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_gives_what_padded_sequences_give),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(a_batch_gives_what_each_prompt_gives_alone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
