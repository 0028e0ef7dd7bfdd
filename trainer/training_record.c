/* SPDX-License-Identifier: Apache-2.0 */
/* run.json: what a run depends on. A resumed run must agree with it line by line. */
#include <stdlib.h>
#include <string.h>

#include "durable.h"
#include "identity.h"
#include "json_fields.h"
#include "ops/blas.h"
#include "training.h"

/* ---- settings ---- */

static void set_packs(struct run *run, const char *name, const struct samples *s)
{
    char id[IDENTITY_SIZE];
    for (size_t i = 0; i < s->data.pack_count; i++) {
        if (!identity_of_pack(id, s->data.packs[i].pack))
            run->settings.failed = true;
        run_setting(run, name, "%s seed %llu", id, (unsigned long long)s->data.packs[i].seed);
    }
}

static void set_objective(struct training *tr)
{
    struct run *run = &tr->run;
    const struct coefficients *c = &tr->loss.c;
    run_setting(run, "objective", "%s", tr->loss.objective ? tr->loss.objective->name : "sft");
    run_setting(run, "coefficients",
                "beta %g gamma1 %g gamma2 %g delta %g smoothing %g margin %g lambda %g alpha %g "
                "length %g",
                c->beta, c->gamma1, c->gamma2, c->delta, c->label_smoothing, c->margin, c->lambda, c->alpha,
                c->response_length);
    run_setting(run, "loss-mean", "%s", tr->loss.micro_batch_mean ? "micro-batch" : "update");
}

static void set_optimiser(struct training *tr)
{
    struct run *run = &tr->run;
    const struct training_options *o = &tr->options;
    run_setting(run, "targets", "%s", targets_name(tr->targets));
    run_setting(run, "rank", "%zu alpha %g", tr->params.rank, tr->params.alpha);
    run_setting(run, "seed", "%llu", (unsigned long long)run->seed);
    run_setting(run, "lr", "%.17g", o->lr);
    run_setting(run, "schedule", "%s", schedule_name(tr->schedule.kind));
    run_setting(run, "warmup", "%.17g", o->warmup);
    run_setting(run, "weight-decay", "%.17g", o->weight_decay);
    run_setting(run, "clip", "%.17g", o->clip);
    run_setting(run, "epochs", "%lld", (long long)o->epochs);
    run_setting(run, "batch", "%lld", (long long)o->batch);
    run_setting(run, "micro-tokens", "%lld", (long long)o->micro_tokens);
    run_setting(run, "moments", "%s", o->bf16_moments ? "bf16" : "f32");
}

void record_settings(struct training *tr)
{
    struct run *run = &tr->run;
    char id[IDENTITY_SIZE] = "";
    run_setting(run, "threads", "%d", ops_threads(run->t.ops));
    run_setting(run, "core type", "%s %s", ops_blas_core(), ops_isa(run->t.ops));
    run_setting(run, "program", "%s", OPA_VERSION);
    run_setting(run, "blas", "%s", ops_blas_config());
    run_setting(run, "context", "%s", tr->context == CONTEXT_SFT ? "sft" : "release");
    settings_append(&tr->seen, &run->settings);
    run_setting(run, "number of ranks", "%d",
                tr->ranks.count); /* who computes a sample does not change its log-probs */
    set_packs(run, "pack", &tr->train);
    set_packs(run, "eval", &tr->eval);
    run_setting(run, "masks", "%s", tr->fresh ? "fresh" : "fixed");
    if (tr->reference_adapter != NULL)
        identity_of_weights(id, tr->reference_adapter->file);
    if (tr->reference)
        run_setting(run, "reference", "%s", tr->reference_adapter ? id : tr->referee.adapter ? "START" : "base");
    set_objective(tr);
    set_optimiser(tr);
}

