/* SPDX-License-Identifier: Apache-2.0 */
#include "store/edits.h"

#include <string.h>

#include "base/context.h"
#include "base/utf8.h"
#include "store/naming.h"
#include "store/rejoin.h"

const char *opa_edit_what_name(opa_edit_what what)
{
    switch (what) {
    case OPA_EDIT_IMPORT:
        return "import";
    case OPA_EDIT_REVISED:
        return "revised";
    case OPA_EDIT_REPORT:
        return "report";
    case OPA_EDIT_EXCLUDE:
        return "exclude";
    case OPA_EDIT_INCLUDE:
        return "include";
    case OPA_EDIT_UNDO:
        return "undo";
    case OPA_EDIT_ACCEPT:
        return "accept";
    }
    return "?";
}

int opa_edits_append(opa_db *db, int64_t sequence, const opa_entry *entry)
{
    static const char sql[] =
        "INSERT INTO edits (sequence, sample, what, by, at, why, undoes, by_hand, excluded, revised, ground_truth,"
        " report) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    sqlite3_stmt *s;
    const int status = opa_db_prepare(db, &s, sql);
    if (status != OPA_OK)
        return status;
    if (sequence)
        sqlite3_bind_int64(s, 1, sequence);
    sqlite3_bind_int64(s, 2, entry->sample);
    sqlite3_bind_int(s, 3, entry->what);
    opa_db_bind_text(s, 4, entry->by);
    opa_db_bind_text(s, 5, entry->at);
    opa_db_bind_text(s, 6, entry->why);
    if (entry->undoes)
        sqlite3_bind_int64(s, 7, entry->undoes);
    sqlite3_bind_int(s, 8, entry->state.by_hand);
    sqlite3_bind_int(s, 9, entry->state.excluded);
    opa_db_bind_text(s, 10, entry->state.revised);
    opa_db_bind_text(s, 11, entry->state.ground_truth);
    opa_db_bind_text(s, 12, entry->state.report);
    return opa_db_run(db, s);
}

int opa_edits_set_head(opa_db *db, int64_t sample, int64_t sequence)
{
    sqlite3_stmt *s;
    const int status = opa_db_prepare(db, &s, "UPDATE samples SET head = ? WHERE key = ?");
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, sequence);
    sqlite3_bind_int64(s, 2, sample);
    return opa_db_run(db, s);
}

bool opa_state_equal(const opa_state *a, const opa_state *b)
{
    return opa_text_equal(a->revised, b->revised) && opa_text_equal(a->ground_truth, b->ground_truth) &&
           opa_text_equal(a->report, b->report) && a->by_hand == b->by_hand && a->excluded == b->excluded;
}

int opa_edits_state(opa_db *db, opa_state *out, int64_t sample, opa_buffer *memory)
{
    static const char sql[] = "SELECT e.revised, e.ground_truth, e.report, e.by_hand, e.excluded FROM samples s"
                              " JOIN edits e ON e.sequence = s.head WHERE s.key = ?";
    sqlite3_stmt *s;
    *out = (opa_state){0};
    opa_buffer_clear(memory);
    int status = opa_db_prepare(db, &s, sql);
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, sample);
    if ((status = opa_db_next(db, s)) != OPA_OK)
        return status == OPA_END
                   ? opa_fail(db->ctx, OPA_EDATA, "%s: the store is damaged: a sample without a log", db->path)
                   : status;
    opa_text texts[3];
    size_t total = 0;
    for (int i = 0; i < 3; i++) {
        texts[i] = opa_db_text(s, i);
        total += texts[i].size + 1;
    }
    if (opa_buffer_reserve(memory, total)) {
        for (int i = 0; i < 3; i++) {
            char *const at = memory->data + memory->size;
            opa_buffer_add(memory, texts[i].data ? texts[i].data : "", texts[i].size);
            opa_buffer_add_char(memory, '\0');
            if (texts[i].data)
                texts[i].data = at;
        }
    }
    *out = (opa_state){texts[0], texts[1], texts[2], sqlite3_column_int(s, 3), sqlite3_column_int(s, 4)};
    sqlite3_reset(s);
    return memory->failed ? opa_fail_memory(db->ctx) : OPA_OK;
}

/* ---- changing one sample ---- */

/* One change by hand: the lock, the transaction, the sample and its state. */
typedef struct change {
    opa_store *store;
    opa_lock lock;
    opa_buffer memory;
    char at[OPA_TIME_SIZE];
    opa_state before;
    opa_entry entry; /* state: as before, until it is changed */
} change;

int opa_edits_find(opa_db *db, int64_t *out, opa_text id)
{
    sqlite3_stmt *s;
    *out = 0;
    const int status = opa_sample_row(db, &s, "SELECT key FROM samples WHERE id = ?", id);
    if (status != OPA_OK)
        return status;
    *out = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return OPA_OK;
}

