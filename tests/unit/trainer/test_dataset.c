/* SPDX-License-Identifier: Apache-2.0 */
/* Packs of the library's own making, read as training reads them. */
#include "support.h"

#include "dataset.h"
#include "json_fields.h"

#define REPORT                                                                                                         \
    "{\"0\":{\"copied_content\":\"A dog runs.\",\"score\":2,\"error_type\":\"image_recognition_error\",\"object\":[]," \
    "\"rewritten_content\":\"A cat runs.\",\"reason\":\"r\"}}"
#define RECORD(id)                                                                                                     \
    "{\"id\":\"" id "\",\"image\":\"own_tiny.jpg\",\"prompt\":\"<image>\\nWhat?\",\"generated\":\"A dog runs.\","      \
    "\"ground_truth\":\"A cat at the sea.\",\"feedback\":" REPORT "}\n"

struct fixture {
    struct trainer t;
    opa_tokenizer *tokenizer;
    const char *dir;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    start(&f->t, NULL);
    assert_int_equal(opa_tokenizer_open(f->t.opa, &f->tokenizer, data("trainer/llava/checkpoint")), OPA_OK);
    f->dir = fresh_folder();
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    opa_tokenizer_free(f->tokenizer);
    stop(&f->t);
    free(f);
    return 0;
}

static char *inside(const struct fixture *f, const char *name)
{
    char *path = malloc(strlen(f->dir) + strlen(name) + 2);
    strcpy(stpcpy(stpcpy(path, f->dir), "/"), name);
    return path;
}

/* The pack of these records; the caller frees the path. */
static char *make_pack(struct fixture *f, const char *name, const char *records, const char *recipe_name, uint64_t seed,
                       const opa_tokenizer *tokenizer)
{
    char *pack = inside(f, name), *source, *store_path, file[80];
    opa_store *store;
    opa_recipe *recipe;
    snprintf(file, sizeof file, "%s.jsonl", name);
    write_bytes(f->dir, file, records, strlen(records));
    source = inside(f, file);
    snprintf(file, sizeof file, "%s.opa", name);
    store_path = inside(f, file);
    opa_import_options import = OPA_IMPORT_OPTIONS_INIT;
    import.images = data("image");
    opa_import_report imported;
    assert_int_equal(opa_store_create(f->t.opa, store_path), OPA_OK);
    assert_int_equal(opa_store_open(f->t.opa, &store, store_path), OPA_OK);
    assert_int_equal(opa_store_import(store, (const char *const[]){source}, 1, &import, &imported), OPA_OK);
    assert_int_equal(opa_recipe_open(f->t.opa, &recipe, recipe_name), OPA_OK);
    opa_pack_options options = OPA_PACK_OPTIONS_INIT;
    options.recipe = recipe;
    options.tokenizer = tokenizer;
    options.seed = seed;
    opa_pack_report packed;
    if (opa_pack_write(f->t.opa, store, pack, &options, &packed) != OPA_OK)
        fail_msg("%s", opa_context_message(f->t.opa));
    assert_int_equal(packed.samples, imported.samples_added);
    opa_recipe_free(recipe);
    opa_store_free(store);
    free(source);
    free(store_path);
    return pack;
}

/* ---- one sample ---- */

static void check_weights(const struct packed *s, const struct packed_pair *pair)
{
    for (int side = 0; side < 2; side++) {
        const struct packed_response *r = &s->responses[side ? pair->rejected : pair->chosen];
        double sum = 0;
        assert_true(r->there && r->ids.count > 1);
        for (size_t i = 0; pair->weights >= 0 && i < r->ids.count; i++)
            sum += r->weights[pair->weights][i];
        assert_true(pair->weights < 0 || sum > 0);
    }
}

static void a_sample_has_its_pairs_and_weights(void **state)
{
    struct fixture *f = *state;
    struct dataset d;
    struct packed s = {0};
    size_t of[PAIR_TYPES] = {0};
    char *path = make_pack(f, "one", RECORD("a") RECORD("b"), NULL, 18446744073709551615u, f->tokenizer);
    assert_int_equal(dataset_open(&f->t, &d, &path, 1, f->tokenizer), OPA_OK);
    assert_int_equal(d.count, 2);
    assert_true(dataset_pack_of(&d, 0)->seed == 18446744073709551615u);
    assert_false(dataset_pack_of(&d, 0)->by_text);
    for (size_t i = 0; i < 2; i++) { /* the second replaces the first */
        assert_int_equal(dataset_read(&f->t, &d, &s, i), OPA_OK);
        assert_string_equal(s.id, i ? "b" : "a");
        assert_true(s.image.size > 100);
        assert_true(text_is(s.prompt, "<image>\nWhat?"));
        assert_true(text_is(s.responses[ROLE_REVISED].text, "A cat runs."));
        assert_int_equal(s.pair_count, 6);
        assert_int_equal(packed_check_text(&f->t, &s, f->tokenizer), OPA_OK);
    }
    for (size_t i = 0; i < s.pair_count; i++) {
        of[s.pairs[i].type]++;
        check_weights(&s, &s.pairs[i]);
    }
    for (int type = 0; type < PAIR_TYPES; type++)
        assert_int_equal(of[type], 2);
    assert_false(s.responses[ROLE_GENERATED].masked);
    assert_true(s.responses[ROLE_REVISED].masked && s.responses[ROLE_GROUND_TRUTH].masked);
    assert_int_equal(s.responses[ROLE_REVISED].mask.method, MASK_PIXELS);
    packed_release(&s);
    dataset_release(&d);
    free(path);
}

