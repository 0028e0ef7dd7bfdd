/* SPDX-License-Identifier: Apache-2.0 */
#include "store/verify_log.h"

#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "store/rejoin.h"

static const char *const text_names[OPA_SAID_TEXTS] = {"revised", "ground_truth", "report"};

opa_print opa_print_of(opa_text text)
{
    opa_print out = {.present = text.data != NULL};
    if (out.present)
        opa_sha256_of(out.sha256, text.data, text.size);
    return out;
}

bool opa_print_equal(const opa_print *a, const opa_print *b)
{
    return a->present == b->present && memcmp(a->sha256, b->sha256, OPA_SHA256_SIZE) == 0;
}

typedef struct entry {
    int64_t sequence, undoes;
    int what;
    bool by_hand, excluded, from_file;
    bool undone; /* a later entry takes it back */
    opa_print texts[OPA_SAID_TEXTS];
} entry;

typedef struct chain {
    opa_verification *v;
    opa_defect where;
    const opa_sayings *said;
    entry *items;
    size_t count, capacity;
} chain;

static int note(chain *c, const entry *e, const char *field, const char *what)
{
    opa_defect defect = c->where;
    defect.field = field;
    return opa_verify_note(c->v, &defect, "entry %lld of the log (%s): %s", (long long)e->sequence,
                           opa_edit_what_name((opa_edit_what)e->what), what);
}

/* ---- one entry against the one before it ---- */

static bool is_said(const chain *c, int text, const opa_print *print)
{
    for (size_t i = 0; i < c->said->count; i++)
        if (opa_print_equal(&c->said->items[i].texts[text], print))
            return true;
    return c->said->doubtful;
}

static const opa_said *maker(const chain *c)
{
    for (size_t i = 0; i < c->said->count; i++)
        if (c->said->items[i].made)
            return &c->said->items[i];
    return NULL;
}

static int check_first(chain *c, const entry *e)
{
    const opa_said *made = maker(c);
    int status = OPA_OK;
    if (e->what != OPA_EDIT_IMPORT || e->undoes || e->excluded || e->by_hand)
        return note(c, e, NULL, "the log does not begin with an import");
    if (!made)
        return c->said->doubtful ? OPA_OK : note(c, e, NULL, "no record is left that made the sample");
    for (int t = 0; t < OPA_SAID_TEXTS && status == OPA_OK; t++)
        if (!opa_print_equal(&made->texts[t], &e->texts[t]))
            status = note(c, e, text_names[t], "is not what the record says");
    return status;
}

/* What an import brought stands in a record; a new report takes the revised text of the old one away. */
static int check_brought(chain *c, const entry *e, const entry *before)
{
    int status = OPA_OK;
    const bool new_report = !opa_print_equal(&e->texts[OPA_SAID_REPORT], &before->texts[OPA_SAID_REPORT]);
    for (int t = 0; t < OPA_SAID_TEXTS && status == OPA_OK; t++) {
        const bool taken_away = t == OPA_SAID_REVISED && new_report && !e->texts[t].present;
        if (!opa_print_equal(&e->texts[t], &before->texts[t]) && !taken_away && !is_said(c, t, &e->texts[t]))
            status = note(c, e, text_names[t], "stands in no record of the sample");
    }
    return status;
}

