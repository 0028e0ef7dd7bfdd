/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "page.h"

/* clang-format off */
static const char head[] =
    "<!doctype html>\n"
    "<html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\n"
    "<title>OPA-DPO on a small world</title>\n"
    "<style>\n"
    ":root{--ink:#1f2328;--dim:#59636e;--ground:#fff;--card:#f6f8fa;--rule:#d1d9e0;--base:#8b949e;"
        "--opa:#2f7ed8;--opa-dpo:#1a7f37;--dpo-language:#d4792a;--dpo:#b03a2e;--opa-dpo-language:#17a2a2;--opa-dpo-release:#8250df;"
        "--opa-dpo-corrections:#bf3989;--cover:#b6c2cd;--bad:#cf222e;--warn:#9a6700;--new:#ddf4e4;--gone:#ffebe9}\n"
    "@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#9198a1;--ground:#0d1117;--card:#151b23;"
        "--rule:#3d444d;--opa-dpo:#3fb950;--opa:#58a6ff;--dpo-language:#e3974c;--dpo:#e5645a;--opa-dpo-language:#39c5cf;"
        "--opa-dpo-release:#a988f0;--opa-dpo-corrections:#f778ba;--cover:#59636e;--bad:#ff7b72;--warn:#d29922;--new:#12361f;"
        "--gone:#4b1d1d}}\n"
    "body{font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;"
        "color:var(--ink);background:var(--ground);max-width:1120px;margin:2rem auto;padding:0 1.2rem}\n"
    "h1{font-size:1.8rem;margin:0}\n"
    "h2{font-size:1.25rem;margin:2.4rem 0 .4rem}\n"
    "p{max-width:48rem}\n"
    ".lead{color:var(--dim)}\n"
    "code{font-size:.9em;white-space:nowrap}\n"
    "table{border-collapse:collapse;width:100%}\n"
    "th,td{padding:.3rem .7rem;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap;"
        "font-variant-numeric:tabular-nums}\n"
    "th{font-weight:600}\n"
    "th:first-child,td:first-child{text-align:left}\n"
    "td small{color:var(--dim)}\n"
    "tr.step td:first-child{font-weight:600}\n"
    ".table{overflow-x:auto}\n"
    ".grid2{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:1.2rem}\n"
    "figure{margin:0;background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:1rem}\n"
    "figcaption{font-size:.87rem;color:var(--dim);margin-top:.4rem}\n"
    "svg{width:100%;height:auto;display:block}\n"
    "text{font-size:12px;fill:var(--ink)}\n"
    ".tick,.label{fill:var(--dim)}\n"
    ".name.step{font-weight:600}\n"
    ".name,.value{font-size:14px}\n"
    ".end{text-anchor:end}\n"
    ".middle{text-anchor:middle}\n"
    ".axis{stroke:var(--dim);fill:none}\n"
    ".grid{stroke:var(--rule)}\n"
    ".track{fill:var(--rule);opacity:.45}\n"
    ".whisker{stroke:var(--ink);stroke-width:1.3;fill:none}\n"
    ".line{fill:none;stroke-width:2}\n"
    ".curve{stroke:var(--dim);stroke-dasharray:5 3}\n"
    ".dot{stroke:var(--card);stroke-width:1.5}\n"
    ".wide{overflow-x:auto}\n"
    ".wide svg{min-width:640px}\n"
    ".legend{font-size:.87rem;margin:.3rem 0;max-width:none}\n"
    ".legend span{margin-right:1em;white-space:nowrap}\n"
    "i{display:inline-block;width:.7em;height:.7em;border-radius:50%;margin-right:.4em}\n"
    ".scene{display:flex;gap:1.2rem;border-top:1px solid var(--rule);padding:1rem 0}\n"
    ".scene>div{min-width:0}\n"
    ".scene img{width:196px;height:196px;image-rendering:pixelated;border-radius:6px;flex:none}\n"
    "@media (max-width:640px){.scene{flex-direction:column}}\n"
    "dl{display:grid;grid-template-columns:13.5rem 1fr;gap:.25rem .8rem;margin:.4rem 0;font-size:.94rem}\n"
    "dt{color:var(--dim)}\n"
    "dd{margin:0}\n"
    "@media (max-width:640px){dl{display:block}}\n"
    ".truth{margin:0;font-weight:600}\n"
    "ins,.new{background:var(--new);text-decoration:none;border-radius:3px}\n"
    "del{background:var(--gone);color:var(--bad)}\n"
    ".invented{color:var(--bad);font-weight:600;text-decoration:underline}\n"
    ".wrong{color:var(--warn);font-weight:600;text-decoration:underline dotted}\n";
