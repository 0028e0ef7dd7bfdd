/* SPDX-License-Identifier: Apache-2.0 */
/* Whole imports: idempotence, order, revisions, copies, failure, kills. */
#include "helper.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

/* Two files: a sample with a report, a copy of it, another with a lone brace in its text, a damaged one, a cut end. */
static void make_files(fixture *f, const char **one, const char **two)
{
    char *image = png_base64();
    opa_buffer a = {0}, b = {0};
    opa_buffer_add_string(&a, "[");
    add_rollout(&a, "\"i.png\"", image, "first { text", ", \"standard_response\": NaN");
    opa_buffer_add_string(&a, ",\n");
    add_rollout(&a, "\"j.png\"", image, "second", "");
    opa_buffer_add_string(&a, ", {\"query\": 1}]");
    opa_buffer_add_string(&b, "[");
    add_rollout(&b, "\"j.png\"", image, "second", "");
    opa_buffer_add_string(&b, ",\n");
    add_rollout(&b, "\"k.png\"", "null", "third", ", \"x\": tru");
    opa_buffer_add_string(&b, ",\n");
    add_rollout(&b, "\"l.png\"", image, "fourth", "");
    opa_buffer_add_string(&b, ",\n{\"query\": \"cut he");
    *one = file_text(f, "step10_rank0.json", a.data);
    *two = file_text(f, "step9_rank0.json", b.data);
    opa_buffer_release(&a);
    opa_buffer_release(&b);
    free(image);
}

static void test_twice_is_once(void **state)
{
    fixture *f = *state;
    const char *one, *two;
    make_files(f, &one, &two);
    IMPORT(f, one, two);
    assert_int_equal(f->report.files, 2);
    assert_int_equal(f->report.files_failed, 0);
    assert_int_equal(f->report.records, 7);
    assert_int_equal(f->report.samples_added, 3);
    assert_int_equal(f->report.merged, 1);
    assert_int_equal(f->report.quarantined, 3);
    assert_int_equal(f->report.images_added, 1);
    assert_int_equal(count_code(&f->told, OPA_F_FILE_TRUNCATED, NULL), 1);
    assert_int_equal(count_code(&f->told, OPA_F_JSON_INVALID, NULL), 1);
    opa_buffer before = dump(f);
    IMPORT(f, two, one);
    assert_int_equal(f->report.known, 4);
    assert_int_equal(f->report.quarantined, 3);
    opa_buffer after = dump(f);
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, before.size);
    opa_buffer_release(&before);
    opa_buffer_release(&after);
}

/* What a reader of the store sees, whatever the keys of its rows. */
static int see_finding(void *user, const opa_finding *x)
{
    opa_buffer_printf(user, "%d %s %lld %lld %s %s %s\n", x->code, x->file, (long long)x->record, (long long)x->line,
                      x->id ? x->id : "-", x->field ? x->field : "-", x->message);
    return 0;
}

static int see_record(void *user, const opa_record *r)
{
    opa_buffer_printf(user, "%.*s %lld %lld ", (int)r->file.size, r->file.data, (long long)r->record,
                      (long long)r->line);
    opa_buffer_add_text(user, r->id);
    opa_buffer_add_string(user, "\n");
    opa_buffer_add_text(user, r->bytes);
    return 0;
}

static opa_buffer view(fixture *f)
{
    opa_buffer out = {0};
    opa_cursor *cursor;
    opa_sample s;
    int status;
    assert_int_equal(opa_store_findings(f->store, (opa_text){0}, see_finding, &out), OPA_OK);
    assert_int_equal(opa_store_records(f->store, (opa_text){0}, see_record, &out), OPA_OK);
    for (int order = OPA_ORDER_SOURCE; order <= OPA_ORDER_KEY; order++) {
        assert_int_equal(opa_store_samples(f->store, &cursor, (enum opa_order)order), OPA_OK);
        while ((status = opa_cursor_next(cursor, &s)) == OPA_OK) {
            opa_buffer_add_text(&out, s.id);
            opa_buffer_printf(&out, " %.*s %lld ", (int)s.source_file.size, s.source_file.data,
                              (long long)s.source_record);
            opa_buffer_add_text(&out, s.generated);
            opa_buffer_add_text(&out, s.image_id);
        }
        assert_int_equal(status, OPA_END);
        opa_cursor_free(cursor);
    }
    assert_false(out.failed);
    return out;
}

static void fresh(fixture *f)
{
    char more[160];
    opa_store_free(f->store);
    remove(f->path);
    snprintf(more, sizeof more, "%s-wal", f->path);
    remove(more);
    snprintf(more, sizeof more, "%s-shm", f->path);
    remove(more);
    assert_int_equal(opa_store_create(f->ctx, f->path), OPA_OK);
    assert_int_equal(opa_store_open(f->ctx, &f->store, f->path), OPA_OK);
}

