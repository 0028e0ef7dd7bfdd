/* SPDX-License-Identifier: Apache-2.0 */
#include "review_desk.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "inspect_detail.h"
#include "inspect_words.h"

/* ---- the page ---- */

static bool note_problem(struct desk *d, size_t line)
{
    if (d->problem_count == d->problem_capacity) {
        const size_t capacity = d->problem_capacity ? d->problem_capacity * 2 : 16;
        size_t *more = realloc(d->problems, capacity * sizeof *more);
        if (more == NULL)
            return false;
        d->problems = more;
        d->problem_capacity = capacity;
    }
    d->problems[d->problem_count++] = line;
    return true;
}

static bool note_problems(struct desk *d, const struct view *v)
{
    d->problem_count = 0;
    for (size_t i = 0; i < d->page.place_count; i++) {
        const struct sheet_place *p = &d->page.places[i];
        if (p->mark == MARK_FINDING && code_severity(v->findings.items[p->number].code) != OPA_INFO &&
            !note_problem(d, p->line))
            return false;
    }
    return true;
}

static int render(void *user, struct view *v)
{
    struct desk *d = user;
    struct cli *cli = d->review->cli;
    const size_t columns = screen_columns(d->screen);
    const struct detail_options options = {.ctx = cli->ctx,
                                           .columns = columns,
                                           .wide = d->wide && columns >= WORDS_WIDE_COLUMNS,
                                           .token_kind = opa_tokenizer_kind(d->review->source->tokenizer)};
    struct hunk_tokens tokens = {0};
    sheet_clear(&d->page);
    int status = hunk_tokens_make(&tokens, d->encoder, v);
    if (status == OPA_OK)
        status = inspect_detail(&d->page, &options, v, &tokens);
    if (status == OPA_OK && !note_problems(d, v))
        status = OPA_ENOMEM;
    hunk_tokens_release(&tokens);
    return status == OPA_OK ? 0 : cli_fail(cli, status, d->review->source->path);
}

void desk_show(struct desk *d)
{
    d->top = 0;
    d->looked = -1;
    if (review_look(d->review, render, d))
        review_mark_seen(d->review);
    else
        sheet_clear(&d->page);
}

void desk_go_on(struct desk *d)
{
    struct review *r = d->review;
    char done[REVIEW_MESSAGE];
    snprintf(done, sizeof done, "%s", r->message);
    r->message[0] = '\0';
    review_step_undecided(r, 1);
    if (r->message[0] == '\0') {
        review_say(r, false, "%s", done);
    } else if (!r->failed) {
        char and[REVIEW_MESSAGE];
        snprintf(and, sizeof and, "%s", r->message);
        review_say(r, false, "%.300s; %.200s", done, and);
    }
    desk_show(d);
}

/* The last mark at or above a line, or -1. */
static ptrdiff_t mark_above(const struct sheet *page, size_t line)
{
    ptrdiff_t found = -1;
    for (size_t i = 0; i < page->place_count && page->places[i].line <= line; i++)
        found = (ptrdiff_t)i;
    return found;
}

void desk_layout(struct desk *d)
{
    const ptrdiff_t mark = mark_above(&d->page, d->top);
    const bool on_it = mark >= 0 && d->page.places[mark].line == d->top;
    const size_t offset = mark >= 0 ? d->top - d->page.places[mark].line : d->top;
    d->looked = -1;
    if (!review_look(d->review, render, d)) {
        sheet_clear(&d->page);
        return;
    }
    if (mark >= 0 && (size_t)mark < d->page.place_count)
        d->top = d->page.places[mark].line + (on_it ? 0 : offset);
}

/* ---- moving on it ---- */

static struct sheet *shown(struct desk *d)
{
    return d->over_it.line_count > 0 ? &d->over_it : &d->page;
}

static size_t last_top(struct desk *d)
{
    const size_t lines = shown(d)->line_count, room = screen_lines(d->screen);
    return lines > room ? lines - room : 0;
}

bool desk_scroll(struct desk *d, int key)
{
    const size_t room = screen_lines(d->screen), page = room > 2 ? room - 1 : 1, last = last_top(d);
    switch (key) {
    case SCREEN_UP:
    case 'k':
        d->top -= d->top > 0;
        return true;
    case SCREEN_DOWN:
    case SCREEN_ENTER:
    case 'j':
        d->top += d->top < last;
        return true;
    case SCREEN_PAGE_UP:
    case 'b':
        d->top = d->top > page ? d->top - page : 0;
        return true;
    case SCREEN_PAGE_DOWN:
    case ' ':
        d->top = d->top + page < last ? d->top + page : last;
        return true;
    case SCREEN_HOME:
    case 'g':
        d->top = 0;
        return true;
    case SCREEN_END:
    case 'G':
        d->top = last;
        return true;
    default:
        return false;
    }
}