/* A rehearsal holds lock and transaction itself; a change in it that fails must not take back those before it. */
static int begin_transaction(change *c)
{
    opa_store *store = c->store;
    opa_db *db = &store->db;
    int status = store->rehearsing ? OPA_OK : opa_store_lock(store, &c->lock, "editing");
    if (status == OPA_OK && sqlite3_get_autocommit(db->handle))
        status = opa_db_exec(db, "PRAGMA synchronous = FULL; BEGIN IMMEDIATE");
    return status == OPA_OK && store->rehearsing ? opa_db_exec(db, "SAVEPOINT rehearsed") : status;
}

void opa_store_expect(opa_store *store, int64_t sequence)
{
    store->expected = sequence;
}

static int64_t take_expected(opa_store *store)
{
    const int64_t expected = store->expected;
    store->expected = 0;
    return expected;
}

static int check_head(opa_db *db, int64_t sample, opa_text id, int64_t expected)
{
    sqlite3_stmt *s;
    const int status = expected ? opa_db_prepare(db, &s, "SELECT head = ?2 FROM samples WHERE key = ?1") : OPA_END;
    if (status != OPA_OK)
        return status == OPA_END ? OPA_OK : status;
    sqlite3_bind_int64(s, 1, sample);
    sqlite3_bind_int64(s, 2, expected);
    const int found = opa_db_next(db, s);
    const bool same = found == OPA_OK && sqlite3_column_int(s, 0);
    sqlite3_reset(s);
    if (found != OPA_OK || same)
        return found;
    return opa_fail(db->ctx, OPA_ECHANGED, "%s: sample \"%.*s\" changed meanwhile", db->path,
                    (int)opa_utf8_cut(id, 200), id.data);
}

/* @p expected: the entry that has to be in force, 0: any. */
static int begin(change *c, opa_store *store, opa_text id, int64_t expected, const char *why, const char *by)
{
    *c = (change){.store = store, .lock.fd = -1};
    int status = begin_transaction(c);
    if (status == OPA_OK)
        status = opa_edits_find(&store->db, &c->entry.sample, id);
    if (status == OPA_OK)
        status = check_head(&store->db, c->entry.sample, id, expected);
    if (status == OPA_OK)
        status = opa_edits_state(&store->db, &c->before, c->entry.sample, &c->memory);
    c->entry.state = c->before;
    opa_time_now(c->at);
    c->entry.at = (opa_text){c->at, strlen(c->at)};
    if (why)
        c->entry.why = (opa_text){why, strlen(why)};
    if (by)
        c->entry.by = (opa_text){by, strlen(by)};
    return status;
}

static int write_entry(change *c)
{
    opa_db *db = &c->store->db;
    int status = opa_edits_append(db, 0, &c->entry);
    if (status == OPA_OK)
        status = opa_edits_set_head(db, c->entry.sample, sqlite3_last_insert_rowid(db->handle));
    return status == OPA_OK && !c->store->rehearsing ? opa_db_exec(db, "COMMIT") : status;
}

