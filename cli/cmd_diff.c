/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "diff_out.h"
#include "diff_summary.h"
#include "pager.h"

/* A difference with texts of its own. */
struct kept {
    struct difference difference;
    char *id, *reason;
};

struct diff {
    struct cli *cli;
    struct side sides[2];
    struct comparison comparison;
    bool jsonl, stat, names, no_pager;
    struct diff_tally tally;
    struct kept *list; /* for people, who want the summary first */
    size_t count, capacity;
    opa_json_writer *w;
};

/* ---- comparing ---- */

static int keep(struct diff *d, const struct difference *x)
{
    if (d->count == d->capacity) {
        const size_t capacity = d->capacity ? d->capacity * 2 : 64;
        struct kept *more = realloc(d->list, capacity * sizeof *more);
        if (more == NULL)
            return cli_error(d->cli, EXIT_IO, "out of memory");
        d->list = more;
        d->capacity = capacity;
    }
    struct kept *to = &d->list[d->count++];
    *to = (struct kept){*x, text_duplicate(x->id), text_duplicate(x->why.reason)};
    to->difference.id.data = to->id;
    to->difference.why.reason.data = to->reason;
    to->difference.faces = NULL;
    return to->id != NULL && to->reason != NULL ? 0 : cli_error(d->cli, EXIT_IO, "out of memory");
}

static int found(struct diff *d, const struct difference *x)
{
    diff_tally_add(&d->tally, x);
    if (d->jsonl)
        return diff_json(d->cli, d->w, x);
    return d->stat ? 0 : keep(d, x);
}

/* The side that is a store and counts as a pack, or -1. */
static int as_pack(const struct diff *d)
{
    return d->sides[0].recipe ? 0 : d->sides[1].recipe ? 1 : -1;
}

/* Both sides have the sample; a store's may be one that a pack would not have. */
static int compare_faces(struct diff *d, struct face faces[2])
{
    const int store = as_pack(d);
    const opa_text id = d->sides[0].id;
    struct left_out why = {0};
    unsigned fields;
    int result = compare_samples(&d->comparison, &fields, faces);
    /* The pack took it as it is there: only what is new can keep it out. */
    if (result == 0 && store >= 0 &&
        (fields != 0 || faces[store].sample->excluded || side_has_error(&d->sides[store], id)))
        result = side_leaves_out(&d->sides[store], &why, &faces[store]);
    if (result != 0)
        return result;
    if (why.code != 0)
        return found(d, &(struct difference){id, store == 0 ? CHANGE_ADDED : CHANGE_REMOVED, 0, 0, why, NULL});
    if (fields == 0) {
        d->tally.same++;
        return 0;
    }
    const unsigned kinds = compare_kinds(&d->comparison, fields, faces);
    return found(d, &(struct difference){id, CHANGE_CHANGED, fields, kinds, why, faces});
}

static int on_both(struct diff *d)
{
    struct side *s = d->sides;
    struct face faces[2] = {{0}, {0}};
    int result = 0;
    if (!s[0].lost && !s[1].lost && certainly_equal(&d->comparison)) {
        d->tally.same++;
        return 0;
    }
    for (int i = 0; i < 2 && result == 0; i++)
        result = side_read(&s[i]);
    if (result != 0 || s[0].lost || s[1].lost)
        return result;
    for (int i = 0; i < 2 && result == 0; i++)
        result = side_face(&s[i], &faces[i], &s[i].sample);
    if (result == 0)
        result = compare_faces(d, faces);
    face_release(&faces[0]);
    face_release(&faces[1]);
    return result;
}

/* What the pack knew and is believed: limits are in tokens, which cannot be told without the tokenizer, and the image of
 * a sample stays what it is, so it need not be decoded again. */
static bool is_believed(int code)
{
    return code == OPA_F_PROMPT_LONG || code == OPA_F_RESPONSE_LONG || code == OPA_F_IMAGE_TRUNCATED ||
           code == OPA_F_IMAGE_CORRUPT || code == OPA_F_IMAGE_HUGE;
}

/* Only side @p i has the sample. One that both leave out is no difference. */
static int on_one(struct diff *d, int i)
{
    struct side *side = &d->sides[i];
    const struct left_out other = side_left_out(&d->sides[!i], side->id);
    if (i == as_pack(d)) {
        struct face face;
        struct left_out why;
        int result = side_face(side, &face, &side->sample);
        if (result == 0)
            result = side_leaves_out(side, &why, &face);
        const int code = result != 0 ? 0 : why.code ? why.code : is_believed(other.code) ? other.code : 0;
        if (code > 0 && code < 1000)
            d->tally.left_out.of[code]++;
        face_release(&face);
        if (result != 0 || code != 0)
            return result;
    }
    return found(d, &(struct difference){side->id, i == 0 ? CHANGE_REMOVED : CHANGE_ADDED, 0, 0, other, NULL});
}

