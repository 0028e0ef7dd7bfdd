/* SPDX-License-Identifier: Apache-2.0 */
#include "review_run.h"

#include <unistd.h>

#include "review_desk.h"
#include "review_edit.h"

/* ---- moving ---- */

static void next_undecided(struct desk *d)
{
    if (review_step_undecided(d->review, 1))
        desk_show(d);
}

static void previous_undecided(struct desk *d)
{
    if (review_step_undecided(d->review, -1))
        desk_show(d);
}

static void next_sample(struct desk *d)
{
    if (review_step(d->review, 1))
        desk_show(d);
}

static void previous_sample(struct desk *d)
{
    if (review_step(d->review, -1))
        desk_show(d);
}

/* ---- deciding ---- */

static void accept(struct desk *d)
{
    desk_storing(d);
    if (review_accept(d->review))
        desk_go_on(d);
    else
        desk_layout(d);
}

static void exclude(struct desk *d)
{
    struct review *r = d->review;
    if (r->items[r->at].review == OPA_REVIEW_EXCLUDED) {
        review_say(r, true, "excluded already: u takes that back");
        return;
    }
    if (!desk_ask(d, "exclude, because: ")) {
        review_say(r, false, "not excluded: no reason given");
        return;
    }
    desk_storing(d);
    if (review_exclude(r, d->answer))
        desk_go_on(d);
    else
        desk_layout(d);
}

static void undo(struct desk *d)
{
    desk_storing(d);
    review_undo(d->review);
    desk_show(d);
}

/* ---- jumping ---- */

static bool has_problem(const void *user, const struct view *v)
{
    (void)user;
    int code;
    return opa_findings_worst(&v->findings, &code) != OPA_INFO;
}

static void next_finding(struct desk *d)
{
    struct review *r = d->review;
    for (size_t i = 0; i < d->problem_count; i++) {
        if ((ptrdiff_t)d->problems[i] > d->looked) {
            desk_jump(d, d->problems[i]);
            return;
        }
    }
    if (!review_step_matching(r, has_problem, NULL)) {
        if (!r->failed)
            review_say(r, false, "no warning and no error in any of them");
        desk_layout(d);
        return;
    }
    desk_show(d);
    if (d->problem_count > 0)
        desk_jump(d, d->problems[0]);
}

static bool text_fits(const struct needle *needle, opa_text text)
{
    opa_span found;
    return text.data != NULL && needle_find(&found, needle, text, 0);
}

static bool sentence_fits(const struct needle *needle, const opa_sentence *s)
{
    for (size_t i = 0; i < s->object_count; i++) {
        if (text_fits(needle, s->objects[i]))
            return true;
    }
    return text_fits(needle, s->copied) || text_fits(needle, s->rewritten) || text_fits(needle, s->reason);
}

static bool sample_fits(const void *user, const struct view *v)
{
    const struct needle *needle = user;
    const opa_sample *s = &v->sample;
    const opa_report *report = &v->assessment.report;
    if (text_fits(needle, s->id) || text_fits(needle, s->generated) ||
        text_fits(needle, v->assessment.alignment.revised) || text_fits(needle, s->prompt) ||
        text_fits(needle, s->ground_truth))
        return true;
    for (size_t i = 0; i < report->count; i++) {
        if (sentence_fits(needle, &report->sentences[i]))
            return true;
    }
    for (size_t i = 0; i < v->findings.count; i++) {
        char code[16];
        if (text_fits(needle, text_of(code_text(code, v->findings.items[i].code))))
            return true;
    }
    return false;
}

static void search_again(struct desk *d)
{
    struct review *r = d->review;
    if (d->needle.count == 0) {
        review_say(r, true, "nothing to search for: / asks");
        return;
    }
    if (desk_find(d, d->looked))
        return;
    if (review_step_matching(r, sample_fits, &d->needle)) {
        desk_show(d);
        desk_find(d, -1);
        return;
    }
    if (!r->failed)
        review_say(r, true, "not found");
    desk_layout(d);
}

static void search(struct desk *d)
{
    if (desk_ask(d, "/"))
        needle_make(&d->needle, text_of(d->answer));
    else if (d->needle.count == 0)
        return;
    search_again(d);
}

/* ---- keys ---- */

static void help(struct desk *d);

static void quit(struct desk *d)
{
    d->over = true;
}

