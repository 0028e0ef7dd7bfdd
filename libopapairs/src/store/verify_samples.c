/* SPDX-License-Identifier: Apache-2.0 */
/* Samples against the records that they came from: each record is read again, as it was when it was imported, but for
 * its image, which is known by its hash. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "store/batch.h"
#include "store/verify_log.h"
#include "store/writer.h"

/* A sample and what its records say. */
typedef struct subject {
    opa_verification *v;
    opa_defect where;
    opa_text id, prompt, generated;
    bool image_expected, report_expected;
    bool image_named;               /* by a record */
    uint8_t image[OPA_SHA256_SIZE]; /* hash; of nothing where there is none */
    opa_sayings said;
} subject;

static int differs(subject *s, const char *field, opa_text want, opa_text have)
{
    if (!want.data || opa_text_equal(want, have))
        return OPA_OK;
    s->where.field = field;
    const int status = opa_verify_note(s->v, &s->where, "is not what the record says");
    s->where.field = NULL;
    return status;
}

static int keep_said(subject *s, const opa_incoming *in, bool made)
{
    opa_sayings *all = &s->said;
    if (all->count == all->capacity) {
        const size_t capacity = all->capacity ? all->capacity * 2 : 4;
        opa_said *items = realloc(all->items, capacity * sizeof *items);
        if (!items)
            return opa_fail_memory(s->v->ctx);
        all->items = items;
        all->capacity = capacity;
    }
    opa_said *to = &all->items[all->count++];
    to->made = made;
    to->correction = in->kind == OPA_INCOMING_EDIT;
    to->texts[OPA_SAID_REVISED] = opa_print_of(in->revised);
    to->texts[OPA_SAID_GROUND_TRUTH] = opa_print_of(in->ground_truth);
    to->texts[OPA_SAID_REPORT] = opa_print_of(in->report);
    return OPA_OK;
}

static int compare(subject *s, const opa_incoming *in, bool made)
{
    int status = differs(s, "id", in->id, s->id);
    if (status == OPA_OK && in->kind != OPA_INCOMING_EDIT) {
        status = differs(s, "prompt", in->prompt, s->prompt);
        if (status == OPA_OK)
            status = differs(s, "generated", in->generated, s->generated);
    }
    s->image_named |= in->image_expected;
    /* A sample of text alone can get an image later. */
    if (status == OPA_OK && made &&
        ((in->image_expected && !s->image_expected) || in->report_expected != s->report_expected))
        status = opa_verify_note(s->v, &s->where, "whether it should have an image and a report is noted wrongly");
    return status == OPA_OK ? keep_said(s, in, made) : status;
}

static bool is_altered(const opa_verification *v, int64_t raw)
{
    for (size_t i = 0; i < v->altered.count; i++)
        if (v->altered.items[i] == raw)
            return true;
    return false;
}

static int note_record(subject *s, const char *what)
{
    opa_defect defect = s->where;
    defect.code = OPA_F_STORE_RECORD;
    s->said.doubtful = true;
    return opa_verify_note(s->v, &defect, "a record of the sample: %s", what);
}

/* Row: key, format, outcome, bytes, image_name. A record that went in once can be read again; where not, it is doubtful.
 */
static int read_raw(subject *s, sqlite3_stmt *row)
{
    const opa_format *format = opa_format_lookup(opa_db_text(row, 1));
    const int outcome = sqlite3_column_int(row, 2);
    if (!format)
        return note_record(s, "it is noted as of no known format");
    if (outcome < OPA_OUTCOME_MADE || outcome >= OPA_OUTCOME_QUARANTINED)
        return note_record(s, "what became of it is noted wrongly");
    if (is_altered(s->v, sqlite3_column_int64(row, 0))) {
        s->said.doubtful = true;
        return OPA_OK;
    }
    opa_reader reader = {.ctx = s->v->ctx, .known_image = s->image};
    opa_incoming in = {.bytes = opa_db_blob(row, 3)};
    int status = opa_json_parse(reader.ctx, &in.doc, in.bytes, NULL, &in.findings);
    if (status == OPA_OK)
        status = format->read(&reader, &in, opa_json_root(in.doc));
    if (status == OPA_OK && !opa_text_equal(in.image_name, opa_db_text(row, 4)))
        status = note_record(s, "the name of its image is not what it says");
    if (status == OPA_OK)
        status = compare(s, &in, outcome == OPA_OUTCOME_MADE);
    else if (status == OPA_ERECORD || status == OPA_EDATA) {
        s->said.doubtful = true;
        status = OPA_OK;
    }
    opa_incoming_release(&in);
    return status;
}