static int walk(struct diff *d)
{
    struct side *a = &d->sides[0], *b = &d->sides[1];
    struct progress progress;
    opa_progress now = {.stage = "compare", .items_total = source_count(&a->source), .bytes_total = -1};
    progress_start(&progress, d->cli);
    int result = side_step(a);
    if (result == 0)
        result = side_step(b);
    while (result == 0 && !(a->ended && b->ended) && out_alive(d->cli)) {
        const int order = a->ended ? 1 : b->ended ? -1 : strcmp(a->key, b->key);
        result = order == 0 ? on_both(d) : on_one(d, order > 0);
        if (result == 0 && order <= 0) {
            now.items++;
            progress_show(&progress, &now);
            result = side_step(a);
        }
        if (result == 0 && order >= 0)
            result = side_step(b);
    }
    progress_clear(d->cli);
    return result;
}

/* ---- for people ---- */

/* The side that lacks the sample. A store's log knows more than its state. */
static void put_left_out(struct diff *d, struct wrap *w, const struct difference *x)
{
    char code[16], said[EXCLUSION_SIZE];
    const bool now = x->change == CHANGE_REMOVED;
    struct side *lacks = &d->sides[now];
    wrap_printf(w, STYLE_PLAIN, "  left out %s ", now ? "now:" : "before:");
    if (x->why.code == OPA_F_EXCLUDED && lacks->source.store != NULL)
        wrap_printf(w, STYLE_PLAIN, "excluded %s", side_exclusion(lacks, said, x->id));
    else
        wrap_text(w, x->why.reason, STYLE_PLAIN);
    wrap_printf(w, STYLE_DIM, " (%s)", code_text(code, x->why.code));
}

static void put_heading(struct diff *d, struct sheet *out, const struct difference *x)
{
    char said[EXCLUSION_SIZE];
    static const enum style STYLES[] = {STYLE_INSERTED, STYLE_ERROR, STYLE_WARNING};
    struct wrap w = {.sheet = out, .indent = 9, .columns = term_columns(), .column = 9};
    sheet_cell(out, text_of(CHANGE_NAMES[x->change]), 9, STYLES[x->change]);
    wrap_text(&w, x->id, STYLE_BOLD);
    if (x->kinds != 0)
        wrap_string(&w, "  ", STYLE_PLAIN);
    wrap_kinds(&w, x->kinds);
    if (x->kinds >> KIND_EXCLUDED & 1) {
        wrap_string(&w, " ", STYLE_PLAIN);
        wrap_string(&w, side_exclusion(&d->sides[1], said, x->id), STYLE_PLAIN);
    }
    if (x->why.code != 0)
        put_left_out(d, &w, x);
    wrap_end(&w);
}

/* What changed of one sample, which both sides have: read again, as the summary came first. */
static int put_changed(struct diff *d, struct sheet *out, const struct difference *x)
{
    const size_t columns = term_columns();
    const struct words_options words = words_options_for(d->cli, columns);
    struct face faces[2] = {{0}, {0}};
    int result = 0, status = OPA_OK;
    for (int i = 0; i < 2 && result == 0; i++) {
        result = side_find(&d->sides[i], x->id);
        if (result == 0)
            result = side_face(&d->sides[i], &faces[i], &d->sides[i].sample);
    }
    if (result == 0) {
        struct difference whole = *x;
        whole.faces = faces;
        status = diff_detail(out, &words, columns, &whole);
        sheet_end_line(out);
    }
    face_release(&faces[0]);
    face_release(&faces[1]);
    return status == OPA_OK ? result : cli_fail(d->cli, status, NULL);
}

/* What is gone and what is new take a line each and stand first. */
static int print_list(struct diff *d, struct pager *pager, enum change change)
{
    struct sheet sheet = {0};
    int result = 0;
    const bool details = change == CHANGE_CHANGED && !d->names;
    if (details && d->tally.change[change] > 0)
        sheet_end_line(&sheet);
    for (size_t i = 0; i < d->count && result == 0 && out_alive(d->cli); i++) {
        const struct difference *x = &d->list[i].difference;
        if (x->change != change)
            continue;
        put_heading(d, &sheet, x);
        if (details)
            result = put_changed(d, &sheet, x);
        if (result == 0)
            result = pager_print(pager, &sheet);
        sheet_clear(&sheet);
    }
    sheet_release(&sheet);
    return result;
}

