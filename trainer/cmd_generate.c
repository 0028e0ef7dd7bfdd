/* SPDX-License-Identifier: Apache-2.0 */
/* generate: the model's own answers, for rollouts and evaluation. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "detokenize.h"
#include "generate.h"
#include "identity.h"
#include "opatrain.h"
#include "plan.h"
#include "prompts.h"
#include "vision.h"

/* One prompt of a batch. */
struct item {
    struct prompt prompt;
    struct ids ids;
    float *features;
    size_t rows, capacity; /* of the features; floats that they have room for */
    bool usable;           /* else left out */
    bool there;            /* its line was written by an earlier run */
};

struct generating {
    struct run run;
    const char *prompts_path, *images;
    int64_t max_new_tokens, top_k, batch;
    double temperature, top_p;
    struct prompts prompts;
    struct vision vision;
    struct generate_options options;
    int32_t eos[MODEL_MAX_EOS + 2];
    struct item *items; /* [batch] */
    struct generate_job *jobs;
    opa_json_writer *w;
    struct progress progress;
    struct token_progress now;
    int64_t left_out, answers; /* of this run */
    size_t resumed;            /* lines of an earlier run that were passed */
};

/* ---- a batch ---- */

static void leave_out(struct generating *g, struct item *item)
{
    const char *id = item->prompt.id;
    if (id != NULL)
        cli_note(g->run.cli, "%s: %s left out: %s", g->prompts.path, id, g->run.t.message);
    else
        cli_note(g->run.cli, "%s: record %zu left out: %s", g->prompts.path, g->prompts.next - 1, g->run.t.message);
    item->usable = false;
    g->left_out++;
}

static bool already_there(struct generating *g, const struct prompt *prompt)
{
    const struct outfile *out = &g->run.out;
    if (g->resumed == out->id_count || prompt->id == NULL || strcmp(out->ids[g->resumed], prompt->id) != 0)
        return false;
    g->resumed++;
    return true;
}

/* Read up to batch prompts; *count of them. */
static int read_batch(struct generating *g, size_t *count)
{
    int status = OPA_OK;
    *count = 0;
    while (*count < (size_t)g->batch) {
        struct item *item = &g->items[*count];
        prompt_release(&item->prompt);
        status = prompts_next(&g->prompts, &item->prompt);
        if (status == OPA_END)
            return OPA_OK;
        if (status != OPA_OK && status != OPA_ERECORD)
            return status;
        item->usable = status == OPA_OK;
        item->there = item->usable && already_there(g, &item->prompt);
        if (!item->usable)
            leave_out(g, item);
        (*count)++;
    }
    return OPA_OK;
}

static int prepare(struct generating *g, struct item *item)
{
    struct run *run = &g->run;
    const struct model *m = run->model;
    const bool image = item->prompt.image != NULL;
    if (image && !model_sees(m))
        return trainer_fail(&run->t, OPA_ERECORD, "it has an image, the model takes text only");
    const opa_text text = {item->prompt.text, item->prompt.text_size};
    int status = prompter_encode(&run->t, &run->prompter, &item->ids, text, image, CONTEXT_SFT);
    if (status == OPA_OK && !image)
        status = generate_check(&run->t, m, &item->ids, 0);
    if (status != OPA_OK || !image)
        return status;
    status = vision_see(&run->session, &g->vision, (opa_text){item->prompt.image, item->prompt.image_size}, NULL, 0);
    const size_t n = g->vision.rows * m->config.text.hidden;
    item->rows = g->vision.rows;
    if (status == OPA_OK)
        status = generate_check(&run->t, m, &item->ids, item->rows);
    if (status == OPA_OK)
        status = reserve_floats(&run->t, &item->features, &item->capacity, n);
    if (status == OPA_OK)
        memcpy(item->features, vision_features(&run->session, &g->vision, 0), n * sizeof *item->features);
    return status;
}

