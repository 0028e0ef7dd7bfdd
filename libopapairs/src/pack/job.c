/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/job.h"

#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/findings.h"
#include "base/sha256.h"

/* An image buffer that grew beyond this is given back after its sample. */
#define KEEP_IMAGE ((size_t)4 << 20)

int opa_job_worker_init(opa_job_worker *out, opa_context *ctx, opa_job_setting *setting)
{
    *out = (opa_job_worker){.setting = setting};
    if (opa_context_new(&out->ctx))
        return opa_fail_memory(ctx);
    const int status = opa_encoder_new(out->ctx, &out->encoder, setting->pairs.tokenizer);
    if (status) {
        opa_fail(ctx, status, "%s", opa_context_message(out->ctx));
        opa_job_worker_release(out);
    }
    return status;
}

void opa_job_worker_release(opa_job_worker *w)
{
    opa_encoder_free(w->encoder);
    opa_context_free(w->ctx);
    *w = (opa_job_worker){0};
}

int opa_job_init(opa_job *out, opa_context *ctx)
{
    *out = (opa_job){.arena = opa_arena_new()};
    if (!out->arena || opa_context_new(&out->ctx) || opa_json_writer_new(out->ctx, &out->writer)) {
        opa_job_release(out);
        return opa_fail_memory(ctx);
    }
    return OPA_OK;
}

void opa_job_release(opa_job *job)
{
    opa_arena_free(job->arena);
    opa_buffer_release(&job->image);
    opa_buffer_release(&job->reason);
    opa_findings_release(&job->flagged);
    opa_json_writer_free(job->writer);
    opa_context_free(job->ctx);
    *job = (opa_job){0};
}

int opa_job_fill(opa_job *job, const opa_sample *sample)
{
    opa_arena_clear(job->arena);
    opa_json_writer_clear(job->writer);
    opa_findings_clear(&job->flagged);
    opa_buffer_clear(&job->reason);
    opa_buffer_clear(&job->image);
    if (job->image.capacity > KEEP_IMAGE)
        opa_buffer_release(&job->image);
    job->known_code = 0;
    job->known_message = (opa_text){0};
    job->status = OPA_OK;
    job->left_out = 0;
    job->counts = (opa_member_counts){0};
    job->sample = *sample;
    opa_text *const texts[] = {&job->sample.id,     &job->sample.source_file, &job->sample.image_id,
                               &job->sample.prompt, &job->sample.generated,   &job->sample.revised,
                               &job->sample.report, &job->sample.ground_truth};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i]->data) {
            *texts[i] = opa_arena_text(job->arena, *texts[i]);
            if (!texts[i]->data)
                return opa_fail_memory(job->ctx);
        }
    return OPA_OK;
}

static void leave_out(opa_job *job, int code, const char *reason)
{
    job->left_out = code;
    opa_buffer_add_string(&job->reason, reason);
    if (job->reason.failed)
        job->status = opa_fail_memory(job->ctx);
}

/* The error with the least code: the same whatever the order of the findings. */
static const opa_finding *least_error(const opa_findings *list)
{
    const opa_finding *out = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const opa_code_info *info = opa_code_lookup(list->items[i].code);
        if (info && info->severity == OPA_ERROR && (!out || list->items[i].code < out->code))
            out = &list->items[i];
    }
    return out;
}

/* true: the sample stays. */
static bool passes(opa_job *job, const opa_job_worker *worker, const opa_assessment *assessment, opa_findings *findings)
{
    opa_job_setting *setting = worker->setting;
    pthread_mutex_lock(&setting->checker_lock);
    const int status = opa_checker_sample(setting->checker, &job->sample, assessment, findings);
    pthread_mutex_unlock(&setting->checker_lock);
    if (status) {
        job->status = opa_fail(job->ctx, status, "the sample cannot be checked");
        return false;
    }
    const opa_finding *error = least_error(findings);
    if (error) {
        leave_out(job, error->code, error->message);
        return false;
    }
    opa_pairs pairs;
    opa_recipe_apply(setting->pairs.recipe, &pairs, &job->sample, assessment);
    if (pairs.left_out)
        leave_out(job, pairs.left_out, pairs.reason);
    else if (job->sample.has_image && job->sample.image_format != OPA_IMAGE_JPEG &&
             job->sample.image_format != OPA_IMAGE_PNG)
        leave_out(job, OPA_F_IMAGE_UNSUPPORTED, "packs hold JPEG and PNG images only");
    return job->left_out == 0;
}