/* clang-format on */

/* The colour of a class on marks of the plots, on lines and on the legends' dots: the variable of the same name. */
static void put_colour(FILE *out, const char *name)
{
    fprintf(out, ".dot.%s,.bar.%s{fill:var(--%s)}.line.%s{stroke:var(--%s)}i.%s{background:var(--%s)}\n", name, name,
            name, name, name, name, name);
}

static void put_colours(FILE *out, const struct story *s)
{
    put_colour(out, "cover");
    for (int i = 0; i < SYSTEMS; i++)
        put_colour(out, s->systems[i].name);
    fputs("</style>\n", out);
}

void page_text(FILE *out, opa_text text)
{
    for (size_t i = 0; i < text.size; i++) {
        switch (text.data[i]) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc(text.data[i], out);
        }
    }
}

static void put_estimate(FILE *out, struct estimate e)
{
    fprintf(out, "%.1f <small>&plusmn; %.1f</small>", e.value, e.error);
}

/* With its sign. */
static void put_excess(FILE *out, bool on_curve, struct estimate e)
{
    fprintf(out, on_curve ? "<td>%+.1f <small>&plusmn; %.1f</small>" : "<td>&ndash;", e.value, e.error);
}

static void put_lead(FILE *out, const struct story *s)
{
    const struct system *base = &s->systems[BASE];
    fprintf(out,
            "<h1>OPA-DPO on a small world</h1>\n"
            "<p class=lead>A LLaVA-1.5 of 1.7 million parameters describes drawn pictures and makes things up. An "
            "expert corrects it; OPA makes the corrections on-policy; DPO learns to prefer them "
            "(arXiv&nbsp;2501.09695). Everything below was made by <code>./run demo</code> through the public "
            "commands, and measured on %lld scenes that no step has seen.</p>\n",
            (long long)base->measures.answers);
}

static void put_table(FILE *out, const struct story *s)
{
    fputs("<div class=table><table><tr><th>system<th>HalRate<th>Cover<th>over the curve<th>CHAIR<th>CHAIRi"
          "<th>wrong attributes<th>words<th>objects</tr>\n",
          out);
    for (int i = 0; i < SYSTEMS; i++) {
        const struct system *system = &s->systems[i];
        const struct measures *m = &system->measures;
        if (!system->there)
            continue;
        fprintf(out,
                "<tr%s title='%s'><td><i class='%s'></i>%s"
                "<td>%.1f <small>&plusmn; %.1f</small><td>%.1f <small>&plusmn; %.1f</small>",
                system->step ? " class=step" : "", system->what, system->name, system->label, m->hal_rate,
                m->hal_rate_error, m->cover, m->cover_error);
        put_excess(out, system->on_curve && i != BASE, system->excess);
        fprintf(out, "<td>%.1f<td>%.1f<td>%.1f<td>%.1f<td>%.2f</tr>\n", m->chair, m->chair_i, m->attribute_errors,
                m->words, m->mentions);
    }
    fputs("</table></div>\n"
          "<p class=lead><small>In per cent, but the last two: words and objects of an answer. Over the curve: HalRate "
          "minus that of the base when it says so little that its Cover is the same; below 0 it tells right from wrong "
          "better than the base; &ndash;: the Cover lies beyond the curve's ends. CHAIR: invented among the objects of "
          "an answer; CHAIRi: among all objects. Wrong attributes: "
          "colour or place, among mentions of what is there. &plusmn; is the standard error of the test scenes, not of "
          "training.</small></p>\n",
          out);
}

