/* SPDX-License-Identifier: Apache-2.0 */
/* score: how likely every token of every response is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "on_policy.h"
#include "opatrain.h"
#include "plan.h"
#include "vision.h"

struct scoring {
    struct run run;
    enum context context;
    opa_pack *pack;
    const char *pack_path;
    bool by_text; /* the pack's tokenizer has another fingerprint */
    struct packed sample;
    struct vision vision;
    struct ids prompt;
    struct ids ids[ROLE_COUNT];             /* of responses, BOS in front where the context has it */
    float *logp[2 * ROLE_COUNT];            /* clean, then masked */
    struct mask masks[VISION_MAX_MASKS];    /* different ones of this sample */
    size_t mask_count, version[ROLE_COUNT]; /* of the image under a response's mask */
    struct on_policy report;
    opa_json_writer *w;
    struct progress progress;
    struct token_progress now;
    int64_t left_out, scored; /* samples, tokens */
    bool unmasked;            /* masks that the model's family does not know were passed over */
    size_t resumed;           /* lines of an earlier run that were passed */
};

/* ---- one sample ---- */

/* The pack's masks cover one square of pixels; OneVision sees tiles. */
static int forget_masks(struct scoring *s)
{
    for (int r = 0; r < ROLE_COUNT; r++) {
        s->unmasked |= s->sample.responses[r].masked;
        s->sample.responses[r].masked = false;
    }
    return OPA_OK;
}

/* Number the masks of the sample: version 0 is the clean image. */
static int list_masks(struct scoring *s)
{
    s->mask_count = 0;
    if (s->run.model->config.family == FAMILY_ONEVISION)
        return forget_masks(s);
    for (int r = 0; r < ROLE_COUNT; r++) {
        const struct packed_response *response = &s->sample.responses[r];
        if (!response->there || !response->masked)
            continue;
        if (s->sample.image.data == NULL)
            return trainer_fail(&s->run.t, OPA_ERECORD, "an image pair without an image");
        s->version[r] = 1 + mask_place(s->masks, &s->mask_count, &response->mask);
    }
    return OPA_OK;
}

static int copy_ids(struct scoring *s)
{
    const int32_t bos = opa_tokenizer_bos(s->run.model->tokenizer);
    int status = OPA_OK;
    for (int r = 0; r < ROLE_COUNT && status == OPA_OK; r++)
        status = packed_ids(&s->run.t, &s->ids[r], &s->sample.responses[r], s->context, bos);
    return status;
}

