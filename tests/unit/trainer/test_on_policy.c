/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "on_policy.h"

struct fixture {
    struct trainer t;
    struct heard heard;
    opa_tokenizer *tokenizer;
    opa_encoder *encoder;
    opa_tokens tokens;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    start(&f->t, &f->heard);
    assert_int_equal(opa_tokenizer_open(f->t.opa, &f->tokenizer, data("trainer/llava/checkpoint")), OPA_OK);
    assert_int_equal(opa_encoder_new(f->t.opa, &f->encoder, f->tokenizer), OPA_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    opa_tokens_release(&f->tokens);
    opa_encoder_free(f->encoder);
    opa_tokenizer_free(f->tokenizer);
    stop(&f->t);
    free(f);
    return 0;
}

/* ---- samples of our own making ---- */

static void set_response(struct fixture *f, struct packed *s, enum role role, const char *text)
{
    struct packed_response *r = &s->responses[role];
    r->there = true;
    r->text = (opa_text){text, strlen(text)};
    assert_int_equal(opa_encoder_encode(f->encoder, &f->tokens, r->text, OPA_ENCODE_PLAIN), OPA_OK);
    for (size_t i = 0; i < f->tokens.count; i++)
        assert_int_equal(ids_add(&f->t, &r->ids, f->tokens.ids[i]), OPA_OK);
    assert_int_equal(ids_add(&f->t, &r->ids, opa_tokenizer_eos(f->tokenizer)), OPA_OK);
}

/* f->tokens are those of the revised text then. */
static struct packed make(struct fixture *f, const char *generated, const char *revised)
{
    struct packed s = {.pairs = calloc(1, sizeof *s.pairs), .pair_count = 1, .id = strdup("made")};
    s.pairs[0] = (struct packed_pair){PAIR_LANGUAGE, ROLE_REVISED, ROLE_GENERATED, -1};
    set_response(f, &s, ROLE_GENERATED, generated);
    set_response(f, &s, ROLE_REVISED, revised);
    return s;
}

/* Log-probs that name their token: -0, -1, -2 ... as multiples of @p unit. */
static double *numbered(const struct packed *s, enum role role, double unit)
{
    const size_t n = s->responses[role].ids.count;
    double *logp = malloc((n + 1) * sizeof *logp);
    for (size_t i = 0; i < n; i++)
        logp[i] = -unit * (double)i;
    return logp;
}

static void count(struct fixture *f, struct on_policy *o, struct packed *s, double unit)
{
    double *revised = numbered(s, ROLE_REVISED, unit);
    const double *const logp[ROLE_COUNT] = {[ROLE_REVISED] = revised};
    o->tokenizer = f->tokenizer;
    assert_int_equal(on_policy_add(&f->t, o, s, logp), OPA_OK);
    free(revised);
    packed_release(s);
}

/* ---- tests ---- */

/* What was counted as edited are exactly the tokens that touch the visible bytes of @p words in the revised text. */
static void assert_edited(struct fixture *f, const char *generated, const char *revised, const char *word)
{
    struct on_policy o = {0};
    struct packed s = make(f, generated, revised);
    const size_t begin = (size_t)(strstr(revised, word) - revised), end = begin + strlen(word);
    const size_t all = f->tokens.count;
    count(f, &o, &s, 1);
    size_t n = 0;
    for (size_t i = 0; i < all; i++) {
        if (f->tokens.begin[i] < end && f->tokens.end[i] > begin) {
            assert_true(n < o.edited.count);
            assert_true(o.edited.logp[n++] == -(float)i);
        }
    }
    assert_true(n > 0);
    assert_int_equal(o.edited.count, n);
    assert_int_equal(o.kept.count, all - n);
    on_policy_release(&o);
}

static void edited_are_whole_words(void **state)
{
    struct fixture *f = *state;
    assert_edited(f, "A cat sits on the wall.", "A crocodile sits on the wall.", "crocodile");
    /* A part of the old word's ids stands in the new one: the word is edited as a whole. */
    assert_edited(f, "Two dogs sit on the wall.", "Two doghouses sit on the wall.", "doghouses");
    /* The same word has another id behind a line break: it is kept all the same. */
    assert_edited(f, "It is cold.\nIn the park lies snow.", "It is icy.\nIn the park lies snow.", "icy");
}

static void a_word_keeps_its_place_behind_a_line_break(void **state)
{
    struct fixture *f = *state;
    struct on_policy o = {0};
    struct packed s = make(f, "It is cold. In the park.", "It is cold.\nIn the park.");
    const size_t all = f->tokens.count;
    size_t word = 0, different = 0;
    for (size_t i = 0; i < all; i++) {
        word = f->tokens.begin[i] == 12 ? i : word;
        different += s.responses[ROLE_REVISED].ids.data[i] != s.responses[ROLE_GENERATED].ids.data[i];
    }
    assert_true(word > 0 && different > 0);
    count(f, &o, &s, 1);
    assert_int_equal(o.uncut, 0);
    assert_int_equal(o.edited.count + o.kept.count, all);
    for (size_t i = 0; i < o.edited.count; i++)
        assert_true(o.edited.logp[i] != -(float)word);
    on_policy_release(&o);
}

static void a_text_that_is_cut_otherwise_is_counted_apart(void **state)
{
    struct fixture *f = *state;
    struct on_policy o = {0};
    struct packed s = make(f, "A cat sits.", "A dog sits.");
    s.responses[ROLE_REVISED].ids.data[0]++;
    count(f, &o, &s, 1);
    assert_int_equal(o.edited.count + o.kept.count, 0);
    assert_int_equal(o.uncut, 1);
    assert_int_equal(o.pairs, 1);
    on_policy_release(&o);
}

static void unlikely_data_is_warned_of(void **state)
{
    struct fixture *f = *state;
    for (int far = 0; far < 2; far++) {
        struct on_policy o = {0};
        for (int i = 0; i < 20; i++) {
            struct packed s = make(f, "A cat sits on the wall.", "A dog sits on the wall.");
            count(f, &o, &s, i < (far ? 3 : 2) ? 100 : 0.01);
        }
        assert_int_equal(o.pairs, 20);
        assert_int_equal(o.far, far ? 3 : 2);
        f->heard.count = 0;
        on_policy_report(&f->t, &o, "the reference");
        assert_int_equal(f->heard.count, far ? 3 : 2);
        assert_int_equal(strstr(f->heard.last, "warning: the data is off-policy for the reference") != NULL, far);
        if (!far)
            assert_non_null(strstr(f->heard.last, "10% of 20 chosen responses"));
        on_policy_release(&o);
    }
}

/* 100 kept tokens of 0, -1 ... -99: 5 of them are below -94. */
static void mean_and_quantile(void **state)
{
    struct fixture *f = *state;
    struct on_policy o = {0};
    char text[512] = "a";
    struct packed s = {.id = strdup("made")};
    while (f->tokens.count < 100) {
        strcat(text, " a");
        assert_int_equal(opa_encoder_encode(f->encoder, &f->tokens, (opa_text){text, strlen(text)}, 0), OPA_OK);
    }
    set_response(f, &s, ROLE_GENERATED, text);
    set_response(f, &s, ROLE_REVISED, text);
    assert_int_equal(f->tokens.count, 100);
    count(f, &o, &s, 1);
    on_policy_report(&f->t, &o, "it");
    assert_non_null(strstr(f->heard.last, "kept tokens 100, log-prob -49.50 on average, 5% below -94.00"));
    assert_non_null(strstr(f->heard.last, "edited tokens none"));
    on_policy_release(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(edited_are_whole_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_word_keeps_its_place_behind_a_line_break, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_text_that_is_cut_otherwise_is_counted_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unlikely_data_is_warned_of, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mean_and_quantile, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
