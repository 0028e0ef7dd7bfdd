/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "page.h"
#include "plot.h"

static void legend(FILE *out, const struct story *s, bool trained_by_dpo)
{
    fputs("<p class=legend>", out);
    for (int i = 0; i < SYSTEMS; i++) {
        const struct system *system = &s->systems[i];
        if (system->there && (!trained_by_dpo || (i != BASE && i != OPA)))
            fprintf(out, "<span><i class='%s'></i>%s</span> ", system->name, system->label);
    }
    fputs("</p>\n", out);
}

/* ---- HalRate and Cover, a row a system ---- */

enum { ROW_WIDTH = 1060, ROW = 40, NAME = 230, HALF = 340, GAP = 75 };

static void draw_share(FILE *out, const char *css, int left, int top, double value, double error)
{
    const double scale = HALF / 100.;
    fprintf(out,
            "<rect class=track x=%d y=%d width=%d height=20 rx=2 /><rect class='bar %s' x=%d y=%d width=%.1f height=20 "
            "rx=2 /><path class=whisker d='M%.1f %dH%.1f'/><text class=value x=%d y=%d>%.1f</text>\n",
            left, top, HALF, css, left, top, value * scale, left + (value - error) * scale, top + 10,
            left + (value + error) * scale, left + HALF + 8, top + 15, value);
}

void page_steps(FILE *out, const struct story *s)
{
    int rows = 0;
    for (int i = 0; i < SYSTEMS; i++)
        rows += s->systems[i].there;
    fprintf(out,
            "<figure class=wide><svg viewBox='0 0 %d %d' role=img aria-label='HalRate and Cover of each system'>\n",
            ROW_WIDTH, 26 + ROW * rows);
    fprintf(out,
            "<text class=label x=%d y=14>HalRate, lower is better</text><text class=label x=%d y=14>Cover, higher is "
            "better</text>\n",
            NAME, NAME + HALF + GAP);
    for (int i = 0, row = 0; i < SYSTEMS; i++) {
        const struct system *system = &s->systems[i];
        if (!system->there)
            continue;
        const struct measures *m = &system->measures;
        const int top = 26 + ROW * row++;
        fprintf(out, "<text class='name%s' x=0 y=%d>%s</text>\n", system->step ? " step" : "", top + 15, system->label);
        draw_share(out, system->name, NAME, top, m->hal_rate, m->hal_rate_error);
        draw_share(out, "cover", NAME + HALF + GAP, top, m->cover, m->cover_error);
    }
    fputs("</svg><figcaption>HalRate: answers that name at least one object which is not in the picture. Cover: "
          "objects of the picture that are named. In per cent; thin lines are one standard error of the test scenes "
          "alone.</figcaption></figure>\n",
          out);
}

/* ---- HalRate against Cover ---- */

void page_frontier(FILE *out, const struct story *s)
{
    struct plot p;
    double cover[CURVE_POINTS], hal_rate[CURVE_POINTS], most = 0, least = 100;
    for (int i = 0; i < CURVE_POINTS; i++) {
        cover[i] = 100 * s->curve.points[i].cover;
        hal_rate[i] = 100 * s->curve.points[i].hal_rate;
    }
    for (int i = 0; i < SYSTEMS; i++) {
        if (s->systems[i].there) {
            most = fmax(most, s->systems[i].measures.hal_rate);
            least = fmin(least, s->systems[i].measures.cover);
        }
    }
    least = 10 * floor(fmax(least - 8, 0) / 10);
    size_t shown = 0;
    while (shown < CURVE_POINTS && cover[shown] >= least)
        shown++;
    fputs("<figure>\n", out);
    plot_begin(&p, out, "HalRate against Cover", (struct axis){"Cover, %", least, 10 * ceil((cover[0] + 4) / 10), 10},
               (struct axis){"HalRate, %", 0, 10 * ceil((most + 4) / 10), 10});
    plot_line(&p, "curve", cover, hal_rate, shown);
    for (int i = 0; i < SYSTEMS; i++) {
        const struct measures *m = &s->systems[i].measures;
        if (s->systems[i].there)
            plot_dot(&p, s->systems[i].name, m->cover, m->hal_rate, m->cover_error, m->hal_rate_error);
    }
    plot_end(&p);
    legend(out, s, false);
    fputs("<figcaption>The grey line is the base itself, made to say only what it is sure of: its sentences deleted "
          "whose object word has less than a least probability. A system <b>below</b> the line tells right from wrong "
          "better than the base; one <b>on</b> it only says less; <b>above</b> it, saying less would have done "
          "better.</figcaption></figure>\n",
          out);
}

/* ---- on-policy ---- */

