/* SPDX-License-Identifier: Apache-2.0 */
/* The tally as a picture: cards in two columns under a row of the main numbers. Nothing outside the file is needed, its
 * bytes follow from the counts alone, and it stands on a ground of its own, so that it can be read in light and dark
 * viewers alike. */
#include <stdlib.h>
#include <string.h>

#include "glyph.h"
#include "tally.h"

/* Pixels, but for TOP. */
enum {
    WIDTH = 960,
    MARGIN = 24,
    GAP = 16,
    CARD = (WIDTH - 2 * MARGIN - GAP) / 2,
    PAD = 16,   /* inside a card */
    TITLE = 44, /* of a card: from its top to its first row */
    ROW = 26,
    TILES = 5,
    TILE_GAP = 13,
    TILE = (WIDTH - 2 * MARGIN - (TILES - 1) * TILE_GAP) / TILES,
    TILE_HEIGHT = 76,
    HISTOGRAM = 150, /* height of its tallest bar */
    COLUMN = 7,      /* width of a letter, about */
    TOP = 12,        /* corrections */
};

static const char STYLE[] =
    "<style>\n"
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','Noto Sans',Arial,sans-serif;"
    "font-size:13px;fill:#1f2328}\n"
    ".h{font-size:20px;font-weight:600}.t{font-size:14px;font-weight:600}.k{font-size:24px;font-weight:600}\n"
    ".d{fill:#59636e}.s{font-size:11px}.e{text-anchor:end}.m{text-anchor:middle}\n"
    ".ground{fill:#f6f8fa}.card{fill:#fff;stroke:#d1d9e0}.track{fill:#eef1f4}.axis{stroke:#d1d9e0}\n"
    ".plain{fill:#4c8dd6}.good{fill:#3fa45b}.fine{fill:#d4a72c}.warn{fill:#e0823d}.bad{fill:#cf4a4f}.none{fill:#9aa4af}"
    "\n"
    "@media (prefers-color-scheme:dark){text{fill:#e6edf3}.d{fill:#9198a1}.ground{fill:#0d1117}"
    ".card{fill:#151b23;stroke:#3d444d}.track{fill:#212830}.axis{stroke:#3d444d}}\n"
    "</style>\n";

struct drawing {
    FILE *f;
    int bottom[2]; /* of the two columns of cards */
};

/* ---- text ---- */

static void put_escaped(FILE *f, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        switch (bytes[i]) {
        case '&':
            fputs("&amp;", f);
            break;
        case '<':
            fputs("&lt;", f);
            break;
        case '>':
            fputs("&gt;", f);
            break;
        case '"':
            fputs("&quot;", f);
            break;
        default:
            fputc(bytes[i], f);
        }
    }
}

/* Any text on one line, cut at @p columns with an ellipsis. What XML does not allow comes out of glyph_next() as a
 * symbol, but for two code points that are no characters. */
static void put_text(FILE *f, opa_text text, size_t columns)
{
    struct glyph g;
    size_t used = 0;
    const bool cut = text_width(text) > columns;
    for (size_t i = 0; i < text.size; used += g.most) {
        i += glyph_next(&g, text.data + i, text.size - i);
        if (cut && used + g.most > columns - 1) {
            fputs("…", f);
            return;
        }
        if (g.code == 0xFFFE || g.code == 0xFFFF)
            fputs("\xEF\xBF\xBD", f);
        else
            put_escaped(f, g.bytes, g.size);
    }
}

static void put_string(FILE *f, int x, int y, const char *classes, const char *text)
{
    fprintf(f, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, classes);
    put_text(f, text_of(text), 200);
    fputs("</text>\n", f);
}

/* In a window of its own, since letters may be wider than they are taken for; the whole text shows on hovering. */
static void put_label(FILE *f, int x, int y, int width, opa_text text)
{
    fprintf(f, "<svg x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"><text x=\"0\" y=\"18\"><title>", x, y, width, ROW);
    put_text(f, text, 400);
    fputs("</title>", f);
    put_text(f, text, (size_t)(width / COLUMN));
    fputs("</text></svg>\n", f);
}

