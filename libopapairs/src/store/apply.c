/* SPDX-License-Identifier: Apache-2.0 */
#include "store/apply.h"

#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/utf8.h"
#include "store/edits.h"
#include "store/recorded.h"

/* What is compared with a known sample. Texts are borrowed from the statement. */
typedef struct known {
    int64_t key, image;
    bool complete; /* it has a sound image, or needs none */
    opa_text prompt, generated;
} known;

bool opa_is_image_trouble(int code)
{
    return (code >= OPA_F_IMAGE_MISSING && code <= OPA_F_IMAGE_HUGE) || code == OPA_F_IMAGE_FILE;
}

int opa_image_trouble(const opa_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        if (opa_is_image_trouble(findings->items[i].code))
            return findings->items[i].code;
    return 0;
}

/* OPA_OK, or OPA_END when there is no such sample. The statement stays on its row. */
static int find(opa_writer *w, known *out, sqlite3_stmt **row, opa_text id)
{
    *out = (known){0};
    int status = opa_db_prepare(w->db, row,
                                "SELECT s.key, s.image, " OPA_SAMPLE_COMPLETE
                                ", s.prompt, s.generated FROM samples s WHERE s.id = ?");
    if (status != OPA_OK)
        return status;
    opa_db_bind_text(*row, 1, id);
    if ((status = opa_db_next(w->db, *row)) != OPA_OK)
        return status;
    *out = (known){
        .key = sqlite3_column_int64(*row, 0),
        .image = sqlite3_column_int64(*row, 1),
        .complete = sqlite3_column_int(*row, 2),
        .prompt = opa_db_text(*row, 3),
        .generated = opa_db_text(*row, 4),
    };
    return OPA_OK;
}

static int quarantine(opa_verdict *out, int code, const char *field, const char *format, opa_text id)
{
    out->outcome = OPA_OUTCOME_QUARANTINED;
    out->sample = 0;
    out->code = code;
    out->field = field;
    snprintf(out->message, sizeof out->message, format, (int)opa_utf8_cut(id, 200), id.data);
    return OPA_OK;
}

static opa_text text_of(const char *s)
{
    return (opa_text){s, strlen(s)};
}

/* The entry of this record in the log; the state is the caller's. */
static opa_entry entry_of(const opa_writer *w, const opa_source *source, const opa_incoming *in, int64_t sample)
{
    const char *by = w->options->by ? w->options->by : "import";
    return (opa_entry){
        .sample = sample,
        .what = OPA_EDIT_IMPORT,
        .by = in->by.data ? in->by : text_of(by),
        .at = in->at.data ? in->at : text_of(w->at),
        .why = text_of(source->name),
    };
}

static int insert_sample(opa_writer *w, const opa_incoming *in, int64_t key, int64_t head, int64_t record,
                         int64_t image)
{
    static const char sql[] =
        "INSERT INTO samples (key, id, pack_key, image, image_expected, report_expected, source, head, prompt,"
        " generated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    char pack_key[OPA_KEY_SIZE];
    sqlite3_stmt *s;
    const int status = opa_db_prepare(w->db, &s, sql);
    if (status != OPA_OK)
        return status;
    opa_sample_key(pack_key, in->id);
    sqlite3_bind_int64(s, 1, key);
    opa_db_bind_text(s, 2, in->id);
    opa_db_bind_text(s, 3, text_of(pack_key));
    if (image)
        sqlite3_bind_int64(s, 4, image);
    sqlite3_bind_int(s, 5, in->image_expected);
    sqlite3_bind_int(s, 6, in->report_expected);
    sqlite3_bind_int64(s, 7, record);
    sqlite3_bind_int64(s, 8, head);
    opa_db_bind_text(s, 9, in->prompt);
    opa_db_bind_text(s, 10, in->generated);
    return opa_db_run(w->db, s);
}