void desk_jump(struct desk *d, size_t line)
{
    const size_t last = last_top(d);
    d->looked = (ptrdiff_t)line;
    if (line < d->top || line >= d->top + screen_lines(d->screen))
        d->top = line < last ? line : last;
}

bool desk_find(struct desk *d, ptrdiff_t line)
{
    for (size_t i = (size_t)(line + 1); i < d->page.line_count; i++) {
        const struct sheet_run *runs;
        const size_t count = sheet_line(&runs, &d->page, i);
        opa_span found;
        if (count == 0)
            continue;
        const size_t size = runs[count - 1].begin + runs[count - 1].size - runs[0].begin;
        if (needle_find(&found, &d->needle, (opa_text){d->page.bytes + runs[0].begin, size}, 0)) {
            desk_jump(d, i);
            return true;
        }
    }
    return false;
}

/* ---- the lines under it ---- */

static void state_text(char *out, size_t size, const struct desk *d)
{
    const struct review *r = d->review;
    const opa_review review = r->items[r->at].review;
    if (review_undecided(review))
        snprintf(out, size, "undecided");
    else
        snprintf(out, size, "%s%s%s", opa_review_name(review), r->decided_by[0] ? " by " : "", r->decided_by);
}

/* In the longest form that leaves room. */
static void progress_text(char *out, size_t size, const struct review *r, size_t room)
{
    const long long accepted = r->counts[OPA_REVIEW_ACCEPTED], changed = r->counts[OPA_REVIEW_CHANGED];
    const long long excluded = r->counts[OPA_REVIEW_EXCLUDED], seen = r->counts[OPA_REVIEW_SEEN];
    const long long left = review_left(r);
    snprintf(out, size, "%lld accepted, %lld changed, %lld excluded, %lld undecided (%lld seen)", accepted, changed,
             excluded, left, seen);
    if (strlen(out) > room)
        snprintf(out, size, "%lld acc %lld chg %lld exc %lld left (%lld seen)", accepted, changed, excluded, left,
                 seen);
    if (strlen(out) > room)
        snprintf(out, size, "%lldA %lldC %lldX %lld left", accepted, changed, excluded, left);
    if (strlen(out) > room)
        snprintf(out, size, "%lld left", left);
}

static void write_status(struct desk *d, size_t columns)
{
    const struct review *r = d->review;
    char state[128], place[64], progress[160];
    state_text(state, sizeof state, d);
    snprintf(place, sizeof place, " %zu/%zu  ", r->at + 1, r->count);
    const size_t left = strlen(place) + text_width(text_of(state)) + 2;
    progress_text(progress, sizeof progress, r, columns > left + 1 ? columns - left - 1 : 0);
    const size_t right = strlen(progress) + 1;
    sheet_string(&d->foot, place, STYLE_PLAIN);
    if (left + right <= columns) {
        sheet_visible(&d->foot, text_of(state), 0, STYLE_PLAIN);
        sheet_spaces(&d->foot, columns - left - right + 2, STYLE_PLAIN);
        sheet_string(&d->foot, progress, STYLE_PLAIN);
        sheet_spaces(&d->foot, 1, STYLE_PLAIN);
    } else if (columns > strlen(place)) {
        sheet_cell(&d->foot, text_of(state), columns - strlen(place), STYLE_PLAIN);
    }
    sheet_end_line(&d->foot);
}

/* "34%": how much of the page is above the screen's lower edge. */
static void write_position(struct desk *d, char *out, size_t size)
{
    const size_t lines = shown(d)->line_count, end = d->top + screen_lines(d->screen);
    out[0] = '\0';
    if (d->top > 0 && end >= lines)
        snprintf(out, size, " end");
    else if (end < lines)
        snprintf(out, size, " %zu%%", end * 100 / lines);
}