/* All but what this kind of entry changes stays as it was. */
static int check_kept(chain *c, const entry *e, const entry *before)
{
    const bool texts =
        e->what == OPA_EDIT_EXCLUDE || e->what == OPA_EDIT_INCLUDE || e->what == OPA_EDIT_ACCEPT; /* all are kept */
    const bool keeps[OPA_SAID_TEXTS] = {
        [OPA_SAID_REVISED] = texts,
        [OPA_SAID_GROUND_TRUTH] = e->what != OPA_EDIT_IMPORT,
        /* A correction of a file may bring a report with its revised text, which a record then has; a person does not. */
        [OPA_SAID_REPORT] = texts || (e->what == OPA_EDIT_REVISED &&
                                      !(e->from_file && is_said(c, OPA_SAID_REPORT, &e->texts[OPA_SAID_REPORT]))),
    };
    int status = OPA_OK;
    for (int t = 0; t < OPA_SAID_TEXTS && status == OPA_OK; t++)
        if (keeps[t] && !opa_print_equal(&e->texts[t], &before->texts[t]))
            status = note(c, e, text_names[t], "differs from the entry before it, which it does not change");
    const bool excluded = e->what == OPA_EDIT_EXCLUDE || (e->what != OPA_EDIT_INCLUDE && before->excluded);
    const bool by_hand = keeps[OPA_SAID_REVISED]      ? before->by_hand
                         : e->what == OPA_EDIT_IMPORT ? e->by_hand && before->by_hand
                                                      : e->what == OPA_EDIT_REVISED;
    if (status == OPA_OK && (e->excluded != excluded || e->by_hand != by_hand || e->undoes))
        status = note(c, e, NULL, "its marks do not follow from the entry before it");
    return status;
}

/* ---- taking back ---- */

static entry *newest(chain *c, const entry *below)
{
    for (entry *e = c->items + (below ? (size_t)(below - c->items) : c->count); e-- > c->items;)
        if (e->what != OPA_EDIT_UNDO && !e->undone)
            return e;
    return NULL;
}

static int check_undo(chain *c, const entry *e)
{
    entry *taken = newest(c, NULL), *back = taken ? newest(c, taken) : NULL;
    if (!back || taken->sequence != e->undoes)
        return note(c, e, NULL, "it takes back an entry that is not the newest one");
    taken->undone = true;
    int status = OPA_OK;
    for (int t = 0; t < OPA_SAID_TEXTS && status == OPA_OK; t++)
        if (!opa_print_equal(&e->texts[t], &back->texts[t]))
            status = note(c, e, text_names[t], "differs from the entry that it goes back to");
    if (status == OPA_OK && (e->excluded != back->excluded || e->by_hand != back->by_hand))
        status = note(c, e, NULL, "its marks are not those of the entry that it goes back to");
    return status;
}

/* ---- the log ---- */

/* A report that was set gives the revised text, as long as nobody sets another one. */
static int check_joined(chain *c, const entry *e, opa_text revised, opa_text report)
{
    opa_buffer joined = {0};
    int status = opa_report_rejoin(c->v->ctx, &joined, report.data ? report : OPA_TEXT(""), NULL, NULL);
    const bool same = status == OPA_OK && opa_text_equal(opa_buffer_text(&joined), revised);
    opa_buffer_release(&joined);
    if (status != OPA_OK && status != OPA_ERECORD && status != OPA_EDATA)
        return status;
    return same ? OPA_OK : note(c, e, "revised", "is not what the report gives");
}

static entry *push(chain *c)
{
    if (c->count == c->capacity) {
        const size_t capacity = c->capacity ? c->capacity * 2 : 8;
        entry *items = realloc(c->items, capacity * sizeof *items);
        if (!items)
            return NULL;
        c->items = items;
        c->capacity = capacity;
    }
    return &c->items[c->count];
}