/* Import looked at the image's structure alone. What a pack holds decodes, or it would fail its own verification. */
static bool decodes(opa_job *job, const opa_job_setting *setting)
{
    opa_image_info info;
    const opa_text bytes = opa_buffer_text(&job->image);
    opa_findings why = {0};
    if (!job->sample.has_image || setting->skip_images)
        return true;
    const int status = opa_image_check(job->ctx, &info, bytes, &why);
    if (status == OPA_ERECORD && why.count)
        leave_out(job, why.items[0].code, why.items[0].message);
    else if (status != OPA_OK)
        job->status = status;
    opa_findings_release(&why);
    return status == OPA_OK;
}

/* Headers, pieces, size and hash of the sample's range. */
static void make_range(opa_job *job)
{
    static const char zeros[OPA_TAR_BLOCK];
    const opa_layout layout = opa_shard_layout(job->kind);
    opa_sha256 hash;
    job->size = job->piece_count = 0;
    for (size_t i = 0; i < layout.count; i++) {
        char name[OPA_TAR_NAME_SIZE];
        snprintf(name, sizeof name, "%s.%s", job->key, layout.extensions[i]);
        if (!opa_tar_header(job->headers[i], name, job->bodies[i].size)) {
            job->status = opa_fail(job->ctx, OPA_EDATA, "%s: too large for a pack", name);
            return;
        }
        job->pieces[job->piece_count++] = (opa_text){(const char *)job->headers[i], OPA_TAR_BLOCK};
        job->pieces[job->piece_count++] = job->bodies[i];
        job->pieces[job->piece_count++] = (opa_text){zeros, opa_tar_padding(job->bodies[i].size)};
    }
    opa_sha256_init(&hash);
    for (size_t i = 0; i < job->piece_count; i++) {
        opa_sha256_add(&hash, job->pieces[i].data, job->pieces[i].size);
        job->size += job->pieces[i].size;
    }
    opa_sha256_done(job->sha256, &hash);
}

static void make_members(opa_job *job, const opa_job_worker *worker, const opa_assessment *assessment)
{
    opa_pairs_options options = worker->setting->pairs;
    options.encoder = worker->encoder;
    opa_text json;
    int status =
        opa_member_write(job->ctx, job->writer, &options, &job->sample, assessment, &job->flagged, &job->counts);
    if (status == OPA_ERECORD && job->flagged.count > 0) {
        const opa_finding *why = &job->flagged.items[job->flagged.count - 1];
        leave_out(job, why->code, why->message);
        opa_findings_clear(&job->flagged);
        return;
    }
    if (status == OPA_OK)
        status = opa_json_writer_finish(job->writer, &json);
    if (status) {
        job->status = status;
        if (opa_context_message(job->ctx)[0] == '\0')
            opa_fail(job->ctx, status, "%s", opa_context_message(worker->ctx));
        return;
    }
    job->kind = !job->sample.has_image                       ? OPA_SHARD_TEXT
                : job->sample.image_format == OPA_IMAGE_JPEG ? OPA_SHARD_JPG
                                                             : OPA_SHARD_PNG;
    const size_t place = job->kind == OPA_SHARD_JPG; /* of the JSON: "jpg" < "json" < "png" */
    job->bodies[place] = json;
    job->bodies[!place] = opa_buffer_text(&job->image);
    opa_sample_key(job->key, job->sample.id);
    make_range(job);
}

void opa_job_run(opa_job *job, const opa_job_worker *worker)
{
    if (job->sample.excluded || job->known_code) {
        if (job->sample.excluded)
            leave_out(job, OPA_F_EXCLUDED, "excluded by a person");
        else
            leave_out(job, job->known_code, job->known_message.data);
        return;
    }
    opa_findings findings = {0};
    opa_assessment assessment = {0};
    opa_align_options align = opa_recipe_align_options(worker->setting->pairs.recipe);
    align.keep_revised |= job->sample.revised_by_hand;
    const int status = opa_assess(job->ctx, &assessment, &job->sample, &align, &findings);
    if (status == OPA_ERECORD)
        leave_out(job, OPA_F_ALIGNMENT_PROOF, opa_context_message(job->ctx));
    else if (status)
        job->status = status;
    else if (passes(job, worker, &assessment, &findings) && decodes(job, worker->setting))
        make_members(job, worker, &assessment);
    opa_assessment_release(&assessment);
    opa_findings_release(&findings);
}