/* Which masks, of which samples. */
static void set_versions(struct training *tr, const struct samples *s, struct settings *depends)
{
    char id[IDENTITY_SIZE] = "";
    const bool *needs = tr->loss.objective ? tr->loss.objective->needs : (const bool[PAIR_TYPES]){false};
    for (size_t i = 0; i < s->data.pack_count; i++) {
        if (!identity_of_pack(id, s->data.packs[i].pack))
            depends->failed = true;
        settings_add(depends, "pack", "%s", id);
    }
    settings_add(depends, "samples", "%zu", s->data.count);
    settings_add(depends, "masks", "%s", tr->fresh && s != &tr->eval ? "fresh" : "fixed");
    settings_add(depends, "pair types", "%d%d%d", needs[0], needs[1], needs[2]);
}

int record_reference(struct training *tr, const struct samples *s, struct settings *depends, char **path)
{
    char id[IDENTITY_SIZE] = "none";
    const bool eval = s == &tr->eval;
    settings_append(depends, &tr->seen);
    if (tr->referee.adapter != NULL)
        identity_of_weights(id, tr->referee.adapter->file);
    settings_add(depends, "reference", "%s", id);
    set_versions(tr, s, depends);
    if (!eval && tr->options.reference_cache != NULL)
        *path = strdup(tr->options.reference_cache);
    else
        *path = path_join(tr->folder.path, eval ? "reference-eval.cache" : "reference.cache");
    return *path && !depends->failed ? OPA_OK : trainer_fail_memory(&tr->run.t);
}

int record_features(struct training *tr, const struct samples *s, struct settings *depends, char **path)
{
    settings_append(depends, &tr->seen);
    set_versions(tr, s, depends);
    const char *of = s == &tr->eval ? "-eval" : "";
    char name[64];
    if (ranks_first(&tr->ranks))
        snprintf(name, sizeof name, "features%s.cache", of);
    else
        snprintf(name, sizeof name, "features%s-rank%d.cache", of, tr->ranks.rank);
    *path = path_join(tr->run.output, name);
    return *path && !depends->failed ? OPA_OK : trainer_fail_memory(&tr->run.t);
}

/* ---- run.json ---- */

/* "name: value" lines, as they are compared. */
static void write_settings(opa_json_writer *w, const struct settings *s)
{
    opa_json_begin_array(w);
    for (const char *line = s->data; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        opa_json_write_text(w, (opa_text){line, (size_t)(end - line)});
        line = end + 1;
    }
    opa_json_end_array(w);
}

static void write_packs(opa_json_writer *w, const struct samples *s)
{
    opa_json_begin_array(w);
    for (size_t i = 0; i < s->data.pack_count; i++) {
        const opa_json *manifest = opa_pack_manifest(s->data.packs[i].pack);
        opa_text name = {NULL, 0};
        opa_json_text(manifest, opa_json_get(opa_json_get(opa_json_root(manifest), "recipe"), "name"), &name);
        opa_json_begin_object(w);
        opa_json_write_key(w, "path");
        opa_json_write_string(w, s->data.packs[i].path);
        opa_json_write_key(w, "recipe");
        opa_json_write_text(w, name);
        opa_json_write_key(w, "samples");
        opa_json_write_integer(w, (int64_t)opa_pack_count(s->data.packs[i].pack));
        opa_json_end_object(w);
    }
    opa_json_end_array(w);
}

static void write_run(struct training *tr, opa_json_writer *w)
{
    opa_json_begin_object(w);
    opa_json_write_key(w, "schema_version");
    opa_json_write_integer(w, 1);
    opa_json_write_key(w, "verb");
    opa_json_write_string(w, tr->run.cli->command->name);
    opa_json_write_key(w, "model");
    opa_json_write_string(w, tr->run.model_dir);
    opa_json_write_key(w, "adapter");
    opa_json_write_string(w, tr->run.adapter_dir);
    opa_json_write_key(w, "packs");
    write_packs(w, &tr->train);
    opa_json_write_key(w, "eval");
    write_packs(w, &tr->eval);
    opa_json_write_key(w, "updates");
    opa_json_write_integer(w, tr->total);
    opa_json_write_key(w, "samples");
    opa_json_write_integer(w, (int64_t)tr->train.data.count);
    opa_json_write_key(w, "ranks");
    opa_json_write_integer(w, tr->ranks.count);
    opa_json_write_key(w, "versions");
    opa_json_write_string(w, opa_versions());
    opa_json_write_key(w, "openblas");
    opa_json_write_string(w, ops_blas_config());
    opa_json_write_key(w, "onednn");
    opa_json_write_string(w, ops_bf16_library());
    opa_json_write_key(w, "mpi");
    opa_json_write_string(w, ranks_version());
    opa_json_write_key(w, "depends_on");
    write_settings(w, &tr->run.settings);
    opa_json_end_object(w);
}