/* Where an id looks like what a pack makes of another one, both would have one name there. */
static int refuse_twin(opa_writer *w, opa_verdict *out, opa_text id)
{
    char pack_key[OPA_KEY_SIZE];
    sqlite3_stmt *s;
    int status = opa_db_prepare(w->db, &s, "SELECT id FROM samples WHERE pack_key = ?");
    if (status != OPA_OK)
        return status;
    opa_sample_key(pack_key, id);
    opa_db_bind_text(s, 1, text_of(pack_key));
    if ((status = opa_db_next(w->db, s)) != OPA_OK)
        return status == OPA_END ? OPA_OK : status;
    status =
        quarantine(out, OPA_F_ID_CONFLICT, "id",
                   "in a pack it would have the name of \"%.*s\": give one of the two another id", opa_db_text(s, 0));
    sqlite3_reset(s);
    return status;
}

static int make(opa_writer *w, opa_verdict *out, const opa_source *source, const opa_item *item, int64_t record,
                int64_t image)
{
    const opa_incoming *in = &item->in;
    if (in->kind == OPA_INCOMING_EDIT)
        return quarantine(out, OPA_F_ID_UNKNOWN, "id",
                          "the store has no sample \"%.*s\" yet: the edit waits until it is imported", in->id);
    if (!in->prompt.data)
        return quarantine(out, OPA_F_FIELD_MISSING, "prompt", "\"%.*s\" is a new sample, which needs a prompt", in->id);
    int status = refuse_twin(w, out, in->id);
    if (status != OPA_OK || out->code)
        return status;
    opa_entry entry = entry_of(w, source, in, w->sample + 1);
    entry.state = (opa_state){in->revised, in->ground_truth, in->report, false, false};
    status = insert_sample(w, in, w->sample + 1, w->edit + 1, record, image);
    if (status == OPA_OK)
        status = opa_edits_append(w->db, w->edit + 1, &entry);
    if (status != OPA_OK)
        return status;
    w->edit++;
    out->sample = ++w->sample;
    out->outcome = OPA_OUTCOME_MADE;
    w->report.samples_added++;
    w->report.certificates[item->certificate]++;
    return OPA_OK;
}

/* What a known sample cannot be said to be. NULL: no contradiction. Absent means not said. */
static const char *contradiction(const known *k, const opa_incoming *in, int64_t image)
{
    if (in->prompt.data && !opa_text_equal(in->prompt, k->prompt))
        return "prompt";
    if (in->generated.data && !opa_text_equal(in->generated, k->generated))
        return "generated";
    /* An image that cannot be read says nothing, and gives way to one that can. */
    if (image && k->image && k->image != image && k->complete && !opa_image_trouble(&in->findings))
        return "image";
    return NULL;
}

/* What records of this sample said so far: the same at all, and the same as the last one that said anything. */
typedef struct heard {
    bool before, last;
} heard;

static int look_back(opa_writer *w, heard *out, int64_t sample, const opa_item *item)
{
    static const char sql[] =
        "SELECT EXISTS (SELECT 1 FROM raws WHERE sample = ?1 AND content = ?2),"
        " (SELECT o.content = ?2 FROM raws o JOIN records k ON k.raw = o.key"
        "  WHERE o.sample = ?1 AND o.content <> ?3 AND o.format <> 'edits' ORDER BY k.key DESC LIMIT 1)";
    uint8_t nothing[OPA_SHA256_SIZE];
    sqlite3_stmt *s;
    *out = (heard){0};
    int status = opa_db_prepare(w->db, &s, sql);
    if (status != OPA_OK)
        return status;
    opa_content_of_nothing(nothing);
    sqlite3_bind_int64(s, 1, sample);
    opa_db_bind_blob(s, 2, (opa_text){(const char *)item->content, OPA_SHA256_SIZE});
    opa_db_bind_blob(s, 3, (opa_text){(const char *)nothing, OPA_SHA256_SIZE});
    if ((status = opa_db_next(w->db, s)) != OPA_OK)
        return status;
    *out = (heard){sqlite3_column_int(s, 0), sqlite3_column_int(s, 1)};
    sqlite3_reset(s);
    return OPA_OK;
}

/* The state with what the record says; what it does not say stays. A new report without a revised text takes the old
 * one away: it belonged to the old report. */