void page_policy(FILE *out, const struct story *s)
{
    static const char *const css[] = {"base", "opa"};
    struct plot p;
    double most = 10;
    for (int m = 0; m < 2; m++) {
        for (int b = 0; b < POLICY_BINS; b++)
            most = fmax(most, 100. * (double)s->policy[m].bins[b] / fmax((double)s->policy[m].edited, 1));
    }
    fputs("<figure>\n", out);
    plot_begin(&p, out, "Log-probability of the expert's tokens",
               (struct axis){"log-probability of a token (the last: and below)", -POLICY_BINS, 0, 5},
               (struct axis){"% of the edited tokens", 0, 10 * ceil(most / 10), most > 40 ? 20 : 10});
    for (int b = 0; b < POLICY_BINS; b++) {
        for (int m = 0; m < 2; m++) {
            const double left = -b - 1 + .08 + .42 * m;
            plot_bar(&p, css[m], left, left + .42,
                     100. * (double)s->policy[m].bins[b] / fmax((double)s->policy[m].edited, 1));
        }
    }
    plot_end(&p);
    fputs("<p class=legend><span><i class=base></i>base</span> <span><i class=opa></i>OPA</span></p>\n", out);
    fprintf(out,
            "<figcaption>How likely a model finds the words that the expert changed. Mean of the base %.2f, behind OPA "
            "%.2f (tokens that the expert kept: %.2f, %.2f). OPA has seen these very texts: this is what it is for, "
            "not a test of it.</figcaption></figure>\n",
            s->policy[BASE].edited_mean, s->policy[OPA].edited_mean, s->policy[BASE].kept_mean,
            s->policy[OPA].kept_mean);
}

/* ---- training ---- */

/* A line of @p values over their updates, each the mean of what is around it. */
static bool draw_updates(struct plot *p, const char *css, const double *values, size_t count)
{
    enum { AROUND = 2 };
    double *x = calloc(count + 1, sizeof *x), *y = calloc(count + 1, sizeof *y);
    for (size_t i = 0; i < count && x != NULL && y != NULL; i++) {
        const size_t from = i > AROUND ? i - AROUND : 0, to = i + AROUND < count ? i + AROUND : count - 1;
        for (size_t j = from; j <= to; j++)
            y[i] += values[j] / (double)(to - from + 1);
        x[i] = (double)i + 1;
    }
    const bool good = x != NULL && y != NULL;
    if (good)
        plot_line(p, css, x, y, count);
    free(x);
    free(y);
    return good;
}

/* A round step that gives at most eight ticks up to @p most, which is more than 0: 1, 2, 4 or 8 times a power of ten. */
static double step_for(double most)
{
    double step = pow(10, floor(log10(most / 4)));
    for (int doubled = 0; doubled < 3 && most / step > 8; doubled++)
        step *= 2;
    return step;
}

static double most_of(const double *values, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = values[i] > most ? values[i] : most;
    return most;
}

static bool draw_opa(FILE *out, const struct story *s)
{
    const struct updates *u = &s->updates[OPA];
    const double most = most_of(u->loss, u->count);
    struct plot p;
    if (u->count == 0 || most <= 0)
        return true;
    fputs("<figure>\n", out);
    plot_begin(&p, out, "Loss of OPA", (struct axis){"updates of OPA", 0, (double)u->count, step_for((double)u->count)},
               (struct axis){"loss, nats a token", 0, most, step_for(most)});
    const bool good = draw_updates(&p, "opa", u->loss, u->count);
    plot_end(&p);
    fputs("<figcaption>OPA: mean negative log-probability of the corrections and the ground truth, before each update; "
          "smoothed over five.</figcaption></figure>\n",
          out);
    return good;
}

static bool draw_dpo(FILE *out, const struct story *s)
{
    struct plot p;
    double most = 0, longest = 0;
    bool good = true;
    for (int i = OPA + 1; i < SYSTEMS; i++) {
        most = fmax(most, most_of(s->updates[i].margin, s->updates[i].count));
        longest = fmax(longest, (double)s->updates[i].count);
    }
    if (longest == 0 || most <= 0)
        return true;
    fputs("<figure>\n", out);
    plot_begin(&p, out, "Margins of DPO", (struct axis){"updates of DPO", 0, longest, step_for(longest)},
               (struct axis){"margin of the rewards", 0, most, step_for(most)});
    for (int i = OPA + 1; i < SYSTEMS && good; i++)
        good = draw_updates(&p, s->systems[i].name, s->updates[i].margin, s->updates[i].count);
    plot_end(&p);
    legend(out, s, true);
    fputs("<figcaption>DPO: how far the chosen texts are ahead of the rejected ones, &beta; times the difference of "
          "their log-ratios; smoothed over five. Without OPA the expert's manner of speaking alone can tell the two "
          "texts apart, so a margin that grows fast need not come from the picture.</figcaption></figure>\n",
          out);
    return good;
}

bool page_training(FILE *out, const struct story *s)
{
    return draw_opa(out, s) && draw_dpo(out, s);
}