static int read_raws(subject *s, int64_t key)
{
    sqlite3_stmt *row;
    int status =
        opa_db_prepare(&s->v->db, &row, "SELECT key, format, outcome, bytes, image_name FROM raws WHERE sample = ?1");
    if (status == OPA_OK)
        sqlite3_bind_int64(row, 1, key);
    while (status == OPA_OK && (status = opa_db_next(&s->v->db, row)) == OPA_OK)
        status = read_raw(s, row);
    if (row)
        sqlite3_reset(row);
    if (status == OPA_EDATA)
        s->said.doubtful = true;
    return status == OPA_END ? OPA_OK : opa_verify_pass(s->v, status, "the records of a sample");
}

/* What is kept of a sample beside its texts follows from them. */
static int check_names(subject *s, int64_t key, sqlite3_stmt *row)
{
    char pack_key[OPA_KEY_SIZE];
    int status = OPA_OK;
    opa_sample_key(pack_key, s->id);
    if (!opa_text_equal((opa_text){pack_key, strlen(pack_key)}, opa_db_text(row, 1)))
        status = opa_verify_note(s->v, &s->where, "its name in packs does not follow from its id");
    if (status == OPA_OK && sqlite3_column_int64(row, 3) != key)
        status = opa_verify_note(s->v, &s->where, "the record that is noted as its source is not its own");
    return status;
}

static int check_sample(opa_verification *v, int64_t key, sqlite3_stmt *row)
{
    const opa_text image = opa_db_blob(row, 6);
    subject s = {.v = v,
                 .id = opa_db_text(row, 0),
                 .prompt = opa_db_text(row, 4),
                 .generated = opa_db_text(row, 5),
                 .image_expected = sqlite3_column_int(row, 10),
                 .report_expected = sqlite3_column_int(row, 11)};
    s.where = (opa_defect){.code = OPA_F_STORE_SAMPLE,
                           .file = opa_db_text(row, 7),
                           .record = sqlite3_column_int64(row, 8),
                           .line = sqlite3_column_int64(row, 9),
                           .id = s.id};
    if (image.size == OPA_SHA256_SIZE)
        memcpy(s.image, image.data, OPA_SHA256_SIZE);
    else
        opa_sha256_of(s.image, "", 0);
    v->report->samples++;
    int status = check_names(&s, key, row);
    if (status == OPA_OK)
        status = read_raws(&s, key);
    if (status == OPA_OK && s.image_expected && !s.image_named && !s.said.doubtful)
        status = opa_verify_note(v, &s.where, "no record of it names the image that it should have");
    if (status == OPA_OK)
        status = opa_verify_log(v, &s.where, key, sqlite3_column_int64(row, 2), &s.said);
    free(s.said.items);
    return status;
}

int opa_verify_samples(opa_verification *v)
{
    static const char sql[] =
        "SELECT s.id, s.pack_key, s.head, w.sample, s.prompt, s.generated, i.sha256, f.name, k.record, k.line,"
        " s.image_expected, s.report_expected"
        " FROM samples s LEFT JOIN images i ON i.key = s.image LEFT JOIN records k ON k.key = s.source"
        " LEFT JOIN files f ON f.key = k.file LEFT JOIN raws w ON w.key = k.raw WHERE s.key = ?1";
    return opa_verify_walk(v, sql, "samples", check_sample);
}