/* The ids of a pass: BOS in the released context, unless the pack says that the response begins without. */
static void ids_follow_the_context(void **state)
{
    struct fixture *f = *state;
    int32_t ids[] = {5, 6, 2};
    struct packed_response r = {.there = true, .bos = true, .ids = {ids, 3, 3}};
    struct ids out = {0};
    assert_int_equal(packed_ids(&f->t, &out, &r, CONTEXT_SFT, 1), OPA_OK);
    assert_int_equal(out.count, 3);
    assert_int_equal(packed_ids(&f->t, &out, &r, CONTEXT_RELEASE, 1), OPA_OK);
    assert_int_equal(out.count, 4);
    assert_int_equal(out.data[0], 1);
    assert_memory_equal(out.data + 1, ids, sizeof ids);
    r.bos = false;
    assert_int_equal(packed_ids(&f->t, &out, &r, CONTEXT_RELEASE, 1), OPA_OK);
    assert_int_equal(out.count, 3);
    r.there = false;
    assert_int_equal(packed_ids(&f->t, &out, &r, CONTEXT_RELEASE, 1), OPA_OK);
    assert_int_equal(out.count, 0);
    ids_release(&out);
}

/* ---- several packs ---- */

static void packs_are_one_list_and_what_is_left_out_is_gone(void **state)
{
    struct fixture *f = *state;
    struct dataset d;
    struct packed s = {0};
    char *paths[2] = {make_pack(f, "first", RECORD("a") RECORD("b") RECORD("c"), NULL, 7, f->tokenizer),
                      make_pack(f, "second", RECORD("d") RECORD("e"), "dpo", 9, f->tokenizer)};
    const bool keep[] = {true, false, true, false, true};
    static const char *const ids[] = {"a", "c", "e"};
    assert_int_equal(dataset_open(&f->t, &d, paths, 2, f->tokenizer), OPA_OK);
    assert_int_equal(d.count, 5);
    dataset_keep(&d, keep);
    assert_int_equal(d.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(dataset_read(&f->t, &d, &s, i), OPA_OK);
        assert_string_equal(s.id, ids[i]);
        assert_string_equal(dataset_pack_of(&d, i)->path, paths[i == 2]);
        assert_int_equal(dataset_pack_of(&d, i)->seed, i == 2 ? 9 : 7);
    }
    packed_release(&s);
    dataset_release(&d);
    char none[] = "no-such-pack", *missing[2] = {paths[0], none};
    assert_int_equal(dataset_open(&f->t, &d, missing, 2, f->tokenizer), OPA_ENOENT);
    assert_message(&f->t, "no-such-pack");
    dataset_release(&d);
    free(paths[0]);
    free(paths[1]);
}

/* Another tokenizer's ids are found out by what they spell. */
static void a_pack_for_another_model_is_refused(void **state)
{
    struct fixture *f = *state;
    struct dataset d;
    struct packed s = {0};
    opa_tokenizer *other;
    assert_int_equal(opa_tokenizer_open(f->t.opa, &other, data("text/qwen2.json")), OPA_OK);
    char *path = make_pack(f, "other", RECORD("a"), NULL, 0, other);
    assert_int_equal(dataset_open(&f->t, &d, &path, 1, f->tokenizer), OPA_OK);
    assert_true(dataset_pack_of(&d, 0)->by_text);
    assert_int_equal(dataset_read(&f->t, &d, &s, 0), OPA_EDATA);
    assert_message(&f->t, "the pack was made for another model");
    packed_release(&s);
    dataset_release(&d);
    opa_tokenizer_free(other);
    free(path);
}

/* ---- the order ---- */

static void an_order_is_a_permutation_of_seed_and_epoch(void **state)
{
    enum { COUNT = 4800 };
    struct fixture *f = *state;
    uint32_t *first = calloc(COUNT, sizeof *first), *order = calloc(COUNT, sizeof *order);
    bool *seen = calloc(COUNT, sizeof *seen);
    assert_int_equal(dataset_order(&f->t, first, COUNT, 3, 0), OPA_OK);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(first[i] < COUNT && !seen[first[i]]);
        seen[first[i]] = true;
    }
    static const struct {
        uint64_t seed, epoch;
    } others[] = {{3, 1}, {4, 0}, {30, 0}, {0, 3}};
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
        size_t same = 0;
        assert_int_equal(dataset_order(&f->t, order, COUNT, others[k].seed, others[k].epoch), OPA_OK);
        for (size_t i = 0; i < COUNT; i++)
            same += order[i] == first[i];
        assert_true(same < 20); /* one is expected */
    }
    assert_int_equal(dataset_order(&f->t, order, COUNT, 3, 0), OPA_OK);
    assert_memory_equal(order, first, COUNT * sizeof *order);
    /* A program of tomorrow has to resume a run of today: computed by another one, from the words of the specification. */
    assert_int_equal(dataset_order(&f->t, order, 6, 3, 1), OPA_OK);
    const uint32_t want[] = {3, 4, 2, 0, 1, 5};
    assert_memory_equal(order, want, sizeof want);
    assert_int_equal(dataset_order(&f->t, order, 0, 3, 1), OPA_OK);
    free(first);
    free(order);
    free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_has_its_pairs_and_weights),
        cmocka_unit_test(ids_follow_the_context),
        cmocka_unit_test(packs_are_one_list_and_what_is_left_out_is_gone),
        cmocka_unit_test(a_pack_for_another_model_is_refused),
        cmocka_unit_test(an_order_is_a_permutation_of_seed_and_epoch),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