/* ---- cards ---- */

struct bar {
    opa_text label;
    int64_t n;
    const char *color; /* a class of the style */
};

/* A card of bars, one below the other. */
struct bars {
    const char *title;
    int64_t total; /* of 100 percent; 0: no percentages */
    int label;     /* width of the labels */
    struct bar rows[TOP];
    size_t count;
};

static void add_bar(struct bars *b, const char *label, int64_t n, const char *color)
{
    b->rows[b->count++] = (struct bar){text_of(label), n, color};
}

/* Begin a card in the shorter column; returns its corner. */
static void begin_card(struct drawing *d, int *x, int *y, int height, const char *title)
{
    const int column = d->bottom[1] < d->bottom[0];
    *x = MARGIN + column * (CARD + GAP);
    *y = d->bottom[column];
    d->bottom[column] += height + GAP;
    fprintf(d->f, "<rect class=\"card\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", *x, *y, CARD,
            height);
    put_string(d->f, *x + PAD, *y + 28, "t", title);
}

static int64_t longest(const struct bar *rows, size_t count)
{
    int64_t most = 1;
    for (size_t i = 0; i < count; i++)
        most = rows[i].n > most ? rows[i].n : most;
    return most;
}

/* What is not nothing is a pixel at least. */
static int length_of(int64_t n, int64_t most, int pixels)
{
    const int length = (int)((double)n / (double)most * pixels + 0.5);
    return n > 0 && length == 0 ? 1 : length;
}

static void put_bars(struct drawing *d, const struct bars *b)
{
    enum { PERCENT = 50, NUMBER = 56, THICK = 14 };
    const int width = CARD - 2 * PAD - b->label - NUMBER - (b->total > 0 ? PERCENT : 0) - 8;
    const int64_t most = longest(b->rows, b->count);
    char text[32];
    int x, y;
    if (b->count == 0)
        return;
    begin_card(d, &x, &y, TITLE + (int)b->count * ROW + 10, b->title);
    for (size_t i = 0; i < b->count; i++) {
        const struct bar *r = &b->rows[i];
        const int top = y + TITLE + (int)i * ROW, right = x + CARD - PAD;
        put_label(d->f, x + PAD, top, b->label - 8, r->label);
        fprintf(d->f, "<rect class=\"track\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"3\"/>\n",
                x + PAD + b->label, top + 6, width, THICK);
        if (r->n > 0)
            fprintf(d->f, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"3\"/>\n", r->color,
                    x + PAD + b->label, top + 6, length_of(r->n, most, width), THICK);
        put_string(d->f, right - (b->total > 0 ? PERCENT : 0), top + 18, "e", thousands(text, r->n));
        if (b->total > 0)
            put_string(d->f, right, top + 18, "e d", percentage(text, r->n, b->total));
    }
}

static void put_scores(struct drawing *d, const struct tally *t)
{
    static const char *const LABELS[] = {"no score", "1 wrong", "2 substantial", "3 slight", "4 accurate"};
    static const char *const COLORS[] = {"none", "bad", "warn", "fine", "good"};
    struct bars b = {.title = "Scores of sentences", .total = t->sentences, .label = 110};
    for (int i = 4; i >= 0 && t->sentences > 0; i--) {
        if (i > 0 || t->scores[0] > 0)
            add_bar(&b, LABELS[i], t->scores[i], COLORS[i]);
    }
    put_bars(d, &b);
}

static void put_error_types(struct drawing *d, const struct tally *t)
{
    static const char *const LABELS[] = {"no type", "correct", "image recognition", "language comprehension"};
    static const char *const COLORS[] = {"none", "good", "plain", "plain"};
    struct bars b = {.title = "Error types of sentences", .total = t->sentences, .label = 184};
    for (int i = 1; i <= OPA_ERROR_TYPE_LANGUAGE + 1 && t->sentences > 0; i++) {
        const int type = i % (OPA_ERROR_TYPE_LANGUAGE + 1);
        if (type != OPA_ERROR_TYPE_NONE || t->error_types[type] > 0)
            add_bar(&b, LABELS[type], t->error_types[type], COLORS[type]);
    }
    put_bars(d, &b);
}