static void test_order_and_threads_do_not_matter(void **state)
{
    fixture *f = *state;
    const char *one, *two;
    const opa_finding *last;
    make_files(f, &one, &two);
    IMPORT(f, one, two);
    opa_buffer first = view(f);
    opa_findings list = all_findings(f, NULL);
    assert_int_equal(count_code(&list, OPA_F_DUPLICATE_RECORD, &last), 1);
    assert_string_equal(last->file, "step10_rank0.json"); /* 9 is before 10 */
    assert_int_equal(last->record, 1);
    assert_string_equal(last->message, "byte-equal copy of record 0 of step9_rank0.json");
    opa_findings_release(&list);
    /* The callback names the same place. */
    assert_int_equal(count_code(&f->told, OPA_F_DUPLICATE_RECORD, &last), 1);
    assert_string_equal(last->file, "step10_rank0.json");
    for (int threads = 1; threads <= 5; threads += 2) {
        fresh(f);
        assert_int_equal(import_with(f, (opa_import_options){.threads = threads}, (const char *const[]){two, one}, 2),
                         OPA_OK);
        opa_buffer other = view(f);
        assert_int_equal(first.size, other.size);
        assert_memory_equal(first.data, other.data, first.size);
        opa_buffer_release(&other);
    }
    opa_buffer_release(&first);
}

static void test_dry_run(void **state)
{
    fixture *f = *state;
    const char *one, *two;
    make_files(f, &one, &two);
    opa_buffer before = dump(f);
    assert_int_equal(import_with(f, (opa_import_options){.dry_run = true}, (const char *const[]){one, two}, 2), OPA_OK);
    assert_int_equal(f->report.samples_added, 3);
    assert_int_equal(f->report.quarantined, 3);
    opa_buffer after = dump(f);
    assert_string_equal(before.data, after.data);
    opa_buffer_release(&before);
    opa_buffer_release(&after);
}

static void test_revisions(void **state)
{
    fixture *f = *state;
    opa_buffer a = {0}, b = {0};
    const opa_finding *last;
    add_rollout(&a, "\"i.png\"", "null", "g", ", \"AI_pseudo_response\": \"r1\", \"standard_response\": \"t\"");
    add_rollout(&b, "\"i.png\"", "null", "g", ", \"AI_pseudo_response\": \"r2\"");
    const char *one = file_text(f, "a.json", a.data), *two = file_text(f, "b.json", b.data);
    IMPORT(f, one, two);
    assert_int_equal(f->report.revisions, 1);
    assert_int_equal(count_code(&f->told, OPA_F_REVISION, &last), 1);
    assert_string_equal(last->file, "b.json");
    char *id = strdup(last->id);
    opa_sample s = sample_of(f, id);
    assert_true(is(s.revised, "r2") && is(s.ground_truth, "t")); /* absent is not said */
    opa_buffer before = dump(f);
    IMPORT(f, one); /* superseded, and known */
    assert_int_equal(f->report.known, 1);
    opa_buffer after = dump(f);
    assert_string_equal(before.data, after.data);
    /* The first one's word again, in another file and in other words: it is the last one now. */
    opa_buffer_add_string(&a, "  ");
    char *space = strstr(a.data, "null");
    assert_non_null(space);
    opa_buffer c = {0};
    opa_buffer_add(&c, a.data, (size_t)(space - a.data));
    opa_buffer_printf(&c, "  %s", space);
    IMPORT(f, file_text(f, "c.json", c.data));
    assert_int_equal(f->report.revisions, 1);
    assert_true(is(sample_of(f, id).revised, "r1"));
    /* And once more: a copy. */
    opa_buffer_add_char(&c, '\n');
    IMPORT(f, file_text(f, "d.json", c.data));
    assert_int_equal(f->report.merged, 1);
    assert_int_equal(f->report.revisions, 0);
    opa_findings list = all_findings(f, id);
    assert_int_equal(count_code(&list, OPA_F_DUPLICATE_RECORD, &last), 2);
    assert_string_equal(last->file, "d.json");
    assert_string_equal(last->message, "byte-equal copy of record 0 of c.json");
    assert_int_equal(count_code(&list, OPA_F_REVISION, &last), 1);
    assert_string_equal(last->file, "b.json");
    assert_true(is(sample_of(f, id).revised, "r1"));
    opa_findings_release(&list);
    opa_buffer_release(&a);
    opa_buffer_release(&b);
    opa_buffer_release(&c);
    opa_buffer_release(&before);
    opa_buffer_release(&after);
    free(id);
}

