/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "store/verify_log.h"

/* A log of one sample, entry by entry, against what its records say. */
typedef struct checked {
    opa_findings found;
    opa_store_verify_report report;
} checked;

static const char *const said_texts[] = {"r0", "t0", "{\"r\":0}", "r1", "{\"r\":1}"};

/* Run the check on sample 1 with the records' sayings {r0 t0 report0, made} and {r1, report1}. */
static size_t check(fixture *f, checked *out, bool doubtful)
{
    const opa_store_verify_options options = OPA_STORE_VERIFY_OPTIONS_INIT;
    opa_said items[2] = {{.made = true}, {.correction = true}};
    for (int i = 0; i < 5; i++) {
        const opa_text t = {said_texts[i], strlen(said_texts[i])};
        items[i / 3].texts[i == 4 ? OPA_SAID_REPORT : i % 3] = opa_print_of(t);
    }
    const opa_sayings said = {.items = items, .count = 2, .capacity = 2, .doubtful = doubtful};
    const opa_defect sample = {.file = OPA_TEXT("f.json"), .record = 4, .id = OPA_TEXT("a")};
    int64_t head;
    opa_findings_release(&out->found);
    out->report = (opa_store_verify_report){0};
    opa_verification v = {.ctx = f->ctx,
                          .db = f->store->db,
                          .options = &options,
                          .fn = keep_finding,
                          .user = &out->found,
                          .report = &out->report};
    assert_int_equal(opa_db_integer(&f->store->db, &head, "SELECT ifnull(max(sequence), 0) FROM edits"), OPA_OK);
    v.db = f->store->db;
    assert_int_equal(opa_verify_log(&v, &sample, 1, head, &said), OPA_OK);
    f->store->db = v.db; /* with the statements that were prepared */
    for (size_t i = 0; i < out->found.count; i++) {
        assert_int_equal(out->found.items[i].code, OPA_F_STORE_LOG);
        assert_string_equal(out->found.items[i].id, "a");
        assert_int_equal(out->found.items[i].record, 4);
    }
    return out->found.count;
}

/* An entry "what, why, undoes, by_hand, excluded, revised, ground_truth, report" as SQL. */
static void add(fixture *f, const char *values)
{
    char sql[400];
    snprintf(sql, sizeof sql,
             "INSERT INTO edits (sample, at, what, why, undoes, by_hand, excluded, revised, ground_truth, report)"
             " VALUES (1, 'now', %s)",
             values);
    if (opa_db_exec(&f->store->db, sql) != OPA_OK)
        fail_msg("%s: %s", sql, opa_context_message(f->ctx));
}

static void begin(fixture *f)
{
    assert_int_equal(opa_db_exec(&f->store->db,
                                 "PRAGMA foreign_keys = OFF; DROP TRIGGER edits_stay;"
                                 "INSERT OR IGNORE INTO files (key, name, sort_key) VALUES (77, 'e.json', x'65');"
                                 "INSERT OR IGNORE INTO raws (key, sha256, format, sample, outcome, bytes)"
                                 " VALUES (77, x'00', 'edits', 1, 3, x'');"
                                 "INSERT OR IGNORE INTO records (file, record, line, raw) VALUES (77, 0, 1, 77)"),
                     OPA_OK);
}

static void start_over(fixture *f)
{
    assert_int_equal(opa_db_exec(&f->store->db, "DELETE FROM edits"), OPA_OK);
    add(f, "0, 'f.json', NULL, 0, 0, 'r0', 't0', '{\"r\":0}'");
}