static void put_certificates(struct drawing *d, const struct tally *t)
{
    static const char *const COLORS[] = {"none", "good", "fine", "warn", "bad"};
    struct bars b = {.title = "Certificates", .total = t->samples, .label = 126};
    for (int c = OPA_EXACT; c <= OPA_BROKEN && t->samples > 0; c++)
        add_bar(&b, tally_certificate_name(c), t->certificates[c], COLORS[c]);
    if (t->certificates[OPA_CERTIFICATE_NONE] > 0)
        add_bar(&b, "without a report", t->certificates[OPA_CERTIFICATE_NONE], COLORS[0]);
    put_bars(d, &b);
}

static void put_review(struct drawing *d, const struct tally *t)
{
    static const char *const COLORS[] = {"none", "plain", "good", "fine", "bad"};
    struct bars b = {.title = "Review", .total = t->samples, .label = 110};
    for (int r = OPA_REVIEW_EXCLUDED; r >= OPA_REVIEW_NONE && t->reviewed && t->samples > 0; r--)
        add_bar(&b, opa_review_name((opa_review)r), t->reviews[r], COLORS[r]);
    put_bars(d, &b);
}

/* False: out of memory. */
static bool put_corrections(struct drawing *d, const struct tally *t)
{
    const struct corrections *c = &t->corrections;
    struct bars b = {.title = "Most often corrected", .label = 236};
    bool memory = true;
    char *labels[TOP] = {NULL};
    for (size_t i = 0; i < TOP && i < c->ranked_count && memory; i++) {
        size_t size;
        labels[i] = correction_text(&size, &c->ranked[i]);
        memory = labels[i] != NULL;
        if (memory)
            b.rows[b.count++] = (struct bar){{labels[i], size}, c->ranked[i].count, "plain"};
    }
    put_bars(d, &b);
    for (size_t i = 0; i < TOP; i++)
        free(labels[i]);
    return memory;
}

/* Bars that stand: nothing edited, then the tenths, which begin and end at the marks of the axis. */
static void put_shares(struct drawing *d, const struct tally *t)
{
    enum { FIRST = 46, STEP = (CARD - 2 * PAD - FIRST - 8) / TALLY_SHARES, THIN = STEP - 8, HEIGHT = 250 };
    int64_t most = 1;
    char text[32];
    int x, y;
    if (t->samples == t->without_revised)
        return;
    for (int i = 0; i <= TALLY_SHARES; i++)
        most = t->shares[i] > most ? t->shares[i] : most;
    begin_card(d, &x, &y, HEIGHT, "Share of edited tokens");
    const int base = y + TITLE + 18 + HISTOGRAM, left = x + PAD;
    for (int i = 0; i <= TALLY_SHARES; i++) {
        const int bar = i == 0 ? left + 4 : left + FIRST + (i - 1) * STEP + (STEP - THIN) / 2;
        const int height = length_of(t->shares[i], most, HISTOGRAM);
        if (t->shares[i] > 0) {
            fprintf(d->f, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"2\"/>\n",
                    i == 0 ? "none" : "plain", bar, base - height, THIN, height);
            put_string(d->f, bar + THIN / 2, base - height - 6, "m s", thousands(text, t->shares[i]));
        }
        snprintf(text, sizeof text, i == TALLY_SHARES ? "%d %%" : "%d", i * 10);
        put_string(d->f, left + FIRST + i * STEP, base + 17, "m s d", text);
    }
    put_string(d->f, left + 4 + THIN / 2, base + 17, "m s d", "none");
    fprintf(d->f, "<path class=\"axis\" d=\"M%d %dh%dM%d %dh%d\"/>\n", left, base, THIN + 8, left + FIRST, base,
            TALLY_SHARES * STEP);
    put_string(d->f, x + CARD - PAD, y + 28, "e d s", "samples");
}

/* ---- the whole ---- */