static int check_entry(chain *c, sqlite3_stmt *row)
{
    entry *e = push(c);
    if (!e)
        return opa_fail_memory(c->v->ctx);
    *e = (entry){.sequence = sqlite3_column_int64(row, 0),
                 .what = sqlite3_column_int(row, 1),
                 .undoes = sqlite3_column_int64(row, 2),
                 .by_hand = sqlite3_column_int(row, 3),
                 .excluded = sqlite3_column_int(row, 4),
                 /* "why" is the file of corrections that it came from, or what a person wrote, be it that name. */
                 .from_file = sqlite3_column_int(row, 5)};
    for (int t = 0; t < OPA_SAID_TEXTS; t++)
        e->texts[t] = opa_print_of(opa_db_text(row, 6 + t));
    int status;
    if (e->what < OPA_EDIT_IMPORT || e->what > OPA_EDIT_ACCEPT)
        status = note(c, e, NULL, "it is of no known kind");
    else if (c->count == 0)
        status = check_first(c, e);
    else if (e->what == OPA_EDIT_UNDO)
        status = check_undo(c, e);
    else
        status = check_kept(c, e, e - 1);
    if (status == OPA_OK && c->count > 0 && e->what == OPA_EDIT_IMPORT)
        status = check_brought(c, e, e - 1);
    if (status == OPA_OK && c->count > 0 && e->what == OPA_EDIT_REPORT)
        status = check_joined(c, e, opa_db_text(row, 6 + OPA_SAID_REVISED), opa_db_text(row, 6 + OPA_SAID_REPORT));
    c->count++;
    return status;
}

/* ---- corrections from files ---- */

static bool is_logged(const chain *c, int text, const opa_print *print)
{
    for (size_t i = 0; i < c->count; i++)
        if (opa_print_equal(&c->items[i].texts[text], print))
            return true;
    return false;
}

/* Every correction of a file left its text in the log: as its entry, or, where it changed nothing, as the one before. */
static bool all_logged(const chain *c)
{
    for (size_t i = 0; i < c->said->count; i++) {
        const opa_said *said = &c->said->items[i];
        for (int t = 0; t < OPA_SAID_TEXTS && said->correction; t++)
            if (said->texts[t].present && !is_logged(c, t, &said->texts[t]))
                return false;
    }
    return true;
}

/* An entry whose reason is the name of a file of corrections, and whose text no record has, was typed by somebody who
 * gave that name as the reason; unless some correction's text is nowhere: then it is that one, altered. */
static int check_corrections(chain *c)
{
    int status = OPA_OK;
    if (all_logged(c))
        return OPA_OK;
    for (entry *e = c->items + 1; e < c->items + c->count && status == OPA_OK; e++) {
        if (e->from_file && e->what == OPA_EDIT_REVISED)
            status = check_brought(c, e, e - 1);
        else if (e->from_file && e->what == OPA_EDIT_REPORT && !is_said(c, OPA_SAID_REPORT, &e->texts[OPA_SAID_REPORT]))
            status = note(c, e, "report", "stands in no record of the sample");
    }
    return status;
}

int opa_verify_log(opa_verification *v, const opa_defect *sample, int64_t key, int64_t head, const opa_sayings *said)
{
    static const char sql[] =
        "SELECT sequence, what, undoes, by_hand, excluded,"
        " why IN (SELECT f.name FROM raws w JOIN records k ON k.raw = w.key JOIN files f ON f.key = k.file"
        "         WHERE w.sample = ?1 AND w.format = 'edits'),"
        " revised, ground_truth, report FROM edits WHERE sample = ?1 ORDER BY sequence";
    chain c = {.v = v, .where = *sample, .said = said};
    sqlite3_stmt *s;
    c.where.code = OPA_F_STORE_LOG;
    int status = opa_db_prepare(&v->db, &s, sql);
    if (status == OPA_OK)
        sqlite3_bind_int64(s, 1, key);
    while (status == OPA_OK && (status = opa_db_next(&v->db, s)) == OPA_OK)
        status = check_entry(&c, s);
    if (s)
        sqlite3_reset(s);
    if (status == OPA_END && c.count > 0) {
        const int checked = check_corrections(&c);
        status = checked == OPA_OK ? OPA_END : checked;
    }
    if (status == OPA_END && (c.count == 0 || c.items[c.count - 1].sequence != head))
        status = opa_verify_note(v, &c.where, "%s",
                                 c.count ? "the entry in force is not the last one of the log" : "there is no log");
    free(c.items);
    return status == OPA_END ? OPA_OK : opa_verify_pass(v, status, "the log of a sample");
}