static void write_message(struct desk *d, size_t columns)
{
    static const char *const hints[] = {"a accept  e edit  r report  x exclude  u undo  n next  p previous  ? help",
                                        "a e r x u  n next  ? help  q quit", "? help"};
    const struct review *r = d->review;
    char position[16];
    size_t hint = 0;
    write_position(d, position, sizeof position);
    const size_t room = columns > strlen(position) ? columns - strlen(position) : 0;
    while (hint < 2 && strlen(hints[hint]) > room)
        hint++;
    if (d->over_it.line_count > 0)
        sheet_cell(&d->foot, OPA_TEXT("any other key: back"), room, STYLE_DIM);
    else if (r->message[0] != '\0')
        sheet_cell(&d->foot, text_of(r->message), room, r->failed ? STYLE_ERROR : STYLE_BOLD);
    else
        sheet_cell(&d->foot, text_of(hints[hint]), room, STYLE_DIM);
    sheet_string(&d->foot, position, STYLE_DIM);
    sheet_end_line(&d->foot);
}

/* The question and the end of the answer, where the cursor is. */
static void write_question(struct desk *d, size_t columns)
{
    opa_text answer = text_of(d->answer);
    const size_t label = text_width(text_of(d->question));
    struct glyph g;
    while (answer.size > 0 && label + text_width(answer) + 1 > columns) {
        const size_t n = glyph_next(&g, answer.data, answer.size);
        answer = (opa_text){answer.data + n, answer.size - n};
    }
    sheet_visible(&d->foot, text_of(d->question), columns, STYLE_BOLD);
    sheet_visible(&d->foot, answer, 0, STYLE_PLAIN);
    sheet_end_line(&d->foot);
    d->answer_at = (ptrdiff_t)(label + text_width(answer));
}

static void draw(struct desk *d)
{
    const size_t columns = screen_columns(d->screen), last = last_top(d);
    d->top = d->top < last ? d->top : last;
    d->answer_at = -1;
    sheet_clear(&d->foot);
    write_status(d, columns);
    if (d->question != NULL)
        write_question(d, columns);
    else
        write_message(d, columns);
    const bool page = d->over_it.line_count == 0;
    const struct screen_marks marks = {.needle = page ? &d->needle : NULL, .line = page ? d->looked : -1};
    screen_draw(d->screen, shown(d), d->top, &marks, &d->foot, d->answer_at);
}

/* ---- keys and questions ---- */

int desk_key(struct desk *d)
{
    for (;;) {
        draw(d);
        const int key = screen_key(d->screen);
        if (key == SCREEN_STOP)
            d->over = true;
        if (key != SCREEN_RESIZED)
            return key;
        desk_layout(d);
    }
}

void desk_storing(struct desk *d)
{
    review_say(d->review, false, "storing ...");
    draw(d);
}

static void drop_last(char *text)
{
    struct glyph g;
    size_t at = 0, last = 0;
    const size_t size = strlen(text);
    while (at < size) {
        last = at;
        at += glyph_next(&g, text + at, size - at);
    }
    text[last] = '\0';
}

static void append(char *text, size_t capacity, int code)
{
    utf8proc_uint8_t bytes[4];
    const size_t size = strlen(text), n = (size_t)utf8proc_encode_char(code, bytes);
    if (size + n >= capacity)
        return;
    memcpy(text + size, bytes, n);
    text[size + n] = '\0';
}

bool desk_ask(struct desk *d, const char *question)
{
    enum { CTRL_G = 7, CTRL_U = 21 };
    int key = 0;
    d->question = question;
    d->answer[0] = '\0';
    while (key != SCREEN_ENTER && !d->over) {
        key = desk_key(d);
        if (key == SCREEN_ESCAPE || key == SCREEN_INTERRUPTED || key == CTRL_G ||
            (key == SCREEN_BACKSPACE && d->answer[0] == '\0'))
            break;
        if (key == SCREEN_BACKSPACE)
            drop_last(d->answer);
        else if (key == CTRL_U)
            d->answer[0] = '\0';
        else if (key >= ' ')
            append(d->answer, sizeof d->answer, key);
    }
    d->question = NULL;
    return key == SCREEN_ENTER && d->answer[0] != '\0';
}

int desk_overlay(struct desk *d, void (*write)(struct sheet *out, size_t columns, const void *user), const void *user)
{
    const size_t top = d->top;
    int key;
    d->top = 0;
    d->answer[0] = '\0';
    do {
        sheet_clear(&d->over_it);
        write(&d->over_it, screen_columns(d->screen), user);
        draw(d);
        key = screen_key(d->screen);
        d->over = d->over || key == SCREEN_STOP;
    } while (!d->over && (key == SCREEN_RESIZED || desk_scroll(d, key)));
    sheet_clear(&d->over_it);
    d->top = top;
    desk_layout(d);
    return key;
}

void desk_release(struct desk *d)
{
    sheet_release(&d->page);
    sheet_release(&d->over_it);
    sheet_release(&d->foot);
    free(d->problems);
    opa_encoder_free(d->encoder);
}