/* The response below an image version, when it belongs there; false: out of memory. */
static bool add_response(struct scoring *s, struct scored *list, size_t *count, int role, size_t version)
{
    const struct packed_response *response = &s->sample.responses[role];
    if (!response->there || (version > 0 && !(response->masked && s->version[role] == version)))
        return true;
    float **logp = &s->logp[role + (version > 0 ? ROLE_COUNT : 0)];
    float *grown = realloc(*logp, (s->ids[role].count + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    *logp = grown;
    list[(*count)++] = (struct scored){s->ids[role].data, s->ids[role].count, grown};
    return true;
}

static int score_tree(struct scoring *s)
{
    struct scored responses[1 + VISION_MAX_MASKS][ROLE_COUNT];
    struct branch branches[1 + VISION_MAX_MASKS];
    const bool image = s->sample.image.data != NULL;
    for (size_t v = 0; v <= s->mask_count; v++) {
        branches[v] = (struct branch){image ? vision_features(&s->run.session, &s->vision, v) : NULL, responses[v], 0,
                                      image ? s->vision.rows : 0};
        for (int r = 0; r < ROLE_COUNT; r++) {
            if (!add_response(s, responses[v], &branches[v].count, r, v))
                return trainer_fail_memory(&s->run.t);
        }
    }
    return session_score(&s->run.session, &s->prompt, branches, 1 + s->mask_count);
}

static int score_sample(struct scoring *s)
{
    struct run *run = &s->run;
    const bool image = s->sample.image.data != NULL;
    if (image && !model_sees(run->model))
        return trainer_fail(&run->t, OPA_ERECORD, "it has an image, the model takes text only");
    int status = prompter_encode(&run->t, &run->prompter, &s->prompt, s->sample.prompt, image, s->context);
    if (status == OPA_OK)
        status = list_masks(s);
    if (status == OPA_OK)
        status = copy_ids(s);
    if (status == OPA_OK && image)
        status = vision_see(&run->session, &s->vision, s->sample.image, s->masks, s->mask_count);
    if (status == OPA_OK)
        status = score_tree(s);
    s->now.tokens += status == OPA_OK ? (int64_t)run->session.tree.tokens : 0;
    return status;
}

/* ---- its line ---- */

/* Log-probs of the response's own ids: BOS is context, not response. */
static int write_response(struct scoring *s, int role, const float *logp)
{
    const struct packed_response *response = &s->sample.responses[role];
    const size_t skip = s->ids[role].count - response->ids.count;
    double sum = 0;
    opa_json_write_key(s->w, role_name((enum role)role));
    opa_json_begin_object(s->w);
    opa_json_write_key(s->w, "logprobs");
    opa_json_begin_array(s->w);
    for (size_t i = 0; i < response->ids.count; i++) {
        write_float(s->w, logp[skip + i]);
        sum += (double)logp[skip + i];
    }
    opa_json_end_array(s->w);
    opa_json_write_key(s->w, "sum");
    opa_json_write_number(s->w, sum);
    opa_json_end_object(s->w);
    s->scored += (int64_t)response->ids.count;
    return isfinite(sum)
               ? OPA_OK
               : trainer_fail(&s->run.t, OPA_EDATA,
                              "%.120s: the log-probs of '%s' are not finite: weights that hold NaN or overflow",
                              s->sample.id, role_name((enum role)role));
}

static int write_line(struct scoring *s)
{
    int status = OPA_OK;
    opa_json_begin_object(s->w);
    opa_json_write_key(s->w, "id");
    opa_json_write_string(s->w, s->sample.id);
    opa_json_write_key(s->w, "responses");
    opa_json_begin_object(s->w);
    for (int r = 0; r < ROLE_COUNT && status == OPA_OK; r++)
        status = s->sample.responses[r].there ? write_response(s, r, s->logp[r]) : OPA_OK;
    opa_json_end_object(s->w);
    opa_json_write_key(s->w, "masked");
    opa_json_begin_object(s->w);
    for (int r = 0; r < ROLE_COUNT && status == OPA_OK; r++) {
        const struct packed_response *response = &s->sample.responses[r];
        status = response->there && response->masked ? write_response(s, r, s->logp[ROLE_COUNT + r]) : OPA_OK;
    }
    opa_json_end_object(s->w);
    opa_json_end_object(s->w);
    if (status != OPA_OK)
        return run_fail(&s->run, status);
    return run_emit(&s->run, s->w);
}

/* ---- the report ---- */

static int add_to_report(struct scoring *s)
{
    double *logp[ROLE_COUNT] = {NULL};
    int status = OPA_OK;
    for (int r = 0; r < ROLE_COUNT && status == OPA_OK; r++) {
        const struct packed_response *response = &s->sample.responses[r];
        const size_t count = response->ids.count, skip = s->ids[r].count - count;
        if (!response->there)
            continue;
        logp[r] = malloc((count + 1) * sizeof *logp[r]);
        if (logp[r] == NULL)
            status = trainer_fail_memory(&s->run.t);
        for (size_t i = 0; i < count && status == OPA_OK; i++)
            logp[r][i] = (double)s->logp[r][skip + i];
    }
    if (status == OPA_OK)
        status = on_policy_add(&s->run.t, &s->report, &s->sample, (const double *const *)logp);
    for (int r = 0; r < ROLE_COUNT; r++)
        free(logp[r]);
    return status;
}

/* ---- all samples ---- */

/* Was this sample's line written by an earlier run? */
static bool already_there(struct scoring *s, size_t index)
{
    const struct outfile *out = &s->run.out;
    if (s->resumed == out->id_count)
        return false;
    const opa_text id = opa_pack_at(s->pack, index)->id;
    const char *have = out->ids[s->resumed];
    if (strlen(have) != id.size || memcmp(have, id.data, id.size) != 0)
        return true; /* it was left out, before a line that is there */
    s->resumed++;
    return true;
}

static int leave_out(struct scoring *s)
{
    cli_note(s->run.cli, "%s: sample %s left out: %s", s->pack_path, s->sample.id, s->run.t.message);
    s->left_out++;
    return 0;
}

/* 0 or an exit code. */
static int one_sample(struct scoring *s, size_t index)
{
    struct run *run = &s->run;
    s->now.done++;
    if (already_there(s, index)) {
        s->now.before++;
        return 0;
    }
    int status = packed_read(&run->t, &s->sample, s->pack, index);
    if (status == OPA_OK && s->by_text)
        status = packed_check_text(&run->t, &s->sample, run->model->tokenizer);
    if (status == OPA_OK)
        status = score_sample(s);
    if (status == OPA_ERECORD)
        return leave_out(s);
    if (status != OPA_OK)
        trainer_fail_about(&run->t, status, s->pack_path);
    if (status == OPA_OK)
        status = add_to_report(s);
    const int result = status == OPA_OK ? write_line(s) : run_fail(run, status);
    progress_tokens(&s->progress, &s->now);
    return result;
}

static int one_pack(struct scoring *s, const char *path)
{
    struct run *run = &s->run;
    int status = opa_pack_open(run->cli->ctx, &s->pack, path);
    if (status != OPA_OK)
        return cli_fail(run->cli, status, path);
    s->pack_path = path;
    status = packed_check_tokenizer(&run->t, &s->by_text, s->pack, run->model->tokenizer);
    int result = status == OPA_OK ? 0 : run_fail(run, trainer_fail_about(&run->t, status, path));
    const size_t count = opa_pack_count(s->pack);
    for (size_t i = 0; i < count && result == 0 && out_alive(run->cli); i++)
        result = one_sample(s, i);
    opa_pack_free(s->pack);
    s->pack = NULL;
    return result;
}

/* The packs are there; how many samples; what they hold belongs to the settings. */
static int look_at_packs(struct scoring *s)
{
    struct run *run = &s->run;
    for (int i = 0; i < run->cli->arg_count; i++) {
        const int status = opa_pack_open(run->cli->ctx, &s->pack, run->cli->args[i]);
        if (status != OPA_OK)
            return cli_fail(run->cli, status, run->cli->args[i]);
        s->now.total += (int64_t)opa_pack_count(s->pack);
        run_setting_pack(run, s->pack);
        opa_pack_free(s->pack);
        s->pack = NULL;
    }
    return GO_ON;
}

static void say_done(struct scoring *s)
{
    char a[32], b[32], c[32], d[32];
    const int64_t made = s->now.done - s->now.before - s->left_out;
    const double seconds = progress_seconds(&s->progress);
    progress_clear(s->run.cli);
    if (s->unmasked)
        cli_note(s->run.cli,
                 "under masked images nothing was scored: OneVision sees tiles, the masks cover one square");
    cli_note(s->run.cli, "%s samples in %.1f s: %s tokens scored, %s through the model (%s/s)%s", thousands(a, made),
             seconds, thousands(b, s->scored), thousands(c, s->now.tokens),
             thousands(d, (int64_t)((double)s->now.tokens / (seconds > 0 ? seconds : 1) + 0.5)),
             s->now.before > 0 ? "; the others are from an earlier run" : "");
    on_policy_report(&s->run.t, &s->report, s->run.adapter_dir ? "the adapter" : "the model");
}

/* Not even one token fits: no sample will. */
static int check_memory(struct run *run)
{
    const struct plan least = plan_score(run->model, run->adapter, 1, 1, model_sees(run->model));
    if (run->memory_limit == 0 || least.total <= run->memory_limit)
        return GO_ON;
    return run_fail(run, plan_fail(&run->t, OPA_EINVAL, "scoring", least.total, run->memory_limit));
}

static int score(struct scoring *s)
{
    struct run *run = &s->run;
    int result = check_memory(run);
    if (result == GO_ON)
        result = look_at_packs(s);
    run_setting(run, "context", "%s", s->context == CONTEXT_SFT ? "sft" : "release");
    if (result != GO_ON || (result = run_open_output(run)) != GO_ON)
        return result;
    if (opa_json_writer_new(run->cli->ctx, &s->w) != OPA_OK)
        return cli_error(run->cli, EXIT_IO, "out of memory");
    s->report.tokenizer = run->model->tokenizer;
    s->now.stage = "score";
    progress_start(&s->progress, run->cli);
    result = 0;
    for (int i = 0; i < run->cli->arg_count && result == 0; i++)
        result = one_pack(s, run->cli->args[i]);
    if (result != 0 || !out_alive(run->cli))
        return result;
    say_done(s);
    const int status = run->out.path ? outfile_finish(&run->t, &run->out) : OPA_OK;
    return status != OPA_OK ? run_fail(run, status) : s->left_out > 0 ? EXIT_FINDING : EXIT_DONE;
}

static void release(struct scoring *s)
{
    opa_json_writer_free(s->w);
    opa_pack_free(s->pack);
    packed_release(&s->sample);
    vision_release(&s->vision);
    on_policy_release(&s->report);
    ids_release(&s->prompt);
    for (int r = 0; r < ROLE_COUNT; r++)
        ids_release(&s->ids[r]);
    for (int i = 0; i < 2 * ROLE_COUNT; i++)
        free(s->logp[i]);
    run_release(&s->run);
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct scoring s = {.run = {.cli = cli}};
    const char *context = "sft";
    struct flag flags[RUN_FLAGS + 1];
    run_flags(&s.run, flags);
    flags[RUN_FLAGS] = (struct flag){"context", 0, FLAG_TEXT, &context};
    int go = cli_options(cli, argc, argv, flags, RUN_FLAGS + 1);
    if (go != GO_ON || (go = cli_arguments(cli, 1, -1, "one or more packs")) != GO_ON)
        return go;
    s.context = strcmp(context, "release") == 0 ? CONTEXT_RELEASE : CONTEXT_SFT;
    if (s.context == CONTEXT_SFT && strcmp(context, "sft") != 0)
        return cli_usage(cli, "--context: '%s' is neither sft nor release", context);
    go = run_open(&s.run);
    if (go == GO_ON)
        go = score(&s);
    release(&s);
    return go;
}

const struct command cmd_score = {
    .name = "score",
    .summary = "log-probabilities of every token of every response in packs",
    .help =
        "Example: opatrain score --model llava-1.5-7b-hf/ packs/v1 -o scores.jsonl\n"
        "         opatrain score --model llava-1.5-7b-hf/ --adapter opa packs/v1 -o scores-opa.jsonl\n\n"
        "Usage: opatrain score --model DIR [--adapter DIR] [--context sft|release] PACK... [-o FILE]\n\n"
        "Prints a line a sample, in the order of the packs: {\"id\",\"responses\":{\"generated\":{\"logprobs\":[...],\n"
        "\"sum\":x},...},\"masked\":{\"revised\":{...},...}}. Log-probs stand in the order of the pack's ids, EOS\n"
        "last; masked ones are of the responses of image pairs, under the image with the pack's mask. A sample\n"
        "that cannot be scored is named and left out, and the exit code is 1.\n\n"
        "At the end stderr says how on-policy the data is: the log-probs of the tokens that the expert wrote and of\n"
        "those that it kept (mean, 5% quantile), and the share of chosen responses that are too unlikely for "
        "DPO.\n\n" RUN_HELP
        "  --context CONTEXT    sft (default): the canonical prompt; release: the released DPO code's, with a second\n"
        "                       BOS before, U+2581 behind, and BOS before each response\n",
    .run = run,
};
