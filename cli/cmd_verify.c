/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "term.h"

struct verify {
    struct cli *cli;
    struct progress progress;
    opa_json_writer *w; /* NULL: the plain form */
    int64_t findings;
};

static int on_progress(void *user, const opa_progress *now)
{
    struct verify *v = user;
    progress_show(&v->progress, now);
    return 0;
}

static int on_finding(void *user, const opa_finding *f)
{
    struct verify *v = user;
    struct cli *cli = v->cli;
    v->findings++;
    progress_clear(cli);
    if (v->w != NULL) {
        finding_json(v->w, f);
        return out_json_line(cli, v->w) != 0 || !out_alive(cli);
    }
    char code[16];
    out_visible(cli, text_of(f->file ? f->file : "-"), 0);
    if (f->id != NULL) {
        out_printf(cli, ": ");
        out_visible(cli, text_of(f->id), 0);
    }
    out_printf(cli, ": %s%s%s (%s): ", style_begin(cli, STYLE_ERROR), code_name(f->code), style_end(cli, STYLE_ERROR),
               code_text(code, f->code));
    out_visible(cli, text_of(f->message ? f->message : ""), 0);
    out_printf(cli, "\n");
    return !out_alive(cli);
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct verify v = {.cli = cli};
    opa_verify_options options = OPA_VERIFY_OPTIONS_INIT;
    bool jsonl = false;
    const struct flag flags[] = {{"skip-images", 0, FLAG_SWITCH, &options.skip_images},
                                 {"jsonl", 0, FLAG_SWITCH, &jsonl}};
    int go = cli_options(cli, argc, argv, flags, 2);
    if (go != GO_ON || (go = cli_arguments(cli, 1, 1, "a pack")) != GO_ON)
        return go;
    const char *path = cli->args[0];
    if (jsonl && opa_json_writer_new(cli->ctx, &v.w) != OPA_OK)
        return cli_error(cli, EXIT_IO, "out of memory");
    options.progress = on_progress;
    options.user = &v;
    progress_start(&v.progress, cli);
    int64_t samples = 0;
    const int status = opa_pack_verify(cli->ctx, path, &options, on_finding, &v, &samples);
    progress_clear(cli);
    opa_json_writer_free(v.w);
    if (status != OPA_OK && status != OPA_ECANCELLED)
        return cli_fail(cli, status, path);
    char a[32], b[32];
    if (v.findings > 0)
        cli_note(cli, "%s: %s defect%s in %s sample%s; make the pack again, or fetch it again", path,
                 thousands(a, v.findings), v.findings == 1 ? "" : "s", thousands(b, samples), samples == 1 ? "" : "s");
    else if (!jsonl)
        out_printf(cli, "%s: OK, %s sample%s%s\n", path, thousands(b, samples), samples == 1 ? "" : "s",
                   options.skip_images ? " (images not decoded)" : "");
    return v.findings > 0 ? EXIT_FINDING : EXIT_DONE;
}

const struct command cmd_verify = {
    .name = "verify",
    .summary = "prove that a pack is what was written, to the bit",
    .help = "Example: opapairs verify packs/v1\n\n"
            "Usage: opapairs verify PACK [--skip-images] [--jsonl]\n\n"
            "Checks every sum, header, padding, member and file name, and decodes every image. A defect is named\n"
            "with its file, sample, member and offset.\n\n"
            "  --skip-images  leave the decoding out (the sums already prove the bytes)\n"
            "  --jsonl        a JSON document per defect, as 'opapairs check --jsonl'\n\n"
            "Exit: 0 unaltered, 1 altered, cut, missing or extra, 65 or 66 no pack there at all.\n",
    .run = run,
};