static void test_conflicts(void **state)
{
    fixture *f = *state;
    const opa_finding *last;
    IMPORT(
        f,
        file_text(
            f, "s.jsonl",
            "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"g\"}\n{\"id\":\"a\",\"prompt\":\"q\",\"generated\":\"g\"}\n"
            "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"g\",\"ground_truth\":\"t\"}\n"));
    assert_int_equal(f->report.quarantined, 1);
    assert_int_equal(f->report.revisions, 1);
    assert_int_equal(count_code(&f->told, OPA_F_ID_CONFLICT, &last), 1);
    assert_int_equal(last->line, 2);
    assert_string_equal(last->field, "prompt");
    opa_findings list = all_findings(f, "a");
    assert_int_equal(count_code(&list, OPA_F_ID_CONFLICT, NULL), 0); /* not the sound sample's */
    opa_findings_release(&list);
    assert_true(is(sample_of(f, "a").ground_truth, "t"));
}

static void test_files_that_fail(void **state)
{
    fixture *f = *state;
    const char *good = file_text(f, "s.jsonl", "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"g\"}\n");
    IMPORT(f, "/nonexistent/x.json", good);
    assert_int_equal(f->report.files_failed, 1);
    assert_int_equal(f->report.worst_status, OPA_ENOENT);
    assert_int_equal(f->report.samples_added, 1);
    opa_buffer before = dump(f);
    const char *const bad[] = {
        "", "[]", "hello world", "\x89PNG\r\n\x1a\n\0\0", "{\"a\": 1, \"b\": 2}", "[1, 2, 3]", "{\"query\": \"cut"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        IMPORT(f, file_text(f, "bad", bad[i]));
        assert_int_equal(f->report.files_failed, 1);
        assert_int_equal(f->report.worst_status, OPA_EDATA);
        assert_true(f->told.count >= 1);
    }
    assert_non_null(strstr(opa_context_message(f->ctx), "bad"));
    opa_buffer after = dump(f);
    assert_string_equal(before.data, after.data);
    assert_int_equal(import_with(f, (opa_import_options){.format = "tables"}, &good, 1), OPA_EINVAL);
    opa_buffer_release(&before);
    opa_buffer_release(&after);
}

/* ---- two writers, a full disk, a kill ---- */

static void test_second_writer(void **state)
{
    fixture *f = *state;
    opa_lock lock;
    const char *good = file_text(f, "s.jsonl", "{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"g\"}\n");
    assert_int_equal(opa_lock_take(f->ctx, &lock, f->path, "importing", 0), OPA_OK);
    f->store->wait_ms = 60;
    assert_int_equal(import_with(f, (opa_import_options){0}, &good, 1), OPA_EBUSY);
    assert_non_null(strstr(opa_context_message(f->ctx), "busy: process "));
    int64_t samples, images;
    assert_int_equal(opa_store_counts(f->store, &samples, &images), OPA_OK); /* reading goes on */
    opa_lock_release(&lock);
    assert_int_equal(import_with(f, (opa_import_options){0}, &good, 1), OPA_OK);
}

/* Many records of 2 KB. */
static const char *many(fixture *f, const char *name, int first, int count)
{
    opa_buffer b = {0};
    char text[2001];
    memset(text, 'x', 2000);
    text[2000] = '\0';
    for (int i = first; i < first + count; i++)
        opa_buffer_printf(&b, "{\"id\":\"s%d\",\"prompt\":\"p\",\"generated\":\"%s\"}\n", i, text);
    assert_false(b.failed);
    const char *path = file_bytes(f, name, b.data, b.size);
    opa_buffer_release(&b);
    return path;
}

static void test_full_disk(void **state)
{
    fixture *f = *state;
    IMPORT(f, many(f, "a.jsonl", 0, 10));
    opa_buffer before = dump(f);
    int64_t pages;
    char sql[64];
    assert_int_equal(opa_db_integer(&f->store->db, &pages, "PRAGMA page_count"), OPA_OK);
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %d", (int)pages + 2);
    assert_int_equal(opa_db_exec(&f->store->db, sql), OPA_OK);
    const char *more = many(f, "b.jsonl", 10, 2000);
    assert_int_equal(import_with(f, (opa_import_options){0}, &more, 1), OPA_EIO);
    assert_non_null(strstr(opa_context_message(f->ctx), "full"));
    assert_int_equal(f->report.samples_added, 0);
    opa_buffer after = dump(f);
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, before.size);
    opa_buffer_release(&before);
    opa_buffer_release(&after);
    assert_int_equal(opa_db_exec(&f->store->db, "PRAGMA max_page_count = 1000000"), OPA_OK);
    assert_int_equal(import_with(f, (opa_import_options){0}, &more, 1), OPA_OK);
    assert_int_equal(f->report.samples_added, 2000);
}