/* Each with a sound log of one import before it. */
static void test_second_entries(void **state)
{
    static const struct {
        const char *values;
        size_t defects;
    } cases[] = {
        {"1, NULL, NULL, 1, 0, 'typed', 't0', '{\"r\":0}'", 0},
        {"1, NULL, NULL, 0, 0, 'typed', 't0', '{\"r\":0}'", 1}, /* not marked as by hand */
        {"1, NULL, NULL, 1, 1, 'typed', 't0', '{\"r\":0}'", 1}, /* excluded on the way */
        {"1, NULL, NULL, 1, 0, 'typed', 't1', '{\"r\":0}'", 1}, /* another ground truth */
        {"1, NULL, NULL, 1, 0, 'typed', 't0', '{\"r\":2}'", 1}, /* another report */
        {"1, 'e.json', NULL, 1, 0, 'r1', 't0', '{\"r\":0}'", 0},
        {"1, 'e.json', NULL, 1, 0, 'r9', 't0', '{\"r\":0}'", 1}, /* in no record */
        {"0, 'f.json', NULL, 0, 0, 'r1', 't0', '{\"r\":1}'", 0},
        {"0, 'f.json', NULL, 0, 0, NULL, 't0', '{\"r\":1}'", 0},
        {"0, 'f.json', NULL, 0, 0, NULL, 't0', '{\"r\":0}'", 1}, /* taken away without a new report */
        {"0, 'f.json', NULL, 0, 0, 'r1', 't2', '{\"r\":1}'", 1},
        {"0, 'f.json', NULL, 1, 0, 'r1', 't0', '{\"r\":1}'", 1},
        {"3, 'why', NULL, 0, 1, 'r0', 't0', '{\"r\":0}'", 0},
        {"3, 'why', NULL, 0, 0, 'r0', 't0', '{\"r\":0}'", 1},
        {"3, 'why', NULL, 0, 1, 'r1', 't0', '{\"r\":0}'", 1},
        {"3, 'why', NULL, 0, 1, 'r0', 't0', '{\"r\":1}'", 1},
        {"4, NULL, NULL, 0, 0, 'r0', 't0', '{\"r\":0}'", 0},
        {"4, NULL, NULL, 0, 1, 'r0', 't0', '{\"r\":0}'", 1},
        {"2, NULL, NULL, 0, 0, 'x', 't0', '{\"0\":{\"copied_content\":\"y\",\"rewritten_content\":\"x\"}}'", 0},
        {"2, NULL, NULL, 0, 0, 'z', 't0', '{\"0\":{\"copied_content\":\"y\",\"rewritten_content\":\"x\"}}'", 1},
        {"2, NULL, NULL, 0, 0, 'z', 't0', 'no report'", 1},
        {"5, NULL, 1, 0, 0, 'r0', 't0', '{\"r\":0}'", 1},        /* an import cannot be taken back */
        {"1, 'f.json', NULL, 1, 0, 'r9', 't0', '{\"r\":0}'", 0}, /* by hand; a file of other records, named */
        {"1, 'a typo', NULL, 1, 0, 'r9', 't0', '{\"r\":0}'", 0}, /* by hand, with a reason */
        {"6, NULL, NULL, 0, 0, 'r0', 't0', '{\"r\":0}'", 0},     /* accepted */
        {"6, NULL, NULL, 0, 0, 'r1', 't0', '{\"r\":0}'", 1},
        {"6, NULL, NULL, 1, 0, 'r0', 't0', '{\"r\":0}'", 1},
        {"7, NULL, NULL, 0, 0, 'r0', 't0', '{\"r\":0}'", 1},
        {"-1, NULL, NULL, 0, 0, 'r0', 't0', '{\"r\":0}'", 1},
    };
    fixture *f = *state;
    checked c = {0};
    begin(f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start_over(f);
        assert_int_equal(check(f, &c, false), 0);
        add(f, cases[i].values);
        if (check(f, &c, false) != cases[i].defects)
            fail_msg("%s: %zu defects", cases[i].values, c.found.count);
    }
    opa_findings_release(&c.found);
}

