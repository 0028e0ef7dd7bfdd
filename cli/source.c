/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "glyph.h"
#include "inputs.h"

struct keeper {
    opa_findings *list;
    bool failed;
};

static int keep(void *user, const opa_finding *finding)
{
    struct keeper *k = user;
    k->failed = !findings_copy(k->list, finding);
    return k->failed;
}

bool source_is_orphan(const opa_finding *f)
{
    return f->id == NULL || f->quarantined;
}

static int by_id(const void *a, const void *b)
{
    const opa_finding *x = a, *y = b;
    const bool first = source_is_orphan(x), second = source_is_orphan(y);
    return first || second ? second - first : strcmp(x->id, y->id);
}

static int load_findings(struct source *s)
{
    struct keeper k = {.list = &s->stored};
    const int status = opa_store_findings(s->store, (opa_text){0}, keep, &k);
    if (k.failed)
        return cli_error(s->cli, EXIT_IO, "out of memory");
    if (status != OPA_OK)
        return cli_fail(s->cli, status, s->path);
    if (s->stored.count > 1)
        qsort(s->stored.items, s->stored.count, sizeof *s->stored.items, by_id);
    return 0;
}

static int open_file(struct source *s)
{
    struct cli *cli = s->cli;
    struct stat st;
    if (stat(s->path, &st) != 0)
        return cli_error(cli, EXIT_NO_INPUT, "%s: %s; make a store with 'opapairs init %s'", s->path, strerror(errno),
                         s->path);
    const bool folder = S_ISDIR(st.st_mode);
    if (!folder && !S_ISREG(st.st_mode))
        return cli_error(cli, EXIT_DATA, "%s: neither a store nor a pack", s->path);
    const int status =
        folder ? opa_pack_open(cli->ctx, &s->pack, s->path) : opa_store_open(cli->ctx, &s->store, s->path);
    if (status != OPA_OK)
        return cli_fail(cli, status, s->path);
    return folder ? 0 : load_findings(s);
}

int store_to_edit(struct cli *cli, opa_store **out, const char *path)
{
    *out = NULL;
    if (opa_pack_probe(path))
        return cli_error(cli, EXIT_DATA,
                         "%s: a pack is never edited; edit the store that it was made from, and pack that again", path);
    const int status = opa_store_open(cli->ctx, out, path);
    return status == OPA_OK ? 0 : cli_fail(cli, status, path);
}

int source_open(struct source *out, struct cli *cli, const char *path)
{
    *out = (struct source){.cli = cli, .path = path};
    int result = open_file(out);
    if (result == 0) {
        const int status = opa_recipe_open(cli->ctx, &out->recipe, NULL);
        if (status != OPA_OK)
            result = cli_fail(cli, status, NULL);
    }
    if (result != 0)
        source_close(out);
    return result;
}

void source_close(struct source *s)
{
    opa_checker_free(s->checker);
    opa_cursor_free(s->cursor);
    opa_findings_release(&s->stored);
    opa_recipe_free(s->recipe);
    opa_tokenizer_free(s->tokenizer);
    opa_pack_free(s->pack);
    opa_store_free(s->store);
    *s = (struct source){.cli = s->cli};
}

int source_tokenizer(struct source *s, const char *path)
{
    s->own_tokenizer = path != NULL;
    if (path != NULL)
        return tokenizer_open(s->cli, &s->tokenizer, path);
    const int status = opa_tokenizer_words(s->cli->ctx, &s->tokenizer);
    return status == OPA_OK ? 0 : cli_fail(s->cli, status, NULL);
}

int64_t source_count(struct source *s)
{
    int64_t samples = -1, images;
    if (s->pack != NULL)
        return (int64_t)opa_pack_count(s->pack);
    return opa_store_counts(s->store, &samples, &images) == OPA_OK ? samples : -1;
}

int source_rewind(struct source *s)
{
    s->next = 0;
    s->damaged = 0;
    if (s->store == NULL)
        return 0;
    opa_cursor_free(s->cursor);
    s->cursor = NULL;
    const int status = opa_store_samples(s->store, &s->cursor, s->order);
    return status == OPA_OK ? 0 : cli_fail(s->cli, status, s->path);
}

static int read_pack(struct source *s, opa_sample *out, size_t i)
{
    const int status = opa_pack_read(s->pack, &s->members, i);
    return status == OPA_OK ? opa_pack_sample(s->pack, out, &s->members) : status;
}

int source_next(struct source *s, opa_sample *out)
{
    if (s->store != NULL)
        return opa_cursor_next(s->cursor, out);
    if (s->next == opa_pack_count(s->pack))
        return OPA_END;
    return read_pack(s, out, s->next++);
}