static int print_all(struct diff *d)
{
    static const enum change ORDER[] = {CHANGE_REMOVED, CHANGE_ADDED, CHANGE_CHANGED};
    struct sheet sheet = {0};
    struct pager pager;
    pager_begin(&pager, d->cli, !d->no_pager);
    summary_page(&sheet, &d->comparison, &d->tally);
    int result = pager_print(&pager, &sheet);
    sheet_release(&sheet);
    for (size_t k = 0; k < 3 && result == 0; k++)
        result = print_list(d, &pager, ORDER[k]);
    const int ended = pager_end(&pager);
    return result != 0 ? result : ended;
}

static int diff(struct diff *d)
{
    int result = comparison_init(&d->comparison, d->cli, d->sides);
    if (result == 0 && opa_json_writer_new(d->cli->ctx, &d->w) != OPA_OK)
        result = cli_error(d->cli, EXIT_IO, "out of memory");
    for (int i = 0; i < 2 && result == 0; i++)
        result = side_rewind(&d->sides[i]);
    if (result == 0)
        result = walk(d);
    if (result == 0 && d->jsonl)
        summary_notes(d->cli, &d->comparison);
    if (result == 0 && !d->jsonl)
        result = print_all(d);
    const struct diff_tally *t = &d->tally;
    if (result == 0 && (d->sides[0].lost_count > 0 || d->sides[1].lost_count > 0))
        return EXIT_DATA;
    return result != 0 ? result : t->change[0] + t->change[1] + t->change[2] > 0 ? EXIT_FINDING : EXIT_DONE;
}

static void release(struct diff *d)
{
    for (size_t i = 0; i < d->count; i++) {
        free(d->list[i].id);
        free(d->list[i].reason);
    }
    free(d->list);
    opa_json_writer_free(d->w);
    comparison_release(&d->comparison);
    side_close(&d->sides[0]);
    side_close(&d->sides[1]);
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct diff d = {.cli = cli};
    const struct flag flags[] = {
        {"stat", 0, FLAG_SWITCH, &d.stat},
        {"names", 0, FLAG_SWITCH, &d.names},
        {"jsonl", 0, FLAG_SWITCH, &d.jsonl},
        {"no-pager", 0, FLAG_SWITCH, &d.no_pager},
    };
    int go = cli_options(cli, argc, argv, flags, sizeof flags / sizeof *flags);
    if (go != GO_ON || (go = cli_arguments(cli, 2, 2, "two stores or packs")) != GO_ON)
        return go;
    if (d.stat + d.names + d.jsonl > 1)
        return cli_usage(cli, "give at most one of --stat, --names and --jsonl");
    int result = side_open(&d.sides[0], cli, cli->args[0]);
    if (result == 0)
        result = side_open(&d.sides[1], cli, cli->args[1]);
    if (result == 0)
        result = diff(&d);
    release(&d);
    return result;
}

const struct command cmd_diff = {
    .name = "diff",
    .summary = "show what differs between two stores or packs",
    .help =
        "Example: opapairs diff packs/v1 set.opa\n"
        "         opapairs diff before.opa after.opa --stat\n\n"
        "Usage: opapairs diff A B [--stat | --names | --jsonl] [--no-pager]\n\n"
        "First how many samples were added (only in B), removed (only in A) or changed, and in what way; then each\n"
        "of them: the words that were edited between the two revised texts in force, scores and error types\n"
        "sentence by sentence, the image's kind, size and hash. Long unchanged text is left out as '...'.\n\n"
        "A pack lacks some samples by decision: excluded ones, those with an error, those that its recipe\n"
        "filters out. Where one side is a pack, a store counts as the pack that it would give now with the same\n"
        "recipe: what both leave out is no difference; a sample that was excluded since is removed, one whose\n"
        "exclusion was taken back is added. Between two stores 'excluded' is one of the fields. Packs of other\n"
        "recipes or tokenizers have weights that cannot be compared: scores and error types are, instead.\n\n"
        "  --stat      the summary only\n"
        "  --names     a line per sample that differs, without the details\n"
        "  --jsonl     a JSON document per sample that differs: id, change, fields (revised, feedback,\n"
        "              ground_truth, image, prompt, generated, weights, excluded) and what they were and are\n"
        "  --no-pager  print everything at once\n\n"
        "Exit: 0 the same, 1 they differ, 65 samples of a pack cannot be read (the others are compared).\n",
    .run = run,
};
