/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "identity.h"
#include "opatrain.h"
#include "ranks.h"

void run_flags(struct run *run, struct flag *flags)
{
    const struct flag all[RUN_FLAGS] = {
        {"model", 0, FLAG_TEXT, &run->model_dir},
        {"adapter", 0, FLAG_TEXT, &run->adapter_dir},
        {"vision-tower", 0, FLAG_TEXT, &run->vision_tower},
        {"template", 0, FLAG_TEXT, &run->template},
        {"image-mode", 0, FLAG_TEXT, &run->image_mode},
        {"dtype", 0, FLAG_TEXT, &run->dtype},
        {"memory", 0, FLAG_TEXT, &run->memory},
        {"threads", 0, FLAG_COUNT, &run->threads},
        {"seed", 0, FLAG_U64, &run->seed},
        {"output", 'o', FLAG_TEXT, &run->output},
    };
    memcpy(flags, all, sizeof all);
}

int run_fail(struct run *run, int status)
{
    return cli_error(run->cli, cli_exit_of(status), "%s", run->t.message);
}

static void note(void *user, const char *message)
{
    cli_note(user, "%s", message);
}

bool parse_size(uint64_t *out, const char *text)
{
    static const char units[] = "KMGT";
    char *end;
    const double n = strtod(text, &end);
    double unit = 1;
    if (end == text || !(n > 0))
        return false;
    const char *at = *end != '\0' ? strchr(units, *end & ~0x20) : NULL;
    if (at != NULL && *at != '\0') {
        unit = ldexp(1.0, 10 * (int)(at - units + 1));
        end++;
        if (strncmp(end, "iB", 2) == 0)
            end += 2;
        else if (*end == 'B')
            end++;
    }
    *out = (uint64_t)(n * unit);
    return *end == '\0' && n * unit < 1e18;
}

static int check_options(struct run *run)
{
    struct cli *cli = run->cli;
    if (run->model_dir == NULL)
        return cli_usage(cli, "give the checkpoint with --model DIR");
    if (run->dtype != NULL && strcmp(run->dtype, "f32") != 0 && strcmp(run->dtype, "bf16") != 0)
        return cli_usage(cli, "--dtype: '%s' is neither f32 nor bf16", run->dtype);
    if (run->image_mode != NULL && strcmp(run->image_mode, "pad") != 0 && strcmp(run->image_mode, "crop") != 0)
        return cli_usage(cli, "--image-mode: '%s' is neither pad nor crop", run->image_mode);
    if (run->memory != NULL && !parse_size(&run->memory_limit, run->memory))
        return cli_usage(cli, "--memory: '%s' is no size like 8G or 500M", run->memory);
    if (run->threads > 1024)
        return cli_usage(cli, "--threads: at most 1024");
    int rank;
    if (!run->divided && ranks_launched(&rank) > 1)
        return cli_usage(cli, "runs in one process: start it without mpirun");
    return GO_ON;
}

static int open_model(struct run *run)
{
    const struct model_options options = {run->vision_tower, run->image_mode};
    struct trainer *t = &run->t;
    if (ops_context_new(&t->ops, (int)run->threads) != 0)
        return trainer_fail_memory(t);
    int status = model_open(t, &run->model, run->model_dir, &options);
    if (status == OPA_OK && run->adapter_dir != NULL)
        status = adapter_open(t, &run->adapter, run->adapter_dir, run->model);
    static const char *const usual[] = {
        [FAMILY_LLAMA] = "plain", [FAMILY_LLAVA] = "vicuna_v1", [FAMILY_ONEVISION] = "qwen"};
    if (status == OPA_OK)
        status =
            conversation_open(t, &run->conversation, run->template ? run->template : usual[run->model->config.family]);
    if (status == OPA_OK)
        status = prompter_init(t, &run->prompter, &run->conversation, run->model->tokenizer);
    return status;
}