static void overlay(opa_state *state, const opa_incoming *in)
{
    if (in->ground_truth.data)
        state->ground_truth = in->ground_truth;
    const bool new_report = in->report.data && !opa_text_equal(in->report, state->report);
    const bool new_revised = in->revised.data && !opa_text_equal(in->revised, state->revised);
    if (new_report)
        state->report = in->report;
    if (new_revised || (new_report && !in->revised.data))
        state->revised = in->revised;
    if (new_revised || new_report)
        state->by_hand = in->revised_by_hand;
}

/* Append the state after this record, when it is another one. */
static int revise(opa_writer *w, bool *changed, const opa_source *source, const opa_incoming *in, int64_t sample,
                  opa_edit_what what)
{
    opa_state before;
    int status = opa_edits_state(w->db, &before, sample, &w->memory);
    if (status != OPA_OK)
        return status;
    opa_entry entry = entry_of(w, source, in, sample);
    entry.what = what;
    entry.state = before;
    overlay(&entry.state, in);
    if (what == OPA_EDIT_REVISED)
        entry.state.by_hand = true;
    if (opa_state_equal(&entry.state, &before))
        return OPA_OK;
    *changed = true;
    status = opa_edits_append(w->db, w->edit + 1, &entry);
    return status == OPA_OK ? opa_edits_set_head(w->db, sample, ++w->edit) : status;
}

/* A sound image in place of none, or of one that cannot be trained on. */
static int set_image(opa_writer *w, int64_t sample, int64_t image)
{
    sqlite3_stmt *s;
    const int status = opa_db_prepare(w->db, &s, "UPDATE samples SET image = ?, image_expected = 1 WHERE key = ?");
    if (status != OPA_OK)
        return status;
    sqlite3_bind_int64(s, 1, image);
    sqlite3_bind_int64(s, 2, sample);
    return opa_db_run(w->db, s);
}

/* A correction is made anew wherever it stands; a sample's record only counts when it says other things than the last
 * one did: a copy does not take back what people did since. */
static int add_to_known(opa_writer *w, opa_verdict *out, const opa_source *source, const opa_item *item, const known *k,
                        int64_t image)
{
    const opa_incoming *in = &item->in;
    heard said;
    out->sample = k->key;
    out->complete = k->complete;
    if (in->kind == OPA_INCOMING_EDIT) {
        out->outcome = OPA_OUTCOME_EDIT;
        return revise(w, &out->changed, source, in, k->key, in->revised_by_hand ? OPA_EDIT_REVISED : OPA_EDIT_REPORT);
    }
    int status = look_back(w, &said, k->key, item);
    if (status == OPA_OK && !said.last)
        status = revise(w, &out->changed, source, in, k->key, OPA_EDIT_IMPORT);
    if (status != OPA_OK)
        return status;
    out->outcome = out->changed                                      ? OPA_OUTCOME_REVISION
                   : in->kind == OPA_INCOMING_ANSWER && !said.before ? OPA_OUTCOME_ATTACHED
                                                                     : OPA_OUTCOME_SAME;
    if (!image || image == k->image || opa_image_trouble(&in->findings) || (k->image && k->complete))
        return OPA_OK;
    out->changed = out->complete = true;
    if (out->outcome == OPA_OUTCOME_SAME)
        out->outcome = OPA_OUTCOME_ATTACHED;
    return set_image(w, k->key, image);
}

int opa_apply(opa_writer *w, opa_verdict *out, const opa_source *source, const opa_item *item, int64_t record,
              int64_t image)
{
    *out = (opa_verdict){.outcome = OPA_OUTCOME_QUARANTINED};
    if (item->status == OPA_ERECORD)
        return OPA_OK;
    known k;
    sqlite3_stmt *row;
    int status = find(w, &k, &row, item->in.id);
    if (status == OPA_END)
        return make(w, out, source, item, record, image);
    if (status != OPA_OK)
        return status;
    const char *field = item->in.kind == OPA_INCOMING_EDIT ? NULL : contradiction(&k, &item->in, image);
    sqlite3_reset(row);
    if (field)
        return quarantine(out, OPA_F_ID_CONFLICT, field,
                          "differs from that of \"%.*s\" in the store: give one of the two another id", item->in.id);
    return add_to_known(w, out, source, item, &k, image);
}