int source_find(struct source *s, opa_sample *out, opa_text id)
{
    size_t at;
    if (s->pack != NULL && !opa_pack_find(s->pack, &at, id))
        return unknown_id(s->cli, s->path, NULL, s->pack, id);
    const int status = s->pack ? read_pack(s, out, at) : opa_store_sample(s->store, out, id);
    if (status == OPA_ENOENT && s->store != NULL)
        return unknown_id(s->cli, s->path, s->store, NULL, id);
    return status == OPA_OK ? 0 : cli_fail(s->cli, status, s->path);
}

int source_has(struct source *s, opa_text id)
{
    opa_sample sample;
    size_t at;
    if (s->pack != NULL)
        return opa_pack_find(s->pack, &at, id);
    const int status = opa_store_sample(s->store, &sample, id);
    return status == OPA_OK ? 1 : status == OPA_ENOENT ? 0 : -cli_fail(s->cli, status, s->path);
}

int source_image(struct source *s, opa_text *out, const opa_sample *sample)
{
    if (s->store != NULL)
        return opa_store_image(s->store, out, sample->image_sha256);
    *out = s->members.image;
    return out->data ? OPA_OK : OPA_ENOENT;
}

/* ---- the view of one sample ---- */

static int compare_id(const opa_finding *finding, opa_text id)
{
    if (source_is_orphan(finding))
        return -1;
    const size_t n = strlen(finding->id), least = n < id.size ? n : id.size;
    const int order = memcmp(finding->id, id.data, least);
    return order ? order : (n > id.size) - (n < id.size);
}

