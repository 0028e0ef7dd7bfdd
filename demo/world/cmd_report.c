/* SPDX-License-Identifier: Apache-2.0 */
/* report: what came of the demo, as a table and as a page. */
#include <math.h>

#include "story.h"
#include "term.h"

static void print_head(struct cli *cli)
{
    out_printf(cli, "%s%-26s %12s %12s %6s %6s %6s %6s%s\n", style_begin(cli, STYLE_BOLD), "", "HalRate", "Cover",
               "curve", "CHAIR", "attr.", "words", style_end(cli, STYLE_BOLD));
}

static void print_system(struct cli *cli, const struct story *s, const struct system *system)
{
    const struct measures *m = &system->measures;
    char excess[16] = "";
    if (system->on_curve && system != &s->systems[BASE])
        snprintf(excess, sizeof excess, "%+.1f", system->excess);
    out_printf(cli, "%-26s %5.1f +- %3.1f %5.1f +- %3.1f %6s %6.1f %6.1f %6.1f\n", system->label, m->hal_rate,
               m->hal_rate_error, m->cover, m->cover_error, excess, m->chair, m->attribute_errors, m->words);
}

static void print_volume(struct cli *cli, const char *label, int samples, const struct volume *v)
{
    if (v->seeds == 0)
        return;
    out_printf(cli, "%-25s %6d %5d", label, samples, v->seeds);
    for (int k = 0; k < 3 && !isnan(v->mean[k]); k++)
        out_printf(cli, k < 2 ? "  %5.1f +- %3.1f" : "  %+5.1f +- %3.1f", v->mean[k], v->error[k]);
    out_printf(cli, "\n");
}

static void print_volumes(struct cli *cli, const struct story *s)
{
    out_printf(cli, "\n%s%-25s %6s %5s  %12s  %12s  %12s%s\n", style_begin(cli, STYLE_BOLD), "", "data", "seeds",
               "HalRate", "Cover", "curve", style_end(cli, STYLE_BOLD));
    for (int i = 0; i < VOLUME_SYSTEMS; i++) {
        for (int v = 0; v < VOLUMES; v++)
            print_volume(cli, s->systems[OPA + i].label, volume_samples[v], &s->volumes[v][i]);
    }
    out_printf(cli, "+-: standard error over the seeds; the test scenes are the same.\n");
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
            double error;
            const double accepted = premises_accepted(&error, p, (enum about)about);
            if (isnan(accepted))
                out_printf(cli, " %12s", "");
            else
                out_printf(cli, " %5.1f +- %3.1f", accepted, error);
        }
        out_printf(cli, "\n");
    }
    out_printf(cli,
               "Per cent of Yes to \"Is there a red cup?\", by what is asked about: objects that are\n"
               "there, near or far, and such that are not: false premises. usual: absent, but usual\n"
               "in such a place. Neither Yes nor No: %lld answers.\n",
               (long long)story_neither(s));
}

static double mean(double sum, int64_t count)
{
    return count > 0 ? sum / (double)count : 0;
}

static void print_story(struct cli *cli, const struct story *s)
{
    const struct policy *base = &s->policy[BASE], *opa = &s->policy[OPA];
    print_head(cli);
    for (int steps = 1; steps >= 0; steps--) {
        for (int i = 0; i < SYSTEMS; i++) {
            if (s->systems[i].there && s->systems[i].step == (steps == 1))
                print_system(cli, s, &s->systems[i]);
        }
    }
    out_printf(cli,
               "\nPer cent of %lld test scenes, with standard errors. HalRate: answers that name\n"
               "what is not there. Cover: objects named. attr.: wrong colours or places. curve:\n"
               "HalRate over that of the base when it only says less, at equal Cover; below 0 it\n"
               "tells right from wrong better than the base, above 0 saying less would have done\n"
               "better. It is uncertain by at least HalRate's error, and empty where Cover lies\n"
               "beyond the curve's ends.\n",
               (long long)s->systems[BASE].measures.answers);
    out_printf(cli,
               "Mean log-prob of the expert's words: %.2f in the base, %.2f behind OPA\n"
               "(of the words that stayed: %.2f, %.2f).\n",
               mean(base->edited_sum, base->edited), mean(opa->edited_sum, opa->edited),
               mean(base->kept_sum, base->kept), mean(opa->kept_sum, opa->kept));
}

static int write_page(struct cli *cli, const char *path, const struct story *s)
{
    FILE *file = create_file(cli, NULL, path);
    if (file == NULL)
        return EXIT_CREATE;
    const bool good = story_write_page(file, s);
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