static void put_limits(FILE *out)
{
    fputs("<h2>What this shows, and what it does not</h2>\n<ul>\n"
          "<li>It shows the whole way working: rollouts, corrections, pairs, pack, OPA, DPO and measurement, with "
          "files in the formats that LLaVA uses. The same commands take a 7B model.\n"
          "<li>It measures what each step does to hallucination, and what that costs in Cover.\n"
          "<li>Fewer hallucinations do not mean that the model sees better. Read HalRate with Cover: where a system is "
          "on the base's curve or above it, as much could be had by saying less.\n"
          "<li>It does not confirm the paper. The world was adjusted until the order of the methods was the paper's; "
          "there is one base and, without <code>--full</code>, one run; learning rates were tried unevenly.\n"
          "<li>The expert is an oracle that knows the scene; people and GPT-4V err.\n</ul>\n",
          out);
}

static void put_volumes(FILE *out, const struct story *s)
{
    fputs("<h2>More data, other seeds</h2>\n"
          "<div class=table><table><tr><th>system<th>samples<th>seeds<th>HalRate<th>Cover<th>over the curve</tr>\n",
          out);
    for (int i = 0; i < VOLUME_SYSTEMS; i++) {
        for (int n = 0; n < VOLUMES; n++) {
            const struct volume *v = &s->volumes[n][i];
            if (v->seeds == 0)
                continue;
            fprintf(out, "<tr><td><i class='%s'></i>%s<td>%d<td>%d<td>", s->systems[OPA + i].name,
                    s->systems[OPA + i].label, v->samples, v->seeds);
            put_estimate(out, v->hal_rate);
            fputs("<td>", out);
            put_estimate(out, v->cover);
            put_excess(out, v->on_curve, v->excess);
            fputs("</tr>\n", out);
        }
    }
    fputs("</table></div>\n<p class=lead><small>&plusmn; is the standard error over the seeds (of rollouts, order "
          "and adapters) and over the test scenes, squares added; the base is the same.</small></p>\n",
          out);
}

static void put_premises(FILE *out, const struct story *s)
{
    fputs("<h2>Does it say yes to what is not there?</h2>\n"
          "<div class=table><table><tr><th>system<th>there, near<th>there, far<th>absent<th>absent, but usual "
          "here</tr>\n",
          out);
    for (int i = 0; i < SYSTEMS; i++) {
        const struct premises *p = &s->systems[i].premises;
        if (premises_asked(p) == 0)
            continue;
        fprintf(out, "<tr%s><td><i class='%s'></i>%s", s->systems[i].step ? " class=step" : "", s->systems[i].name,
                s->systems[i].label);
        for (int about = 0; about < ABOUTS; about++) {
            const struct estimate accepted = premises_accepted(p, (enum about)about);
            fputs(isnan(accepted.value) ? "<td>&ndash;" : "<td>", out);
            if (!isnan(accepted.value))
                put_estimate(out, accepted);
        }
        fputs("</tr>\n", out);
    }
    fprintf(
        out,
        "</table></div>\n<p class=lead><small>Per cent of Yes to questions such as <q>Is there a red cup?</q>, with "
        "standard errors; the latter two columns are false premises. The base was taught to answer such questions; "
        "OPA and DPO saw none. Answers that begin with neither Yes nor No: %lld.</small></p>\n",
        (long long)story_neither(s));
}

bool page_write(FILE *out, const struct story *s)
{
    fputs(head, out);
    put_colours(out, s);
    put_lead(out, s);
    put_table(out, s);
    fputs("<h2>Step by step</h2>\n", out);
    page_steps(out, s);
    put_limits(out);
    fputs("<h2>Does it see better, or say less?</h2>\n<div class=grid2>\n", out);
    page_frontier(out, s);
    page_policy(out, s);
    fputs("</div>\n<h2>Training</h2>\n<div class=grid2>\n", out);
    bool good = page_training(out, s);
    fputs("</div>\n", out);
    if (story_has_premises(s))
        put_premises(out, s);
    if (story_has_volumes(s))
        put_volumes(out, s);
    fputs("<h2>The first five scenes of the test</h2>\n"
          "<p class=lead>Not chosen. <span class=invented>Invented</span>; <span class=wrong>wrong</span> colour or "
          "place; <span class=new>not in the base's answer</span>; the expert's edits: <del>out</del> "
          "<ins>in</ins>.</p>\n",
          out);
    good = good && page_scenes(out, s);
    fputs("</html>\n", out);
    return good;
}