bool source_add_stored(const struct source *s, opa_findings *out, opa_text id)
{
    size_t low = 0, high = s->stored.count;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (compare_id(&s->stored.items[mid], id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < s->stored.count && compare_id(&s->stored.items[low], id) == 0; low++) {
        if (!findings_copy(out, &s->stored.items[low]))
            return false;
    }
    return true;
}

bool view_fill_in(struct view *v)
{
    opa_findings *findings = &v->findings;
    const opa_sample *sample = &v->sample;
    for (size_t i = 0; i < findings->count; i++) {
        opa_finding *f = &findings->items[i];
        if (f->file == NULL && f->id == NULL && sample->source_file.data != NULL) {
            f->file = text_duplicate(sample->source_file);
            f->record = sample->source_record;
            /* What follows from the sample has no line of its own (a report's lines are its own): the record's. */
            f->line = sample->source_line;
            if (f->file == NULL)
                return false;
        }
        if (f->id == NULL && (f->id = text_duplicate(sample->id)) == NULL)
            return false;
    }
    return true;
}

static opa_certificate certificate_of(const char *name)
{
    for (int c = OPA_EXACT; name != NULL && c <= OPA_BROKEN; c++) {
        if (strcmp(name, opa_certificate_name((opa_certificate)c)) == 0)
            return (opa_certificate)c;
    }
    return OPA_CERTIFICATE_NONE;
}

static void count_pair(opa_pair_counts *counts, opa_text type)
{
    counts->language += text_equal(type, OPA_TEXT("language"));
    counts->image += text_equal(type, OPA_TEXT("image"));
    counts->anchor += text_equal(type, OPA_TEXT("anchor"));
}

/* The certificate and the pairs of a pack's sample were settled when it was packed. */
static int settle_packed(const struct source *s, struct view *v)
{
    opa_json *doc;
    const int status = opa_json_parse(s->cli->ctx, &doc, s->members.json, NULL, NULL);
    if (status != OPA_OK)
        return status;
    opa_text text;
    const struct cJSON *root = opa_json_root(doc);
    if (opa_json_text(doc, opa_json_get(root, "certificate"), &text)) {
        char name[16];
        snprintf(name, sizeof name, "%.*s", (int)(text.size < 15 ? text.size : 15), text.data);
        v->certificate = certificate_of(name);
    }
    const struct cJSON *pairs = opa_json_get(root, "pairs");
    for (const cJSON *pair = cJSON_IsArray(pairs) ? pairs->child : NULL; pair != NULL; pair = pair->next) {
        if (opa_json_text(doc, opa_json_get(pair, "type"), &text))
            count_pair(&v->pairs, text);
    }
    opa_json_free(doc);
    return OPA_OK;
}

static void settle_stored(const struct source *s, struct view *v)
{
    opa_pairs pairs;
    int code;
    opa_recipe_apply(s->recipe, &pairs, &v->sample, &v->assessment);
    v->certificate = v->assessment.alignment.certificate;
    v->left_out = v->sample.excluded || pairs.left_out != 0 || opa_findings_worst(&v->findings, &code) == OPA_ERROR;
    if (!v->left_out)
        v->pairs = pairs.counts;
}

/* A pack has the revised text in force. Where its report, spliced into the response, gives that very text, the edits
 * show as they do in the store; else the text stands as it is. */
static int assess_packed(struct source *s, struct view *v)
{
    const opa_align_options splice = OPA_ALIGN_OPTIONS_INIT, keep = {.keep_revised = true};
    const opa_text revised = v->sample.revised;
    if (revised.data != NULL) {
        const int status = opa_assess(s->cli->ctx, &v->assessment, &v->sample, &splice, &v->findings);
        if (status != OPA_OK || text_equal(v->assessment.alignment.revised, revised))
            return status;
        view_release(v);
    }
    return opa_assess(s->cli->ctx, &v->assessment, &v->sample, &keep, &v->findings);
}

int source_view(struct source *s, struct view *v, const opa_sample *sample)
{
    opa_context *ctx = s->cli->ctx;
    *v = (struct view){.sample = *sample};
    bool memory = source_add_stored(s, &v->findings, sample->id);
    int status = s->pack ? assess_packed(s, v) : opa_assess(ctx, &v->assessment, &v->sample, NULL, &v->findings);
    if (status == OPA_ERECORD) /* the proof failed, which is a finding */
        status = OPA_OK;
    if (status == OPA_OK)
        status = view_place_report(s, v);
    if (status == OPA_OK && s->checker != NULL)
        status = opa_checker_sample(s->checker, &v->sample, &v->assessment, &v->findings);
    memory = memory && view_fill_in(v);
    if (status == OPA_OK && s->pack != NULL)
        status = settle_packed(s, v);
    else if (status == OPA_OK)
        settle_stored(s, v);
    const opa_alignment *a = &v->assessment.alignment;
    v->edited = a->revised.data != NULL && !text_equal(a->revised, v->sample.generated);
    if (memory && status == OPA_OK)
        return 0;
    view_release(v);
    return memory ? cli_fail(s->cli, status, s->path) : cli_error(s->cli, EXIT_IO, "out of memory");
}

void view_release(struct view *v)
{
    opa_assessment_release(&v->assessment);
    opa_findings_release(&v->findings);
}

/* ---- all samples ---- */

bool source_is_lost(const struct source *s, int status)
{
    return s->pack != NULL && (status == OPA_ERECORD || status == OPA_ENOENT);
}

static int note(void *user, const opa_sample *sample)
{
    struct source *s = user;
    const size_t columns = text_width(sample->id);
    s->id_columns = columns > s->id_columns ? columns : s->id_columns;
    return opa_checker_note(s->checker, sample);
}

/* A pack has no outlines: all of it is read, which takes seconds for thousands of samples. */
static int note_pack(struct source *s)
{
    struct progress progress;
    opa_progress now = {.stage = "reading", .items_total = source_count(s), .bytes_total = -1};
    opa_sample sample;
    int status;
    progress_start(&progress, s->cli);
    s->next = 0;
    while ((status = source_next(s, &sample)) == OPA_OK || source_is_lost(s, status)) {
        if (status == OPA_OK && (status = note(s, &sample)) != OPA_OK)
            break;
        now.items++;
        progress_show(&progress, &now);
    }
    progress_clear(s->cli);
    return status == OPA_END ? OPA_OK : status;
}

/* The index has the ids. */
static void measure_ids(struct source *s)
{
    for (size_t i = 0; i < opa_pack_count(s->pack); i++) {
        const size_t columns = text_width(opa_pack_at(s->pack, i)->id);
        s->id_columns = columns > s->id_columns ? columns : s->id_columns;
    }
}

int source_note(struct source *s, bool at_once)
{
    const opa_check_options options = {.tokenizer = s->own_tokenizer ? s->tokenizer : NULL};
    int status = opa_checker_new(s->cli->ctx, &s->checker, &options);
    if (status != OPA_OK)
        return cli_fail(s->cli, status, NULL);
    if (s->store != NULL)
        status = opa_store_outlines(s->store, s->order, note, s);
    else if (at_once)
        measure_ids(s);
    else
        status = note_pack(s);
    return status == OPA_OK ? 0 : cli_fail(s->cli, status, s->path);
}

int source_note_all(struct source *s)
{
    return source_note(s, false);
}

int source_each(struct source *s, const char *stage, view_fn fn, void *user)
{
    struct progress progress;
    opa_progress now = {.stage = stage, .items_total = source_count(s), .bytes_total = -1};
    progress_start(&progress, s->cli);
    int result = source_rewind(s), status;
    opa_sample sample;
    struct view view;
    while (result == 0 && out_alive(s->cli)) {
        status = source_next(s, &sample);
        if (status == OPA_END)
            break;
        if (source_is_lost(s, status)) {
            cli_fail(s->cli, status, s->path);
            s->damaged++;
            continue;
        }
        if (status != OPA_OK)
            return cli_fail(s->cli, status, s->path);
        if (s->skip != NULL && s->skip(s->skip_user, &sample))
            continue;
        result = source_view(s, &view, &sample);
        if (result != 0)
            break;
        result = fn(user, &view);
        view_release(&view);
        now.items++;
        if (stage != NULL)
            progress_show(&progress, &now);
    }
    progress_clear(s->cli);
    return result != 0 ? result : s->damaged > 0 ? EXIT_DATA : 0;
}
