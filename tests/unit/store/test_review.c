/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

static const char records[] = "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"A dog.\",\"revised\":\"A cat.\"}\n"
                              "{\"id\":\"b\",\"prompt\":\"p\",\"generated\":\"A dog.\"}\n"
                              "{\"id\":\"c\",\"prompt\":\"p\",\"generated\":\"A dog.\"}\n";
static const char report[] = "{\"0\": {\"copied_content\": \"A dog.\", \"score\": 2, \"error_type\": "
                             "\"image_recognition_error\", \"rewritten_content\": \"A hen.\"}}";

static int setup_samples(void **state)
{
    setup(state);
    fixture *f = *state;
    IMPORT(f, file_text(f, "s.jsonl", records));
    return 0;
}

static const opa_text A = {"a", 1};

#define OK(call) assert_int_equal((call), OPA_OK)
#define REVIEW(f, want) assert_int_equal(sample_of((f), "a").review, (want))

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(opa_review_name(OPA_REVIEW_NONE), "unseen");
    assert_string_equal(opa_review_name(OPA_REVIEW_SEEN), "seen");
    assert_string_equal(opa_review_name(OPA_REVIEW_ACCEPTED), "accepted");
    assert_string_equal(opa_review_name(OPA_REVIEW_CHANGED), "changed");
    assert_string_equal(opa_review_name(OPA_REVIEW_EXCLUDED), "excluded");
    assert_string_equal(opa_edit_what_name(OPA_EDIT_ACCEPT), "accept");
}

static int see_accept(void *user, const opa_edit *e)
{
    if (e->what == OPA_EDIT_ACCEPT)
        opa_buffer_printf(user, "%.*s by %.*s: %.*s -> %.*s|", (int)e->id.size, e->id.data, (int)e->by.size, e->by.data,
                          (int)e->why.size, e->why.data, (int)e->revised.size, e->revised.data);
    return 0;
}

static void test_accept_changes_no_text(void **state)
{
    fixture *f = *state;
    opa_buffer log = {0};
    REVIEW(f, OPA_REVIEW_NONE);
    const int64_t sequence = sample_of(f, "a").sequence;
    OK(opa_store_accept(f->store, A, "checked twice", "ann"));
    const opa_sample s = sample_of(f, "a");
    assert_int_equal(s.review, OPA_REVIEW_ACCEPTED);
    assert_true(is(s.revised, "A cat.") && !s.revised_by_hand && !s.excluded && s.sequence > sequence);
    assert_true(is(s.reviewed_by, "ann") && s.reviewed_at.data);
    OK(opa_store_log(f->store, A, see_accept, &log));
    assert_string_equal(log.data, "a by ann: checked twice -> A cat.|");
    assert_int_equal(sample_of(f, "b").review, OPA_REVIEW_NONE);
    OK(opa_store_undo(f->store, A, "ann"));
    REVIEW(f, OPA_REVIEW_NONE);
    assert_int_equal(opa_store_undo(f->store, A, "ann"), OPA_ENOENT);
    assert_int_equal(opa_store_accept(f->store, OPA_TEXT("z"), NULL, NULL), OPA_ENOENT);
    opa_buffer_release(&log);
}

/* The newest decision counts, and taking it back leads to the one before. */
static void test_order_of_decisions(void **state)
{
    fixture *f = *state;
    OK(opa_store_accept(f->store, A, NULL, NULL));
    OK(opa_store_set_revised(f->store, A, OPA_TEXT("A fox."), NULL, NULL));
    REVIEW(f, OPA_REVIEW_CHANGED);
    OK(opa_store_accept(f->store, A, NULL, NULL));
    REVIEW(f, OPA_REVIEW_ACCEPTED);
    OK(opa_store_set_report(f->store, A, OPA_TEXT(report), NULL, NULL, NULL));
    REVIEW(f, OPA_REVIEW_CHANGED);
    OK(opa_store_undo(f->store, A, NULL));
    REVIEW(f, OPA_REVIEW_ACCEPTED);
    assert_true(is(sample_of(f, "a").revised, "A fox."));
    OK(opa_store_undo(f->store, A, NULL));
    REVIEW(f, OPA_REVIEW_CHANGED);
    OK(opa_store_undo(f->store, A, NULL));
    REVIEW(f, OPA_REVIEW_ACCEPTED);
    assert_true(is(sample_of(f, "a").revised, "A cat."));
    OK(opa_store_undo(f->store, A, NULL));
    REVIEW(f, OPA_REVIEW_NONE);
}

