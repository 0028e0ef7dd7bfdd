/* SPDX-License-Identifier: Apache-2.0 */
#include "inputs.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

struct pack {
    struct cli *cli;
    const char *out, *recipe_name, *tokenizer_path, *eos;
    uint64_t seed;
    int64_t threads;
    bool json, skip_images;
    opa_tokenizer *tokenizer;
    opa_recipe *recipe;
    opa_store *store;
    struct progress progress;
    struct code_counts said;     /* every finding of the packing */
    struct code_counts left_out; /* the codes in the manifest */
};

static int on_progress(void *user, const opa_progress *now)
{
    struct pack *p = user;
    progress_show(&p->progress, now);
    return 0;
}

static int on_finding(void *user, const opa_finding *finding)
{
    struct pack *p = user;
    if (finding->code > 0 && finding->code < 1000)
        p->said.of[finding->code]++;
    return 0;
}

/* --eos: an id, or a piece of the tokenizer's; digits are an id, though there may be such a piece too. */
static int find_eos(struct pack *p, int32_t *out)
{
    const size_t digits = strspn(p->eos, "0123456789");
    if (digits > 0 && digits < 10 && p->eos[digits] == '\0')
        *out = (int32_t)strtol(p->eos, NULL, 10);
    else
        *out = opa_tokenizer_id(p->tokenizer, text_of(p->eos));
    if (*out < 0 || (size_t)*out >= opa_tokenizer_size(p->tokenizer))
        return cli_usage(p->cli, "--eos: '%s' is neither a piece of %s nor an id below %zu", p->eos, p->tokenizer_path,
                         opa_tokenizer_size(p->tokenizer));
    return 0;
}

/* A checkpoint that is at odds with itself: its responses may not end as the model was taught. */
static void say_lacked_eos(struct pack *p)
{
    const opa_text named = opa_tokenizer_lacked_eos(p->tokenizer);
    const opa_text taken = opa_tokenizer_piece(p->tokenizer, opa_tokenizer_eos(p->tokenizer));
    if (p->eos == NULL && named.data != NULL)
        cli_note(p->cli,
                 "%s: the tokenizer has no '%.*s', which tokenizer_config.json beside it names as eos_token; responses "
                 "end in '%.*s' (--eos says otherwise)",
                 p->tokenizer_path, (int)(named.size < 100 ? named.size : 100), named.data,
                 (int)(taken.size < 100 ? taken.size : 100), taken.data);
}

/* What was left out stands in the manifest with its code; other findings flag samples that are in. */
static int read_left_out(struct pack *p)
{
    opa_pack *pack;
    const int status = opa_pack_open(p->cli->ctx, &pack, p->out);
    if (status != OPA_OK)
        return cli_fail(p->cli, status, p->out);
    const opa_json *manifest = opa_pack_manifest(pack);
    const struct cJSON *list = opa_json_get(opa_json_root(manifest), "left_out");
    for (const cJSON *item = cJSON_IsArray(list) ? list->child : NULL; item != NULL; item = item->next) {
        opa_text code;
        int n = 0;
        if (!opa_json_text(manifest, opa_json_get(item, "code"), &code) || code.size < 3)
            continue;
        for (size_t i = 2; i < code.size && n < 1000; i++)
            n = n * 10 + (code.data[i] - '0');
        if (n > 0 && n < 1000)
            p->left_out.of[n]++;
    }
    opa_pack_free(pack);
    return 0;
}

static void print_codes(struct cli *cli, const char *title, const struct code_counts *counts)
{
    char code[16], number[32];
    for (int i = 0; i < 1000; i++) {
        if (counts->of[i] == 0)
            continue;
        if (title != NULL)
            out_printf(cli, "%s:\n", title);
        title = NULL;
        out_printf(cli, "  %8s  %s %s\n", thousands(number, counts->of[i]), code_text(code, i), code_name(i));
    }
}