static void put_tiles(FILE *f, const struct tally *t, int y)
{
    const struct {
        const char *what;
        int64_t n;
        bool share;
    } tiles[TILES] = {{"samples", t->samples, false},
                      {"distinct images", t->images, false},
                      {"edited", t->edited, true},
                      {"left out by default recipe", t->left_out, true},
                      {"excluded by a person", t->excluded, true}};
    char text[32], share[16];
    for (int i = 0; i < TILES; i++) {
        const int x = MARGIN + i * (TILE + TILE_GAP);
        fprintf(f, "<rect class=\"card\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", x, y, TILE,
                TILE_HEIGHT);
        fprintf(f, "<text x=\"%d\" y=\"%d\" class=\"k\">%s", x + 12, y + 36, thousands(text, tiles[i].n));
        if (tiles[i].share && t->samples > 0) {
            fputs("<tspan class=\"d\" style=\"font-size:13px;font-weight:400\" dx=\"8\">", f);
            put_text(f, text_of(percentage(share, tiles[i].n, t->samples)), 16);
            fputs("</tspan>", f);
        }
        fputs("</text>\n", f);
        put_string(f, x + 12, y + 60, "d s", tiles[i].what);
    }
}

static void put_head(FILE *f, const struct tally *t)
{
    char a[32], b[32], c[32], line[200];
    fputs("<text x=\"24\" y=\"44\" class=\"h\">", f);
    put_text(f, text_of(t->name), 70);
    if (t->chosen != NULL) {
        fputs("<tspan class=\"d\" style=\"font-size:13px;font-weight:400\" dx=\"12\">", f);
        put_text(f, text_of(t->chosen), 90 - (text_width(text_of(t->name)) < 70 ? text_width(text_of(t->name)) : 70));
        fputs("</tspan>", f);
    }
    fputs("</text>\n", f);
    snprintf(line, sizeof line, "Pairs: %s language, %s image, %s anchor", thousands(a, (int64_t)t->pairs.language),
             thousands(b, (int64_t)t->pairs.image), thousands(c, (int64_t)t->pairs.anchor));
    put_string(f, MARGIN, 68, "d", line);
    snprintf(line, sizeof line, "Tokens (%s): %s kept, %s deleted, %s inserted", opa_tokenizer_kind(t->tokenizer),
             thousands(a, t->kept), thousands(b, t->deleted), thousands(c, t->inserted));
    put_string(f, WIDTH - MARGIN, 68, "e d", line);
}

/* Everything below the head; returns the height of the picture, or -1: out of memory. */
static int put_body(FILE *f, const struct tally *t)
{
    enum { TILES_TOP = 88 };
    struct drawing d = {.f = f};
    put_tiles(f, t, TILES_TOP);
    d.bottom[0] = d.bottom[1] = TILES_TOP + TILE_HEIGHT + GAP;
    put_scores(&d, t);
    put_shares(&d, t);
    put_error_types(&d, t);
    const bool memory = put_corrections(&d, t);
    put_certificates(&d, t);
    put_review(&d, t);
    return memory ? (d.bottom[0] > d.bottom[1] ? d.bottom[0] : d.bottom[1]) - GAP + MARGIN : -1;
}

static void put_all(FILE *f, const struct tally *t, const char *body, int height)
{
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n"
            "<title>",
            WIDTH, height, WIDTH, height);
    put_text(f, text_of(t->name), 70);
    fprintf(f, "</title>\n%s<rect class=\"ground\" width=\"%d\" height=\"%d\"/>\n", STYLE, WIDTH, height);
    put_head(f, t);
    fputs(body, f);
    fputs("</svg>\n", f);
}

int tally_draw(char **out, size_t *size, const struct tally *t)
{
    char *body = NULL;
    size_t body_size;
    int height = -1;
    *out = NULL;
    FILE *f = open_memstream(&body, &body_size);
    if (f != NULL) {
        height = put_body(f, t);
        if (fclose(f) != 0)
            height = -1;
    }
    f = height >= 0 ? open_memstream(out, size) : NULL;
    if (f != NULL) {
        put_all(f, t, body, height);
        if (fclose(f) != 0) {
            free(*out);
            *out = NULL;
        }
    }
    free(body);
    return *out != NULL ? 0 : cli_error(t->cli, EXIT_IO, "out of memory");
}