static void test_exclusion_stands_above(void **state)
{
    fixture *f = *state;
    OK(opa_store_accept(f->store, A, NULL, NULL));
    OK(opa_store_set_excluded(f->store, A, true, "faces", "ann"));
    REVIEW(f, OPA_REVIEW_EXCLUDED);
    opa_buffer before = dump(f);
    assert_int_equal(opa_store_accept(f->store, A, NULL, NULL), OPA_EINVAL);
    opa_buffer after = dump(f);
    assert_string_equal(after.data, before.data);
    OK(opa_store_set_excluded(f->store, A, false, NULL, NULL));
    REVIEW(f, OPA_REVIEW_ACCEPTED);
    OK(opa_store_undo(f->store, A, NULL));
    REVIEW(f, OPA_REVIEW_EXCLUDED);
    OK(opa_store_undo(f->store, A, NULL));
    REVIEW(f, OPA_REVIEW_ACCEPTED);
    opa_buffer_release(&before);
    opa_buffer_release(&after);
}

static void test_another_import_is_to_be_looked_at(void **state)
{
    fixture *f = *state;
    OK(opa_store_mark_seen(f->store, A, "ann"));
    OK(opa_store_accept(f->store, A, NULL, NULL));
    IMPORT(f, file_text(f, "s.jsonl", records)); /* nothing new */
    REVIEW(f, OPA_REVIEW_ACCEPTED);
    IMPORT(f, file_text(f, "t.jsonl",
                        "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"A dog.\",\"revised\":\"A cow.\"}\n"));
    REVIEW(f, OPA_REVIEW_NONE);
    OK(opa_store_undo(f->store, A, NULL));
    REVIEW(f, OPA_REVIEW_ACCEPTED);
    OK(opa_store_undo(f->store, A, NULL));
    REVIEW(f, OPA_REVIEW_SEEN);
    IMPORT(f, file_text(f, "e.jsonl", "{\"id\":\"a\",\"revised\":\"A fox.\",\"by\":\"cy\"}\n")); /* corrections */
    REVIEW(f, OPA_REVIEW_CHANGED);
}

static void test_seen(void **state)
{
    fixture *f = *state;
    OK(opa_store_mark_seen(f->store, A, NULL));
    REVIEW(f, OPA_REVIEW_SEEN);
    opa_buffer before = dump(f);
    OK(opa_store_mark_seen(f->store, A, "bob")); /* the first one counts */
    opa_buffer after = dump(f);
    assert_string_equal(after.data, before.data);
    OK(opa_store_accept(f->store, A, NULL, NULL));
    OK(opa_store_undo(f->store, A, NULL));
    REVIEW(f, OPA_REVIEW_SEEN); /* another head, the same texts */
    assert_int_equal(opa_store_mark_seen(f->store, OPA_TEXT("z"), NULL), OPA_ENOENT);
    opa_lock lock;
    OK(opa_lock_take(f->ctx, &lock, f->path, "importing", 0));
    assert_int_equal(opa_store_mark_seen(f->store, OPA_TEXT("b"), NULL), OPA_EBUSY);
    OK(opa_store_mark_seen(f->store, A, NULL)); /* needs none */
    opa_lock_release(&lock);
    opa_buffer_release(&before);
    opa_buffer_release(&after);
}

static int see_review(void *user, const opa_reviewed *r)
{
    opa_buffer_printf(user, "%.*s %s %d %.*s%s|", (int)r->id.size, r->id.data, opa_review_name(r->review),
                      (int)r->sequence, (int)r->by.size, r->by.data ? r->by.data : "", r->at.data ? "" : " never");
    return 0;
}

static int stop(void *user, const opa_reviewed *r)
{
    (void)r;
    return ++*(int *)user;
}

static void test_reviews_and_counts(void **state)
{
    fixture *f = *state;
    opa_buffer list = {0};
    int64_t counts[OPA_REVIEW_EXCLUDED + 1];
    int calls = 0;
    OK(opa_store_mark_seen(f->store, OPA_TEXT("b"), "bob"));
    OK(opa_store_set_excluded(f->store, OPA_TEXT("c"), true, "faces", "cy"));
    OK(opa_store_set_revised(f->store, OPA_TEXT("c"), OPA_TEXT("A fox."), NULL, "dan"));
    OK(opa_store_reviews(f->store, see_review, &list));
    assert_string_equal(list.data, "a unseen 0  never|b seen 0 bob|c excluded 4 cy|");
    OK(opa_store_accept(f->store, A, NULL, "ann"));
    OK(opa_store_undo(f->store, OPA_TEXT("c"), NULL));
    OK(opa_store_undo(f->store, OPA_TEXT("c"), NULL));
    OK(opa_store_set_revised(f->store, OPA_TEXT("c"), OPA_TEXT("A fox."), NULL, "dan"));
    opa_buffer_clear(&list);
    OK(opa_store_reviews(f->store, see_review, &list));
    assert_string_equal(list.data, "a accepted 6 ann|b seen 0 bob|c changed 9 dan|");
    OK(opa_store_review_counts(f->store, counts));
    const int64_t want[] = {0, 1, 1, 1, 0};
    assert_memory_equal(counts, want, sizeof want);
    assert_int_equal(opa_store_reviews(f->store, stop, &calls), OPA_ECANCELLED);
    assert_int_equal(calls, 1);
    opa_buffer_release(&list);
}