static void print_report(struct pack *p, const opa_pack_report *r)
{
    struct cli *cli = p->cli;
    char a[32], b[32], c[32];
    out_printf(cli, "%s: %s sample%s in %s shard%s, %.1f MB\n", p->out, thousands(a, r->samples),
               r->samples == 1 ? "" : "s", thousands(b, r->shards), r->shards == 1 ? "" : "s", (double)r->bytes / 1e6);
    out_printf(cli, "pairs: %s language, %s image, %s anchor\n", thousands(a, (int64_t)r->pairs.language),
               thousands(b, (int64_t)r->pairs.image), thousands(c, (int64_t)r->pairs.anchor));
    if (r->left_out > 0)
        out_printf(cli, "left out: %s sample%s, for these reasons (each one is in %s/manifest.json)\n",
                   thousands(a, r->left_out), r->left_out == 1 ? "" : "s", p->out);
    print_codes(cli, NULL, &p->left_out);
    struct code_counts flagged = p->said;
    for (int i = 0; i < 1000; i++)
        flagged.of[i] = flagged.of[i] > p->left_out.of[i] ? flagged.of[i] - p->left_out.of[i] : 0;
    print_codes(cli, "flagged, but in", &flagged);
    out_printf(cli, "next: opapairs verify %s\n", p->out);
}

static int print_json(struct pack *p, const opa_pack_report *r)
{
    opa_json_writer *w;
    if (opa_json_writer_new(p->cli->ctx, &w) != OPA_OK)
        return cli_error(p->cli, EXIT_IO, "out of memory");
    const struct {
        const char *key;
        int64_t n;
    } fields[] = {{"samples", r->samples}, {"shards", r->shards}, {"bytes", r->bytes}};
    opa_json_begin_object(w);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        opa_json_write_key(w, fields[i].key);
        opa_json_write_integer(w, fields[i].n);
    }
    opa_json_write_key(w, "pairs");
    opa_json_begin_object(w);
    opa_json_write_key(w, "language");
    opa_json_write_integer(w, (int64_t)r->pairs.language);
    opa_json_write_key(w, "image");
    opa_json_write_integer(w, (int64_t)r->pairs.image);
    opa_json_write_key(w, "anchor");
    opa_json_write_integer(w, (int64_t)r->pairs.anchor);
    opa_json_end_object(w);
    opa_json_write_key(w, "left_out");
    opa_json_begin_object(w);
    char code[16];
    for (int i = 0; i < 1000; i++) {
        if (p->left_out.of[i] == 0)
            continue;
        opa_json_write_key(w, code_text(code, i));
        opa_json_write_integer(w, p->left_out.of[i]);
    }
    opa_json_end_object(w);
    opa_json_end_object(w);
    const int result = out_json_line(p->cli, w);
    opa_json_writer_free(w);
    return result;
}

static int write_pack(struct pack *p)
{
    struct cli *cli = p->cli;
    opa_pack_options options = OPA_PACK_OPTIONS_INIT;
    options.recipe = p->recipe;
    options.tokenizer = p->tokenizer;
    options.seed = p->seed;
    options.threads = (int)p->threads;
    options.skip_images = p->skip_images;
    options.progress = on_progress;
    options.finding = on_finding;
    options.user = p;
    int result = p->eos ? find_eos(p, &options.eos) : 0;
    if (result != 0)
        return result;
    if (p->eos == NULL && opa_tokenizer_eos(p->tokenizer) < 0)
        return cli_usage(cli, "%s: no piece that ends a response is known; say which with --eos", p->tokenizer_path);
    say_lacked_eos(p);
    opa_pack_report report = {0};
    progress_start(&p->progress, cli);
    const int status = opa_pack_write(cli->ctx, p->store, p->out, &options, &report);
    progress_clear(cli);
    if (status != OPA_OK)
        return cli_fail(cli, status, NULL);
    result = read_left_out(p);
    if (result != 0)
        return result;
    if (p->json)
        result = print_json(p, &report);
    else
        print_report(p, &report);
    return result != 0 ? result : report.left_out > 0 ? EXIT_FINDING : EXIT_DONE;
}