/* Jobs for all usable items, also those that are there: a batch gives the same bits however often it is begun. */
static int make_jobs(struct generating *g, size_t count, size_t *jobs)
{
    *jobs = 0;
    for (size_t i = 0; i < count; i++) {
        struct item *item = &g->items[i];
        if (!item->usable)
            continue;
        const int status = prepare(g, item);
        if (status == OPA_ERECORD) {
            leave_out(g, item);
            continue;
        }
        if (status != OPA_OK)
            return status;
        struct generate_job *job = &g->jobs[(*jobs)++];
        const struct ids ids = job->ids;
        *job = (struct generate_job){.prompt = &item->ids,
                                     .features = item->prompt.image ? item->features : NULL,
                                     .rows = item->prompt.image ? item->rows : 0,
                                     .seed = opa_mask_seed(text_of(item->prompt.id), g->run.seed, 0),
                                     .ids = ids};
    }
    return OPA_OK;
}

static int write_item(struct generating *g, const struct item *item, const struct generate_job *job)
{
    char *text;
    size_t size;
    const int status = detokenize(&g->run.t, &text, &size, g->run.model->tokenizer, job->ids.data, job->ids.count);
    if (status != OPA_OK)
        return run_fail(&g->run, status);
    opa_json_writer *w = g->w;
    opa_json_begin_object(w);
    opa_json_write_key(w, "id");
    opa_json_write_string(w, item->prompt.id);
    opa_json_write_key(w, "image");
    opa_json_write_raw(w, text_of(item->prompt.image_json));
    opa_json_write_key(w, "prompt");
    opa_json_write_text(w, (opa_text){item->prompt.text, item->prompt.text_size});
    opa_json_write_key(w, "text");
    opa_json_write_text(w, (opa_text){text, size});
    opa_json_write_key(w, "ids");
    opa_json_begin_array(w);
    for (size_t i = 0; i < job->ids.count; i++)
        opa_json_write_integer(w, job->ids.data[i]);
    opa_json_end_array(w);
    opa_json_write_key(w, "finish");
    opa_json_write_string(w, job->ended ? "eos" : "length");
    opa_json_end_object(w);
    free(text);
    return run_emit(&g->run, w);
}

static int write_batch(struct generating *g, size_t count)
{
    size_t job = 0;
    int result = 0;
    for (size_t i = 0; i < count && result == 0 && out_alive(g->run.cli); i++) {
        const struct item *item = &g->items[i];
        if (!item->usable)
            continue;
        if (!item->there) {
            result = write_item(g, item, &g->jobs[job]);
            g->answers += result == 0;
        }
        job++;
    }
    return result;
}

static void on_step(void *user, size_t tokens)
{
    struct generating *g = user;
    g->now.tokens += (int64_t)tokens;
    progress_tokens(&g->progress, &g->now);
}

/* 0 or an exit code; *done: no prompt was left. */
static int one_batch(struct generating *g, bool *done)
{
    size_t count, jobs, wanted = 0;
    int status = read_batch(g, &count);
    *done = count == 0;
    for (size_t i = 0; i < count; i++) {
        wanted += g->items[i].usable && !g->items[i].there;
        g->now.before += g->items[i].there;
    }
    if (wanted > 0 && status == OPA_OK) {
        status = make_jobs(g, count, &jobs);
        if (status == OPA_OK && jobs > 0)
            status = generate_batch(&g->run.session, g->jobs, jobs, &g->options);
        if (status == OPA_OK) {
            const int result = write_batch(g, count);
            if (result != 0)
                return result;
        }
    }
    g->now.done += (int64_t)count;
    return status == OPA_OK ? 0 : run_fail(&g->run, status);
}

/* ---- all ---- */

static int check_options(struct generating *g)
{
    struct cli *cli = g->run.cli;
    if (g->temperature < 0)
        return cli_usage(cli, "--temperature: 0 (greedy) or above");
    if (!(g->top_p > 0 && g->top_p <= 1))
        return cli_usage(cli, "--top-p: above 0, at most 1");
    if (g->max_new_tokens < 1 || g->batch < 1 || g->batch > 256)
        return cli_usage(cli, "--max-new-tokens: at least 1; --batch: from 1 to 256");
    if ((g->prompts_path != NULL) == (cli->arg_count == 1))
        return cli_usage(cli, "give a pack, or prompts with --prompts FILE");
    if (g->images != NULL && g->prompts_path == NULL)
        return cli_usage(cli, "--images goes with --prompts");
    if ((g->top_k > 0 || g->top_p < 1) && g->temperature <= 0)
        return cli_usage(cli, "--top-k and --top-p go with --temperature");
    return GO_ON;
}