int record_write(struct training *tr)
{
    opa_text text;
    char *path = path_join(tr->folder.path, "run.json");
    if (path == NULL || tr->run.settings.failed)
        return trainer_fail_memory(&tr->run.t);
    write_run(tr, tr->w);
    const int status = opa_json_writer_finish(tr->w, &text) == OPA_OK
                           ? durable_file(&tr->run.t, path, text.data, text.size)
                           : trainer_fail_memory(&tr->run.t);
    opa_json_writer_clear(tr->w);
    free(path);
    return status;
}

/* The lines of depends_on as they were written. */
static int read_settings(struct trainer *t, struct settings *out, const struct json_file *file, const char *path)
{
    const struct cJSON *list = opa_json_get(opa_json_root(file->doc), "depends_on");
    if (!json_is_array(list))
        return trainer_fail(t, OPA_EDATA, "%s: no depends_on", path);
    for (const struct cJSON *item = json_first(list); item != NULL; item = json_next(item)) {
        opa_text line = {"", 0};
        opa_json_text(file->doc, item, &line);
        const char *colon = memchr(line.data, ':', line.size);
        if (colon == NULL || (size_t)(colon - line.data) > 60 || line.size < (size_t)(colon - line.data) + 2)
            return trainer_fail(t, OPA_EDATA, "%s: a line of depends_on is damaged", path);
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)(colon - line.data), line.data);
        settings_add(out, name, "%.*s", (int)(line.size - (size_t)(colon - line.data) - 2), colon + 2);
    }
    return OPA_OK;
}

/* Is it a run of this verb? Settings of another differ in the first line that it has and this one has not. */
static int compare_verb(struct training *tr, const struct json_file *file, const char *path)
{
    struct fields f = json_file_fields(&tr->run.t, file, path);
    const char *own = tr->run.cli->command->name;
    const opa_text verb = fields_text(&f, "verb", own);
    if (f.status == OPA_OK && !text_is(verb, own))
        fields_fail(&f, OPA_ECREATE, "a run of %.*s, not of %s: choose another -o",
                    (int)(verb.size < 20 ? verb.size : 20), verb.data, own);
    return f.status;
}

int record_compare(struct training *tr)
{
    struct json_file file;
    struct settings before = {0};
    struct trainer *t = &tr->run.t;
    char name[SETTINGS_NAME] = "";
    char *path = path_join(tr->folder.path, "run.json");
    int status = path ? json_file_open(t, &file, path) : trainer_fail_memory(t);
    if (status == OPA_ENOENT)
        status =
            trainer_fail(t, OPA_ENOENT, "%s holds %s, but no run.json: it is no run that goes on; choose another -o",
                         tr->folder.path, tr->folder.finished ? "an adapter" : "a checkpoint");
    if (status == OPA_OK) {
        status = compare_verb(tr, &file, path);
        if (status == OPA_OK)
            status = read_settings(t, &before, &file, path);
        json_file_release(&file);
    }
    if (status == OPA_OK)
        settings_difference(name, before.data ? before.data : "", before.size, tr->run.settings.data);
    if (name[0] != '\0')
        status = trainer_fail(t, OPA_ECREATE,
                              "%s was begun with another %s (see its run.json): resume it as it was begun, or choose "
                              "another -o",
                              tr->folder.path, name);
    settings_release(&before);
    free(path);
    return status;
}
