/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "micro_batch.h"
#include "sampling.h"

enum { PROMPT = 7, LONGEST = 9, BRANCHES = 2, RESPONSES = 3, SAMPLES = 3 };

/* Samples of random responses, some of them empty or of one token. */
struct fixture {
    struct trainer t;
    struct model *model;
    struct ids prompt;
    int32_t ids[SAMPLES][BRANCHES][RESPONSES][LONGEST];
    struct train_response responses[SAMPLES][BRANCHES][RESPONSES];
    struct train_branch branches[SAMPLES][BRANCHES];
    struct train_sample samples[SAMPLES];
};

static void set_up(struct fixture *f, uint64_t *random, bool image)
{
    start(&f->t, NULL);
    f->model = open_tiny_model(&f->t);
    for (int i = 0; i < PROMPT; i++)
        assert_int_equal(ids_add(&f->t, &f->prompt, image && i == 3 ? TREE_IMAGE : 10 + i), OPA_OK);
    for (int s = 0; s < SAMPLES; s++) {
        for (int b = 0; b < BRANCHES; b++) {
            for (int r = 0; r < RESPONSES; r++) {
                for (int k = 0; k < LONGEST; k++)
                    f->ids[s][b][r][k] = (int32_t)(100 + random_next(random) % 400);
                f->responses[s][b][r] =
                    (struct train_response){f->ids[s][b][r], random_next(random) % LONGEST, NULL, NULL};
            }
            f->branches[s][b] = (struct train_branch){NULL, f->responses[s][b], RESPONSES};
        }
        f->samples[s] = (struct train_sample){&f->prompt, f->branches[s], image ? BRANCHES : 1};
    }
}

static void tear_down(struct fixture *f)
{
    ids_release(&f->prompt);
    model_free(f->model);
    stop(&f->t);
}

/* Behind the last layer stands, for each target, the token before it on its path. */
static void check_rows(const struct fixture *f, const struct micro_batch *m)
{
    const struct model *model = f->model;
    size_t target = 0;
    for (int s = 0; s < SAMPLES; s++) {
        const size_t images = f->samples[s].count == BRANCHES ? model_image_rows(model) - 1 : 0;
        for (size_t b = 0; b < f->samples[s].count; b++) {
            for (int r = 0; r < RESPONSES; r++) {
                const struct train_response *response = &f->responses[s][b][r];
                for (size_t k = 0; k < response->count; k++, target++) {
                    const size_t token = m->last[m->rows[target]];
                    assert_int_equal(m->ids[target], response->ids[k]);
                    assert_int_equal(m->tree.ids[token], k > 0 ? response->ids[k - 1] : 10 + PROMPT - 1);
                    assert_int_equal(m->tree.positions[token], PROMPT + images + k - 1);
                }
            }
        }
    }
    assert_int_equal(m->size.targets, target);
}

/* They ascend, are a node's last ones, and each is wanted. */
static void check_last(const struct micro_batch *m)
{
    size_t at = 0;
    bool wanted[SAMPLES * BRANCHES * RESPONSES * LONGEST] = {false};
    for (size_t n = 0; n < m->tree.node_count; n++) {
        const ops_node *node = &m->tree.nodes[n];
        assert_true(m->queries[n] <= node->count);
        for (size_t i = node->count - m->queries[n]; i < node->count; i++)
            assert_int_equal(m->last[at++], node->begin + i);
    }
    assert_int_equal(at, m->last_count);
    assert_true(m->last_count <= m->size.targets);
    for (size_t i = 0; i < m->size.targets; i++)
        wanted[m->rows[i]] = true;
    for (size_t i = 0; i < m->last_count; i++)
        assert_true(wanted[i]);
}

static void tokens_that_predict_are_found(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 20; round++) {
        struct fixture f = {.model = NULL};
        struct micro_batch m;
        struct train_size most = {0};
        set_up(&f, &random, round % 2);
        for (int s = 0; s < SAMPLES; s++) {
            const struct train_size one = train_size(f.model, &f.samples[s]);
            most.tokens += one.tokens;
            most.targets += one.targets;
            most.images += one.images;
        }
        assert_int_equal(micro_batch_init(&f.t, &m, f.model, most), OPA_OK);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(micro_batch_build(&f.t, &m, f.model, f.samples, SAMPLES), OPA_OK);
            assert_int_equal(m.size.tokens, most.tokens);
            check_rows(&f, &m);
            check_last(&m);
        }
        micro_batch_release(&m);
        tear_down(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tokens_that_predict_are_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