/* What ends an answer: the checkpoint's ends, else the tokenizer's, and the template's. */
static void set_ends(struct generating *g)
{
    const struct model *m = g->run.model;
    const char *stop = g->run.conversation.stop;
    size_t n = m->config.eos_count;
    memcpy(g->eos, m->config.eos, n * sizeof *g->eos);
    if (n == 0 && opa_tokenizer_eos(m->tokenizer) >= 0)
        g->eos[n++] = opa_tokenizer_eos(m->tokenizer);
    if (stop != NULL && opa_tokenizer_id(m->tokenizer, text_of(stop)) >= 0)
        g->eos[n++] = opa_tokenizer_id(m->tokenizer, text_of(stop));
    g->options = (struct generate_options){
        (size_t)g->max_new_tokens, {g->temperature, (size_t)g->top_k, g->top_p}, g->eos, n, on_step, g};
}

/* Opening the output would empty the prompts. */
static bool is_output(const struct generating *g)
{
    struct stat a, b;
    return g->prompts_path != NULL && g->run.output != NULL && stat(g->prompts_path, &a) == 0 &&
           stat(g->run.output, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino && S_ISREG(a.st_mode);
}

static int open_prompts(struct generating *g)
{
    struct run *run = &g->run;
    char id[IDENTITY_SIZE];
    struct mapped map;
    int status = g->prompts_path ? prompts_open_file(&run->t, &g->prompts, g->prompts_path, g->images)
                                 : prompts_open_pack(&run->t, &g->prompts, run->cli->args[0]);
    if (status != OPA_OK)
        return run_fail(run, status);
    if (g->prompts.pack != NULL) {
        run_setting_pack(run, g->prompts.pack);
    } else if (strcmp(g->prompts_path, "-") != 0 && mapped_open(&run->t, &map, g->prompts_path) == OPA_OK) {
        identity_of_bytes(id, map.data, map.size);
        run_setting(run, "prompts", "%s", id);
        mapped_release(&map);
    }
    if (is_output(g))
        return cli_error(run->cli, EXIT_CREATE, "%s holds the prompts: choose another -o", run->output);
    g->now.total = (int64_t)g->prompts.count;
    run_setting(run, "sampling", "temperature %g top-k %lld top-p %g seed %llu", g->temperature, (long long)g->top_k,
                g->top_p, (unsigned long long)run->seed);
    run_setting(run, "length", "%lld", (long long)g->max_new_tokens);
    run_setting(run, "batch", "%lld", (long long)g->batch);
    return run_open_output(run);
}

static void say_done(struct generating *g)
{
    char a[32], b[32], c[32];
    const double seconds = progress_seconds(&g->progress);
    progress_clear(g->run.cli);
    cli_note(g->run.cli, "%s answers, %s tokens in %.1f s: %s tokens/s%s", thousands(a, g->answers),
             thousands(b, g->now.tokens), seconds,
             thousands(c, (int64_t)((double)g->now.tokens / (seconds > 0 ? seconds : 1) + 0.5)),
             g->now.before > 0 ? " (the others are from an earlier run)" : "");
}

/* Smaller batches where --memory asks for them. */
static int fit_memory(struct generating *g)
{
    struct run *run = &g->run;
    const size_t prompt = model_image_rows(run->model) + 256;
    const int64_t wanted = g->batch;
    if (run->memory_limit == 0)
        return GO_ON;
    while (g->batch > 0 &&
           plan_generate(run->model, run->adapter, (size_t)g->batch, prompt, (size_t)g->max_new_tokens).total >
               run->memory_limit)
        g->batch--;
    if (g->batch == 0) {
        const uint64_t least = plan_generate(run->model, run->adapter, 1, prompt, (size_t)g->max_new_tokens).total;
        return run_fail(run, plan_fail(&run->t, OPA_EINVAL, "one prompt at a time", least, run->memory_limit));
    }
    if (g->batch < wanted)
        cli_note(run->cli, "%lld prompts at a time fit in --memory %s", (long long)g->batch, run->memory);
    return GO_ON;
}

static int generate(struct generating *g)
{
    struct run *run = &g->run;
    int result = fit_memory(g);
    if (result != GO_ON || (result = open_prompts(g)) != GO_ON)
        return result;
    g->items = calloc((size_t)g->batch, sizeof *g->items);
    g->jobs = calloc((size_t)g->batch, sizeof *g->jobs);
    if (g->items == NULL || g->jobs == NULL || opa_json_writer_new(run->cli->ctx, &g->w) != OPA_OK)
        return cli_error(run->cli, EXIT_IO, "out of memory");
    set_ends(g);
    g->now.stage = "generate";
    progress_start(&g->progress, run->cli);
    bool done = false;
    for (result = 0; result == 0 && !done && out_alive(run->cli);)
        result = one_batch(g, &done);
    if (result != 0 || !out_alive(run->cli))
        return result;
    say_done(g);
    const int status = run->out.path ? outfile_finish(&run->t, &run->out) : OPA_OK;
    return status != OPA_OK ? run_fail(run, status) : g->left_out > 0 ? EXIT_FINDING : EXIT_DONE;
}

static void release(struct generating *g)
{
    for (int64_t i = 0; i < g->batch && g->items != NULL && g->jobs != NULL; i++) {
        prompt_release(&g->items[i].prompt);
        ids_release(&g->items[i].ids);
        free(g->items[i].features);
        ids_release(&g->jobs[i].ids);
    }
    free(g->items);
    free(g->jobs);
    opa_json_writer_free(g->w);
    vision_release(&g->vision);
    prompts_release(&g->prompts);
    run_release(&g->run);
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct generating g = {.run = {.cli = cli}, .max_new_tokens = 896, .batch = 8, .top_p = 1};
    struct flag flags[RUN_FLAGS + 7];
    run_flags(&g.run, flags);
    const struct flag own[7] = {
        {"prompts", 0, FLAG_TEXT, &g.prompts_path},
        {"images", 0, FLAG_TEXT, &g.images},
        {"max-new-tokens", 0, FLAG_COUNT, &g.max_new_tokens},
        {"batch", 0, FLAG_COUNT, &g.batch},
        {"temperature", 0, FLAG_REAL, &g.temperature},
        {"top-k", 0, FLAG_COUNT, &g.top_k},
        {"top-p", 0, FLAG_REAL, &g.top_p},
    };
    memcpy(flags + RUN_FLAGS, own, sizeof own);
    int go = cli_options(cli, argc, argv, flags, RUN_FLAGS + 7);
    if (go != GO_ON || (go = cli_arguments(cli, 0, 1, "one pack, or --prompts FILE")) != GO_ON ||
        (go = check_options(&g)) != GO_ON)
        return go;
    go = run_open(&g.run);
    if (go == GO_ON)
        go = generate(&g);
    release(&g);
    return go;
}

const struct command cmd_generate = {
    .name = "generate",
    .summary = "answers of a model to the prompts of a pack or a file",
    .help =
        "Example: opatrain generate --model llava-1.5-7b-hf/ packs/v1 -o answers.jsonl\n"
        "         opatrain generate --model llava-1.5-7b-hf/ --prompts prompts.jsonl --images photos/ \\\n"
        "             --temperature 0.8 --top-k 30 --top-p 0.95 --seed 1 -o rollouts.jsonl\n\n"
        "Usage: opatrain generate --model DIR [--adapter DIR] (PACK | --prompts FILE) [-o FILE]\n\n"
        "Prints a line a prompt, in their order: "
        "{\"id\",\"image\",\"prompt\",\"text\",\"ids\":[...],\"finish\":\"eos|length\"};\n"
        "'opapairs import --as outputs' takes it as it is. Greedy unless a temperature is given. Draws depend on\n"
        "the seed and the prompt's id, not on its neighbours. A prompt that cannot be used is named and left\n"
        "out, and the exit code is 1.\n\n" RUN_HELP "  --prompts FILE       JSON Lines {\"id\",\"prompt\",\"image\"}: "
        "image is a path, {\"bytes\":\"<base64>\"} or left out\n"
        "  --images DIR         where relative paths of images begin (default: beside the file)\n"
        "  --max-new-tokens N   at most so many tokens (896, the released rollout's)\n"
        "  --batch N            prompts that are decoded together (8)\n"
        "  --temperature T      draw at this temperature (0: greedy; the released rollout used 0.8)\n"
        "  --top-k K            from the K likeliest tokens, with all that tie (0: all)\n"
        "  --top-p P            from the smallest set whose mass reaches P (1: all)\n",
    .run = run,
};