static int stop_at_once(void *user, const opa_progress *progress)
{
    (void)user;
    (void)progress;
    return 1;
}

static void test_cancel(void **state)
{
    fixture *f = *state;
    const char *file = many(f, "a.jsonl", 0, 100);
    assert_int_equal(import_with(f, (opa_import_options){.progress = stop_at_once}, &file, 1), OPA_ECANCELLED);
    IMPORT(f, file);
    assert_int_equal(f->report.known + f->report.samples_added, 100);
}

/* Tells the parent how many samples are reported done. */
static int report_done(void *user, const opa_progress *progress)
{
    const int64_t items = progress->items;
    return write(*(int *)user, &items, sizeof items) == (ssize_t)sizeof items ? 0 : 1;
}

static void import_in_child(const char *store_path, const char *const *files, size_t count, int pipe_end)
{
    opa_context *ctx;
    opa_store *store;
    opa_import_options options = {.threads = 2, .progress = report_done, .user = &pipe_end};
    if (opa_context_new(&ctx) != OPA_OK || opa_store_open(ctx, &store, store_path) != OPA_OK)
        _exit(1);
    /* A file at a time: each end is a commit. */
    for (size_t i = 0; i < count; i++)
        if (opa_store_import(store, files + i, 1, &options, NULL) != OPA_OK)
            _exit(1);
    _exit(0);
}

static void test_kill(void **state)
{
    fixture *f = *state;
    enum { FILES = 24, EACH = 60, KILLS = 20 };
    const char *files[FILES];
    uint64_t seed = 20240607;
    int between = 0;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < FILES; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d.jsonl", i);
        files[i] = many(f, name, i * EACH, EACH);
    }
    for (int k = 0; k < KILLS; k++) {
        int ends[2];
        fresh(f);
        opa_store_free(f->store);
        f->store = NULL;
        assert_int_equal(pipe(ends), 0);
        const pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            import_in_child(f->path, files, FILES, ends[1]);
        }
        close(ends[1]);
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        nanosleep(&(struct timespec){.tv_nsec = (long)(seed >> 33) % 40000000}, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        int64_t done = 0, items, samples, images;
        while (read(ends[0], &items, sizeof items) == (ssize_t)sizeof items)
            done += items;
        close(ends[0]);
        assert_int_equal(opa_store_open(f->ctx, &f->store, f->path), OPA_OK);
        assert_int_equal(opa_store_counts(f->store, &samples, &images), OPA_OK);
        assert_true(samples >= done);
        between += samples > 0 && samples < FILES * EACH;
        assert_int_equal(samples % EACH, 0); /* whole batches */
        sqlite3_stmt *s;
        assert_int_equal(opa_db_prepare(&f->store->db, &s, "PRAGMA integrity_check"), OPA_OK);
        assert_int_equal(opa_db_next(&f->store->db, s), OPA_OK);
        assert_true(is(opa_db_text(s, 0), "ok"));
        sqlite3_reset(s);
        assert_int_equal(opa_store_import(f->store, files, FILES, NULL, &f->report), OPA_OK);
        assert_int_equal(f->report.known, samples);
        assert_int_equal(f->report.samples_added, FILES * EACH - samples);
    }
    print_message("%d of %d kills fell into the import\n", between, (int)KILLS);
}

static void test_the_48(void **state)
{
    fixture *f = *state;
    const char *shared = getenv("OPA_TEST_SHARED");
    char names[6][512];
    const char *paths[6];
    for (int i = 0; i < 6; i++) {
        snprintf(names[i], sizeof names[i], "%s/data/expert/rollouts/step%d_rank%d.json", shared ? shared : "", i / 2,
                 i % 2);
        paths[i] = names[i];
    }
    if (access(paths[0], R_OK) != 0)
        skip();
    assert_int_equal(import_with(f, (opa_import_options){.threads = 2}, paths, 6), OPA_OK);
    assert_int_equal(f->report.samples_added, 48);
    assert_int_equal(f->report.certificates[OPA_EXACT] + f->report.certificates[OPA_REPAIRED], 48);
    opa_buffer before = dump(f);
    assert_int_equal(import_with(f, (opa_import_options){.threads = 1}, paths, 6), OPA_OK);
    assert_int_equal(f->report.known, 48);
    opa_buffer after = dump(f);
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, before.size);
    opa_buffer_release(&before);
    opa_buffer_release(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_twice_is_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order_and_threads_do_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dry_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_revisions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_conflicts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_files_that_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_second_writer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_48, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