static int open_all(struct pack *p)
{
    opa_context *ctx = p->cli->ctx;
    const char *path = p->cli->args[0];
    int status = opa_store_open(ctx, &p->store, path);
    if (status == OPA_ENOENT)
        return cli_error(p->cli, EXIT_NO_INPUT, "%s: no such store; make it with 'opapairs init %s'", path, path);
    if (status != OPA_OK)
        return cli_fail(p->cli, status, path);
    const int result = recipe_open(p->cli, &p->recipe, p->recipe_name);
    return result != 0 ? result : tokenizer_open(p->cli, &p->tokenizer, p->tokenizer_path);
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct pack p = {.cli = cli};
    const struct flag flags[] = {
        {"output", 'o', FLAG_TEXT, &p.out}, {"recipe", 0, FLAG_TEXT, &p.recipe_name},
        {"seed", 0, FLAG_U64, &p.seed},     {"tokenizer", 0, FLAG_TEXT, &p.tokenizer_path},
        {"eos", 0, FLAG_TEXT, &p.eos},      {"threads", 'j', FLAG_COUNT, &p.threads},
        {"json", 0, FLAG_SWITCH, &p.json},  {"skip-images", 0, FLAG_SWITCH, &p.skip_images},
    };
    int go = cli_options(cli, argc, argv, flags, sizeof flags / sizeof *flags);
    if (go != GO_ON || (go = cli_arguments(cli, 1, 1, "a store")) != GO_ON)
        return go;
    if (p.out == NULL || *p.out == '\0')
        return cli_usage(cli, "say where the pack goes: -o PACK");
    if (strcmp(p.out, "-") == 0)
        return cli_usage(cli, "a pack is a folder, which standard output does not take (one named '-' is './-')");
    if (p.tokenizer_path == NULL)
        return cli_usage(cli, "weights are per token: give the model's tokenizer with --tokenizer FILE|CHECKPOINT_DIR");
    if (p.recipe_name != NULL && strcmp(p.recipe_name, "-") == 0 && strcmp(p.tokenizer_path, "-") == 0)
        return cli_usage(cli, "standard input is either the recipe or the tokenizer");
    int result = open_all(&p);
    if (result == 0)
        result = write_pack(&p);
    opa_tokenizer_free(p.tokenizer);
    opa_recipe_free(p.recipe);
    opa_store_free(p.store);
    return result;
}

const struct command cmd_pack = {
    .name = "pack",
    .summary = "build the pairs and write them as a pack",
    .help =
        "Example: opapairs pack set.opa -o packs/v1 --tokenizer llava-1.5-7b-hf/\n"
        "         opapairs pack set.opa -o packs/release --recipe opa-dpo-release --tokenizer tokenizer.model\n\n"
        "Usage: opapairs pack STORE -o PACK --tokenizer FILE|CHECKPOINT_DIR [--recipe NAME|FILE] [--seed N]\n"
        "                     [--eos ID|PIECE] [--threads N] [--skip-images] [--json]\n\n"
        "Writes the folder PACK: tar shards, manifest.json, index.tsv and SHA256SUMS. The same samples,\n"
        "recipe and seed give the same bytes. Every image is decoded, and a sample whose image does not decode\n"
        "is left out. An older pack at that place is replaced when the new one is complete.\n\n"
        "  -o, --output PACK  the folder\n"
        "  --tokenizer FILE   tokenizer.json, tokenizer.model, or a folder that holds one\n"
        "  --recipe NAME|FILE which pairs, weights, masks and filters; '-' is stdin; else opa-dpo\n"
        "  --seed N           of the masks; 0 when not given\n"
        "  --eos ID|PIECE     ends a response; the tokenizer's own when not given\n"
        "  -j, --threads N    as many as there are processors when not given; the bytes do not depend on it\n"
        "  --skip-images      do not decode them: more than twice as fast, but 'opapairs verify' and the trainer may\n"
        "                     then meet an image with damage inside its data\n"
        "  --json             the summary as one JSON document\n\n"
        "Exit: 0 every sample is in, 1 some were left out (the manifest lists each with its code).\n",
    .run = run,
};
