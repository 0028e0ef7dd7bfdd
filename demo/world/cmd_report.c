/* SPDX-License-Identifier: Apache-2.0 */
/* report: what came of the demo, as a table and as a page. */
#include <math.h>

#include "files.h"
#include "microworld.h"
#include "page.h"
#include "term.h"

static void print_head(struct cli *cli)
{
    out_printf(cli, "%s%-26s %12s %12s %12s %6s %6s %6s%s\n", style_begin(cli, STYLE_BOLD), "", "HalRate", "Cover",
               "curve", "CHAIR", "attr.", "words", style_end(cli, STYLE_BOLD));
}

static void print_system(struct cli *cli, const struct story *s, const struct system *system)
{
    const struct measures *m = &system->measures;
    char excess[32] = "";
    if (system->on_curve && system != &s->systems[BASE])
        snprintf(excess, sizeof excess, "%+5.1f +- %3.1f", system->excess.value, system->excess.error);
    out_printf(cli, "%-26s %5.1f +- %3.1f %5.1f +- %3.1f %12s %6.1f %6.1f %6.1f\n", system->label, m->hal_rate,
               m->hal_rate_error, m->cover, m->cover_error, excess, m->chair, m->attribute_errors, m->words);
}

static void print_volume(struct cli *cli, const char *label, const struct volume *v)
{
    if (v->seeds == 0)
        return;
    out_printf(cli, "%-25s %6d %5d  %5.1f +- %3.1f  %5.1f +- %3.1f", label, v->samples, v->seeds, v->hal_rate.value,
               v->hal_rate.error, v->cover.value, v->cover.error);
    if (v->on_curve)
        out_printf(cli, "  %+5.1f +- %3.1f", v->excess.value, v->excess.error);
    out_printf(cli, "\n");
}

static void print_volumes(struct cli *cli, const struct story *s)
{
    out_printf(cli, "\n%s%-25s %6s %5s  %12s  %12s  %12s%s\n", style_begin(cli, STYLE_BOLD), "", "data", "seeds",
               "HalRate", "Cover", "curve", style_end(cli, STYLE_BOLD));
    for (int i = 0; i < VOLUME_SYSTEMS; i++) {
        for (int v = 0; v < VOLUMES; v++)
            print_volume(cli, s->systems[OPA + i].label, &s->volumes[v][i]);
    }
    out_printf(cli, "+-: standard error over the seeds and over the test scenes, squares added.\n");
}

static void print_premises(struct cli *cli, const struct story *s)
{
    out_printf(cli, "\n%s%-26s %12s %12s %12s %12s%s\n", style_begin(cli, STYLE_BOLD), "", "near", "far", "absent",
               "usual", style_end(cli, STYLE_BOLD));
    for (int i = 0; i < SYSTEMS; i++) {
        const struct premises *p = &s->systems[i].premises;
        if (premises_asked(p) == 0)
            continue;
        out_printf(cli, "%-26s", s->systems[i].label);
        for (int about = 0; about < ABOUTS; about++) {
            const struct estimate accepted = premises_accepted(p, (enum about)about);
            if (isnan(accepted.value))
                out_printf(cli, " %12s", "");
            else
                out_printf(cli, " %5.1f +- %3.1f", accepted.value, accepted.error);
        }
        out_printf(cli, "\n");
    }
    out_printf(cli,
               "Per cent of Yes to \"Is there a red cup?\", by what is asked about: objects that are\n"
               "there, near or far, and such that are not: false premises. usual: absent, but usual\n"
               "in such a place. Neither Yes nor No: %lld answers.\n",
               (long long)story_neither(s));
}

static void print_story(struct cli *cli, const struct story *s)
{
    const struct policy *base = &s->policy[BASE], *opa = &s->policy[OPA];
    print_head(cli);
    for (int i = 0; i < SYSTEMS; i++) {
        if (s->systems[i].there)
            print_system(cli, s, &s->systems[i]);
    }
    out_printf(cli,
               "\nPer cent of %lld test scenes, with standard errors. HalRate: answers that name\n"
               "what is not there. Cover: objects named. attr.: wrong colours or places. curve:\n"
               "HalRate over that of the base when it only says less, at equal Cover; below 0 it\n"
               "tells right from wrong better than the base, above 0 saying less would have done\n"
               "better. Empty where Cover lies beyond the curve's ends.\n",
               (long long)s->systems[BASE].measures.answers);
    out_printf(cli,
               "Mean log-prob of the expert's words: %.2f in the base, %.2f behind OPA\n"
               "(of the words that stayed: %.2f, %.2f).\n",
               base->edited_mean, opa->edited_mean, base->kept_mean, opa->kept_mean);
}

static int write_page(struct cli *cli, const char *path, const struct story *s)
{
    FILE *file = create_file(cli, NULL, path);
    if (file == NULL)
        return EXIT_CREATE;
    const bool good = page_write(file, s);
    int result = close_file(cli, file, path, good ? 0 : EXIT_IO);
    if (!good)
        result = cli_error(cli, EXIT_IO, "out of memory");
    if (result == 0)
        out_printf(cli, "With plots and pictures: %s\n", path);
    return result;
}

static int run(struct cli *cli, int argc, char **argv)
{
    const char *page = NULL, *tokenizer = NULL;
    const struct flag flags[] = {{"output", 'o', FLAG_TEXT, &page}, {"tokenizer", 0, FLAG_TEXT, &tokenizer}};
    int go = cli_options(cli, argc, argv, flags, 2);
    if (go != GO_ON || (go = cli_arguments(cli, 1, 1, "the demo's folder")) != GO_ON)
        return go;
    if (tokenizer == NULL)
        return cli_usage(cli, "--tokenizer CHECKPOINT_DIR is missing");
    struct story story;
    int result = story_read(&story, cli, cli->args[0], tokenizer);
    if (result == 0)
        print_story(cli, &story);
    if (result == 0 && story_has_premises(&story))
        print_premises(cli, &story);
    if (result == 0 && story_has_volumes(&story))
        print_volumes(cli, &story);
    if (result == 0 && page != NULL)
        result = write_page(cli, page, &story);
    story_release(&story);
    return result;
}

const struct command cmd_report = {
    .name = "report",
    .summary = "what came of the demo, as a table and as a page",
    .help = "Example: microworld report build/demo-run --tokenizer demo/base -o report.html\n\n"
            "Usage: microworld report DIR --tokenizer CHECKPOINT_DIR [-o FILE]\n\n"
            "Reads the folder that ./run demo made: answers/*.jsonl, premises/*.jsonl, scores/{base,opa,test}.jsonl,\n"
            "pack/ and runs/*/log.jsonl. Prints the tables; with -o also writes one HTML file with plots and pictures\n"
            "that needs nothing else.\n\n"
            "  -o, --output FILE           the page\n"
            "  --tokenizer CHECKPOINT_DIR  the model's\n",
    .run = run,
};