/* Keys that scroll are the desk's. Where there is nothing to show, the line above says it. */
static const struct binding {
    int keys[2];
    const char *shown, *does;
    void (*run)(struct desk *d);
} BINDINGS[] = {
    {{'n'}, "n p", "next, previous undecided sample", next_undecided},
    {{'p'}, NULL, NULL, previous_undecided},
    {{SCREEN_RIGHT, '>'}, "> <", "next, previous sample; also the arrows", next_sample},
    {{SCREEN_LEFT, '<'}, NULL, NULL, previous_sample},
    {{'a'}, "a", "accept: it is right as it is", accept},
    {{'e'}, "e", "edit the revised text, in VISUAL, EDITOR or vi", review_edit_revised},
    {{'r'}, "r", "edit the expert's report, as JSON", review_edit_report},
    {{'x'}, "x", "exclude it from packs; asks why", exclude},
    {{'u'}, "u", "undo: its newest decision; your last one, where it is undecided", undo},
    {{'f'}, "f", "next warning or error, here or in a later sample", next_finding},
    {{'/'}, "/ N", "search texts, ids and codes; again. A capital makes case count", search},
    {{'N'}, NULL, NULL, search_again},
    {{0}, "j k", "scroll by a line; also the arrows", NULL},
    {{0}, "Spc b", "scroll by a page; also PgDn, PgUp", NULL},
    {{0}, "g G", "to the first line, to the last; also Home, End", NULL},
    {{'?', 'h'}, "?", "this page", help},
    {{'q'}, "q", "quit; the next review goes on behind your last decision", quit},
};

static void write_help(struct sheet *out, size_t columns, const void *user)
{
    (void)user;
    enum { MARGIN = 2, TEXT = 9 };
    for (size_t i = 0; i < sizeof BINDINGS / sizeof *BINDINGS; i++) {
        struct wrap w = {.sheet = out, .indent = TEXT, .columns = columns, .column = TEXT};
        if (BINDINGS[i].shown == NULL)
            continue;
        sheet_spaces(out, MARGIN, STYLE_PLAIN);
        sheet_cell(out, text_of(BINDINGS[i].shown), TEXT - MARGIN, STYLE_BOLD);
        wrap_string(&w, BINDINGS[i].does, STYLE_PLAIN);
        wrap_end(&w);
    }
    sheet_end_line(out);
    struct wrap w = {.sheet = out, .indent = MARGIN, .columns = columns};
    wrap_string(&w,
                "Every decision is in the store, with who and when, before the screen says so, and can be taken back. "
                "After a decision comes the next undecided sample.",
                STYLE_DIM);
    wrap_end(&w);
}

static void help(struct desk *d)
{
    desk_overlay(d, write_help, NULL);
}

static void do_key(struct desk *d, int key)
{
    if (key == SCREEN_INTERRUPTED)
        quit(d);
    if (d->over || desk_scroll(d, key))
        return;
    for (size_t i = 0; i < sizeof BINDINGS / sizeof *BINDINGS; i++) {
        for (size_t k = 0; k < sizeof BINDINGS[i].keys / sizeof *BINDINGS[i].keys; k++) {
            if (BINDINGS[i].run != NULL && BINDINGS[i].keys[k] == key && key != 0) {
                BINDINGS[i].run(d);
                return;
            }
        }
    }
    if (key != SCREEN_OTHER && key != SCREEN_ESCAPE)
        review_say(d->review, true, "no such key: ? lists them");
}

/* ---- the whole ---- */

int review_terminal(struct cli *cli)
{
    if (isatty(STDIN_FILENO) && term_is_smart(STDOUT_FILENO))
        return 0;
    return cli_usage(cli,
                     "-i: needs a terminal; without one, print the samples (no -i) and decide with 'opapairs accept', "
                     "'edit' and 'exclude'");
}

/* What the terminal keeps when the screen is gone. */
static void print_summary(const struct review *r)
{
    const int64_t *n = r->counts;
    out_printf(r->cli, "%zu samples: %lld accepted, %lld changed, %lld excluded, %lld undecided (%lld of them seen)\n",
               r->count, (long long)n[OPA_REVIEW_ACCEPTED], (long long)n[OPA_REVIEW_CHANGED],
               (long long)n[OPA_REVIEW_EXCLUDED], (long long)review_left(r), (long long)n[OPA_REVIEW_SEEN]);
}

static int run_desk(struct desk *d)
{
    struct cli *cli = d->review->cli;
    const int result = screen_open(&d->screen, cli);
    if (result != 0)
        return result;
    desk_show(d);
    while (!d->over) {
        const int key = desk_key(d);
        d->review->message[0] = '\0';
        do_key(d, key);
    }
    screen_close(d->screen);
    print_summary(d->review);
    return EXIT_DONE;
}

int review_run(struct source *source, struct filter *filter, char *const *ids, int id_count, const char *by, bool wide)
{
    struct cli *cli = source->cli;
    struct review review;
    if (source->store == NULL)
        return cli_error(cli, EXIT_DATA, "%s: a pack is read-only; review its store, and pack again", source->path);
    int result = source_note_all(source);
    if (result == 0)
        result = review_open(&review, source, filter, ids, id_count, by);
    if (result != 0)
        return result;
    struct desk desk = {.review = &review, .wide = wide};
    const int status = opa_encoder_new(cli->ctx, &desk.encoder, source->tokenizer);
    result = status == OPA_OK ? run_desk(&desk) : cli_fail(cli, status, NULL);
    desk_release(&desk);
    review_close(&review);
    return result;
}