/* ---- the statement against a walk through the log ---- */

typedef struct walk {
    opa_edit_what kinds[600]; /* of the entries that are not taken back, by number */
    int64_t live[600];
    size_t count;
    bool excluded;
} walk;

static int step(void *user, const opa_edit *e)
{
    walk *w = user;
    w->excluded = e->excluded;
    if (e->what == OPA_EDIT_UNDO) {
        assert_true(w->count > 0 && w->live[w->count - 1] == e->undoes);
        w->count--;
        return 0;
    }
    assert_true(w->count < sizeof w->live / sizeof *w->live);
    w->kinds[w->count] = e->what;
    w->live[w->count++] = e->sequence;
    return 0;
}

static opa_review by_walking(fixture *f, bool seen[600])
{
    walk w = {.count = 0};
    OK(opa_store_log(f->store, A, step, &w));
    if (w.excluded)
        return OPA_REVIEW_EXCLUDED;
    while (w.kinds[w.count - 1] == OPA_EDIT_EXCLUDE || w.kinds[w.count - 1] == OPA_EDIT_INCLUDE)
        w.count--;
    switch (w.kinds[w.count - 1]) {
    case OPA_EDIT_ACCEPT:
        return OPA_REVIEW_ACCEPTED;
    case OPA_EDIT_IMPORT:
        return seen[w.live[w.count - 1]] ? OPA_REVIEW_SEEN : OPA_REVIEW_NONE;
    default:
        return OPA_REVIEW_CHANGED;
    }
}

/* What somebody who looks now sees: the newest import in force, when nothing was decided on it. */
static void look(fixture *f, bool seen[600])
{
    walk w = {.count = 0};
    OK(opa_store_mark_seen(f->store, A, "ann"));
    OK(opa_store_log(f->store, A, step, &w));
    while (w.kinds[w.count - 1] == OPA_EDIT_EXCLUDE || w.kinds[w.count - 1] == OPA_EDIT_INCLUDE)
        w.count--;
    if (w.kinds[w.count - 1] == OPA_EDIT_IMPORT)
        seen[w.live[w.count - 1]] = true;
}

static void random_step(fixture *f, int i, bool seen[600])
{
    char line[200], name[32];
    int status = OPA_OK;
    switch (rand() % 8) {
    case 0:
        status = opa_store_accept(f->store, A, NULL, NULL);
        assert_true(status == OPA_OK || status == OPA_EINVAL);
        return;
    case 1:
        status = opa_store_set_revised(f->store, A, OPA_TEXT("A fox."), NULL, NULL);
        break;
    case 2:
        status = opa_store_set_excluded(f->store, A, rand() % 2, NULL, NULL);
        break;
    case 3:
        snprintf(line, sizeof line, "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"A dog.\",\"revised\":\"%d\"}\n", i);
        snprintf(name, sizeof name, "%d.jsonl", i % 32);
        IMPORT(f, file_text(f, name, line));
        break;
    case 4:
        look(f, seen);
        break;
    default:
        status = opa_store_undo(f->store, A, NULL);
        assert_true(status == OPA_OK || status == OPA_ENOENT);
        return;
    }
    OK(status);
}

static void test_against_the_log(void **state)
{
    fixture *f = *state;
    bool seen[600] = {false};
    const unsigned seed = 20260101;
    print_message("seed %u\n", seed);
    srand(seed);
    int64_t counts[OPA_REVIEW_EXCLUDED + 1];
    for (int i = 0; i < 250; i++) {
        random_step(f, i, seen);
        const opa_review want = by_walking(f, seen);
        REVIEW(f, want);
        OK(opa_store_review_counts(f->store, counts));
        assert_true(counts[want] >= 1 && counts[OPA_REVIEW_NONE] == (want == OPA_REVIEW_NONE ? 3 : 2));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test_setup_teardown(test_accept_changes_no_text, setup_samples, teardown),
        cmocka_unit_test_setup_teardown(test_order_of_decisions, setup_samples, teardown),
        cmocka_unit_test_setup_teardown(test_exclusion_stands_above, setup_samples, teardown),
        cmocka_unit_test_setup_teardown(test_another_import_is_to_be_looked_at, setup_samples, teardown),
        cmocka_unit_test_setup_teardown(test_seen, setup_samples, teardown),
        cmocka_unit_test_setup_teardown(test_reviews_and_counts, setup_samples, teardown),
        cmocka_unit_test_setup_teardown(test_against_the_log, setup_samples, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