/* Let go of everything; what was not committed is taken back, but for what a rehearsal did. */
static int end(change *c, int status)
{
    opa_db *db = &c->store->db;
    if (c->store->rehearsing) {
        sqlite3_exec(db->handle, status == OPA_OK ? "RELEASE rehearsed" : "ROLLBACK TO rehearsed; RELEASE rehearsed",
                     NULL, NULL, NULL);
    } else {
        opa_db_rollback(db);
        sqlite3_exec(db->handle, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
    }
    opa_lock_release(&c->lock);
    opa_buffer_release(&c->memory);
    return status;
}

/* Write the entry when all went well so far. */
static int finish(change *c, int status)
{
    return end(c, status == OPA_OK ? write_entry(c) : status);
}

/* The same for a change that adds nothing to the log where the sample is so already. */
static int finish_state(change *c, int status)
{
    if (status == OPA_OK && opa_state_equal(&c->entry.state, &c->before))
        return end(c, OPA_OK);
    return finish(c, status);
}

int opa_store_rehearse(opa_store *store)
{
    const int status = store->rehearsing ? OPA_OK : opa_store_lock(store, &store->rehearsal, "rehearsing an edit");
    store->rehearsing = status == OPA_OK;
    return status;
}

int opa_store_set_revised(opa_store *store, opa_text id, opa_text revised, const char *why, const char *by)
{
    change c;
    const int64_t expected = take_expected(store);
    if (!revised.data)
        return opa_fail(store->ctx, OPA_EINVAL, "no revised text given");
    if (opa_wtf8_valid(revised) != revised.size)
        return opa_fail(store->ctx, OPA_EDATA, "the revised text is not UTF-8 (byte %zu)", opa_wtf8_valid(revised));
    const int status = begin(&c, store, id, expected, why, by);
    c.entry.what = OPA_EDIT_REVISED;
    c.entry.state.revised = revised;
    c.entry.state.by_hand = true;
    return finish_state(&c, status);
}

/* The report as a JSON value: what is none (a fenced answer saved to a file) becomes a JSON string. */
static int as_json(opa_context *ctx, opa_text *out, opa_text report, opa_json_writer **writer)
{
    opa_json *doc = NULL;
    *out = opa_text_trim(report);
    const int status = opa_json_parse(ctx, &doc, *out, NULL, NULL);
    opa_json_free(doc);
    if (status != OPA_EDATA)
        return status;
    if (opa_wtf8_valid(report) != report.size)
        return opa_fail(ctx, OPA_EDATA, "the report is not UTF-8 (byte %zu)", opa_wtf8_valid(report));
    const int made = opa_json_writer_new(ctx, writer);
    if (made != OPA_OK)
        return made;
    opa_json_write_text(*writer, report);
    return opa_json_writer_finish(*writer, out);
}

int opa_store_set_report(opa_store *store, opa_text id, opa_text report, const char *why, const char *by,
                         opa_findings *findings)
{
    opa_json_writer *writer = NULL;
    opa_buffer revised = {0};
    opa_text json;
    const int64_t expected = take_expected(store);
    if (!report.data)
        return opa_fail(store->ctx, OPA_EINVAL, "no report given");
    int status = as_json(store->ctx, &json, report, &writer);
    if (status == OPA_OK)
        status = opa_report_rejoin(store->ctx, &revised, json, NULL, findings);
    if (status == OPA_ERECORD)
        status = OPA_EDATA;
    if (status == OPA_OK) {
        change c;
        status = begin(&c, store, id, expected, why, by);
        c.entry.what = OPA_EDIT_REPORT;
        c.entry.state.report = json;
        c.entry.state.revised = opa_buffer_text(&revised);
        c.entry.state.by_hand = false;
        status = finish_state(&c, status);
    }
    opa_json_writer_free(writer);
    opa_buffer_release(&revised);
    return status;
}

int opa_store_set_excluded(opa_store *store, opa_text id, bool excluded, const char *why, const char *by)
{
    change c;
    const int status = begin(&c, store, id, take_expected(store), why, by);
    c.entry.what = excluded ? OPA_EDIT_EXCLUDE : OPA_EDIT_INCLUDE;
    c.entry.state.excluded = excluded;
    return finish_state(&c, status);
}

int opa_store_accept(opa_store *store, opa_text id, const char *why, const char *by)
{
    change c;
    int status = begin(&c, store, id, take_expected(store), why, by);
    if (status == OPA_OK && c.entry.state.excluded)
        status = opa_fail(store->ctx, OPA_EINVAL, "%s: sample \"%.*s\" is excluded: take that back first",
                          store->db.path, (int)opa_utf8_cut(id, 200), id.data);
    c.entry.what = OPA_EDIT_ACCEPT;
    return finish(&c, status);
}

/* The newest two entries that count: undos and what they took back do not. */
static int newest_two(opa_db *db, int64_t sample, int64_t *last, int64_t *before)
{
    static const char sql[] = "SELECT sequence FROM edits e WHERE sample = ?1 AND what <> 5 AND NOT EXISTS"
                              " (SELECT 1 FROM edits u WHERE u.undoes = e.sequence) ORDER BY sequence DESC LIMIT 2";
    _Static_assert(OPA_EDIT_UNDO == 5, "named in the statement");
    int64_t *const to[2] = {last, before};
    sqlite3_stmt *s;
    *last = *before = 0;
    int status = opa_db_prepare(db, &s, sql);
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, sample);
    for (int i = 0; i < 2 && (status = opa_db_next(db, s)) == OPA_OK; i++)
        *to[i] = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return status == OPA_END ? OPA_OK : status;
}

static int state_of(opa_db *db, opa_state *out, int64_t sample, int64_t sequence, opa_buffer *memory)
{
    /* The head is where a state is read from; the transaction hides that it points there for a moment. */
    const int status = opa_edits_set_head(db, sample, sequence);
    return status == OPA_OK ? opa_edits_state(db, out, sample, memory) : status;
}

int opa_store_undo(opa_store *store, opa_text id, const char *by)
{
    change c;
    int64_t last = 0, before = 0;
    int status = begin(&c, store, id, take_expected(store), NULL, by);
    if (status == OPA_OK)
        status = newest_two(&store->db, c.entry.sample, &last, &before);
    if (status == OPA_OK && !before)
        status = opa_fail(store->ctx, OPA_ENOENT, "%s: sample \"%.*s\" has no edit to take back", store->db.path,
                          (int)opa_utf8_cut(id, 200), id.data);
    if (status == OPA_OK)
        status = state_of(&store->db, &c.entry.state, c.entry.sample, before, &c.memory);
    c.entry.what = OPA_EDIT_UNDO;
    c.entry.undoes = last;
    return finish(&c, status);
}