static void test_first_entries(void **state)
{
    static const struct {
        const char *values;
        size_t defects, when_doubtful;
    } cases[] = {
        {"0, 'f.json', NULL, 0, 0, 'r0', 't0', '{\"r\":0}'", 0, 0},
        {"0, 'f.json', NULL, 0, 0, 'r0', 't1', '{\"r\":0}'", 1, 1},
        {"0, 'f.json', NULL, 0, 0, NULL, NULL, NULL", 3, 3},
        {"0, 'f.json', NULL, 0, 1, 'r0', 't0', '{\"r\":0}'", 1, 1},
        {"1, NULL, NULL, 1, 0, 'r0', 't0', '{\"r\":0}'", 1, 1},
    };
    fixture *f = *state;
    checked c = {0};
    begin(f);
    assert_int_equal(check(f, &c, false), 1); /* no log at all */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(opa_db_exec(&f->store->db, "DELETE FROM edits"), OPA_OK);
        add(f, cases[i].values);
        assert_int_equal(check(f, &c, false), cases[i].defects);
        assert_int_equal(check(f, &c, true), cases[i].when_doubtful);
    }
    opa_findings_release(&c.found);
}

/* A person gives the name of a file of corrections as the reason: no damage, as long as the file's own correction is
 * there. */
static void test_reasons_that_name_a_file(void **state)
{
    static const char revised[] = "1, 'e.json', NULL, 1, 0, 'r1', 't0', '{\"r\":1}'",
                      typed[] = "1, 'e.json', NULL, 1, 0, 'r9', 't0', '{\"r\":1}'",
                      report[] = "2, 'e.json', NULL, 0, 0, 'x', 't0', "
                                 "'{\"0\":{\"copied_content\":\"y\",\"rewritten_content\":\"x\"}}'";
    fixture *f = *state;
    checked c = {0};
    begin(f);
    for (int file_first = 0; file_first < 2; file_first++) {
        start_over(f);
        add(f, file_first ? revised : "1, 'e.json', NULL, 1, 0, 'r9', 't0', '{\"r\":0}'");
        assert_int_equal(check(f, &c, false), file_first ? 0 : 1); /* the file's is nowhere: this is it, altered */
        add(f, file_first ? typed : revised);
        assert_int_equal(check(f, &c, false), 0);
    }
    add(f, report);
    assert_int_equal(check(f, &c, false), 0);
    assert_int_equal(opa_db_exec(&f->store->db, "DROP TRIGGER edits_keep;"
                                                "UPDATE edits SET revised = 'r8' WHERE revised = 'r1'"),
                     OPA_OK);
    assert_int_not_equal(check(f, &c, false), 0);
    opa_findings_release(&c.found);
}

/* import, revised, excluded, undo (of the exclusion), undo (of the revised text), exclude */
static void test_undoing(void **state)
{
    fixture *f = *state;
    checked c = {0};
    begin(f);
    start_over(f);
    int64_t first;
    char undo[120];
    assert_int_equal(opa_db_integer(&f->store->db, &first, "SELECT min(sequence) FROM edits"), OPA_OK);
    add(f, "1, NULL, NULL, 1, 0, 'typed', 't0', '{\"r\":0}'");
    add(f, "3, NULL, NULL, 1, 1, 'typed', 't0', '{\"r\":0}'");
    snprintf(undo, sizeof undo, "5, NULL, %lld, 1, 0, 'typed', 't0', '{\"r\":0}'", (long long)first + 2);
    add(f, undo);
    snprintf(undo, sizeof undo, "5, NULL, %lld, 0, 0, 'r0', 't0', '{\"r\":0}'", (long long)first + 1);
    add(f, undo);
    add(f, "3, NULL, NULL, 0, 1, 'r0', 't0', '{\"r\":0}'");
    assert_int_equal(check(f, &c, false), 0);
    snprintf(undo, sizeof undo, "5, NULL, %lld, 0, 0, 'r1', 't0', '{\"r\":0}'", (long long)first + 5);
    add(f, undo); /* goes back to another text than there was */
    assert_int_equal(check(f, &c, false), 1);
    assert_string_equal(c.found.items[0].field, "revised");
    opa_findings_release(&c.found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_first_entries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_second_entries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reasons_that_name_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_undoing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