static void describe_model(struct run *run)
{
    const struct model *m = run->model;
    char id[IDENTITY_SIZE], tower[IDENTITY_SIZE] = "", anyres[IDENTITY_SIZE] = "";
    identity_of_weights(id, m->weights);
    if (m->tower != NULL)
        identity_of_weights(tower, m->tower);
    run_setting(run, "model", "%s %s", id, tower);
    identity_of_bytes(id, m->llama.inv_freq, m->llama.config.head_dim / 2 * sizeof(float));
    run_setting(run, "config", "heads %zu kv %zu eps %g rope %s feature %lld class %d image %u %d",
                m->llama.config.heads, m->llama.config.kv_heads, m->llama.config.rms_eps, id,
                (long long)m->config.feature_layer, m->config.keep_class, (unsigned)m->image.size, (int)m->image.mode);
    if (m->config.family == FAMILY_ONEVISION)
        identity_of_bytes(anyres, &m->config.anyres, sizeof m->config.anyres);
    if (model_sees(m))
        identity_of_bytes(id, m->image.mean, sizeof m->image.mean + sizeof m->image.std);
    run_setting(run, "preprocessing", "%s%s%s", model_sees(m) ? id : "none", anyres[0] ? " " : "", anyres);
    run_setting(run, "tokenizer", "%s", opa_tokenizer_fingerprint(m->tokenizer));
    if (run->adapter != NULL)
        identity_of_weights(id, run->adapter->file);
    run_setting(run, "adapter", "%s", run->adapter ? id : "none");
    identity_of_bytes(id, run->conversation.before, strlen(run->conversation.before));
    char after[IDENTITY_SIZE];
    identity_of_bytes(after, run->conversation.after, strlen(run->conversation.after));
    run_setting(run, "template", "%s %s", id, after);
    run_setting(run, "dtype", "%s", run->dtype ? run->dtype : "f32");
}

int run_open(struct run *run)
{
    const int go = check_options(run);
    if (go != GO_ON)
        return go;
    run->t.opa = run->cli->ctx;
    run->t.note = note;
    run->t.user = run->cli;
    const int status = open_model(run);
    if (status != OPA_OK)
        return run_fail(run, status);
    run->session.t = &run->t;
    run->session.model = run->model;
    run->session.adapter = run->adapter;
    run->session.memory_limit = run->memory_limit;
    describe_model(run);
    if (run->dtype != NULL && strcmp(run->dtype, "bf16") == 0 && !ops_context_allow_bf16(run->t.ops, true))
        cli_note(run->cli, "no bf16 products on this processor or in this build: float32 sums are used");
    return GO_ON;
}

void run_release(struct run *run)
{
    outfile_release(&run->out);
    session_release(&run->session);
    prompter_release(&run->prompter);
    conversation_release(&run->conversation);
    adapter_free(run->adapter);
    model_free(run->model);
    ops_context_free(run->t.ops);
    settings_release(&run->settings);
}

/* ---- output ---- */

void run_setting(struct run *run, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    settings_addv(&run->settings, name, format, args);
    va_end(args);
}

void run_setting_pack(struct run *run, const opa_pack *pack)
{
    char id[IDENTITY_SIZE];
    if (identity_of_pack(id, pack))
        run_setting(run, "pack", "%s", id);
    else
        run->settings.failed = true;
}

int run_open_output(struct run *run)
{
    if (run->output == NULL || strcmp(run->output, "-") == 0)
        return GO_ON;
    if (run->settings.failed)
        return cli_error(run->cli, EXIT_IO, "out of memory");
    const int status = outfile_open(&run->t, &run->out, run->output, run->settings.data);
    return status == OPA_OK ? GO_ON : run_fail(run, status);
}

int run_emit(struct run *run, opa_json_writer *w)
{
    if (run->out.path == NULL) {
        const int result = out_json_line(run->cli, w);
        out_flush(run->cli);
        return result;
    }
    opa_text line;
    int status = opa_json_writer_finish(w, &line);
    status = status == OPA_OK ? outfile_line(&run->t, &run->out, line) : trainer_fail_memory(&run->t);
    opa_json_writer_clear(w);
    return status == OPA_OK ? 0 : run_fail(run, status);
}

void write_float(opa_json_writer *w, float x)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%.9g", (double)x);
    opa_json_write_number(w, strtod(digits, NULL));
}
