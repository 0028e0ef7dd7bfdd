/* SPDX-License-Identifier: Apache-2.0 */
#include "term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

bool term_is_smart(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) && term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
}

bool term_wants_color(int fd)
{
    const char *no_color = getenv("NO_COLOR");
    return term_is_smart(fd) && (no_color == NULL || *no_color == '\0');
}

size_t term_columns(void)
{
    enum { NARROWEST = 40, DEFAULT = 100 };
    const char *set = getenv("COLUMNS");
    struct winsize size;
    long columns = set ? strtol(set, NULL, 10) : 0;
    if (columns <= 0 && isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        columns = size.ws_col;
    if (columns <= 0 || columns > 10000)
        columns = DEFAULT;
    return columns < NARROWEST ? NARROWEST : (size_t)columns;
}

static const char *const STYLES[] = {
    [STYLE_PLAIN] = "",
    [STYLE_BOLD] = "\033[1m",
    [STYLE_DIM] = "\033[2m",
    [STYLE_DELETED] = "\033[31;9m",
    [STYLE_INSERTED] = "\033[32m",
    [STYLE_ERROR] = "\033[1;31m",
    [STYLE_WARNING] = "\033[33m",
    [STYLE_GOOD] = "\033[32m",
};

const char *style_begin(const struct cli *cli, enum style style)
{
    return cli->color_out ? STYLES[style] : "";
}

const char *style_end(const struct cli *cli, enum style style)
{
    return cli->color_out && style != STYLE_PLAIN ? "\033[0m" : "";
}

/* One character of a text as it is shown. */
struct glyph {
    char bytes[16];
    size_t size, columns;
    bool space;
};

/* Decode one character; a lone surrogate is one, and so is a byte that belongs to none (-1). Returns its bytes. */
static size_t decode(int32_t *out, const unsigned char *s, size_t size)
{
    if (s[0] == 0xED && size >= 3 && s[1] >= 0xA0 && s[1] <= 0xBF && (s[2] & 0xC0) == 0x80) {
        *out = 0xD000 | (s[1] & 0x3F) << 6 | (s[2] & 0x3F);
        return 3;
    }
    utf8proc_int32_t c;
    const utf8proc_ssize_t n = utf8proc_iterate(s, size > 4 ? 4 : (utf8proc_ssize_t)size, &c);
    *out = n > 0 ? c : -1;
    return n > 0 ? (size_t)n : 1;
}

static bool is_direction_mark(int32_t c)
{
    return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

static size_t next_glyph(struct glyph *out, const char *s, size_t size)
{
    int32_t c;
    const size_t n = decode(&c, (const unsigned char *)s, size);
    out->space = c == ' ';
    if (c >= 0 && (c < 0x20 || c == 0x7F)) { /* U+2400 CONTROL PICTURES */
        const int picture = c == 0x7F ? 0x2421 : 0x2400 + c;
        out->size = (size_t)utf8proc_encode_char(picture, (utf8proc_uint8_t *)out->bytes);
        out->columns = 1;
    } else if (c < 0) {
        out->size = (size_t)snprintf(out->bytes, sizeof out->bytes, "<%02X>", (unsigned char)*s);
        out->columns = out->size;
    } else if ((c >= 0x80 && c < 0xA0) || (c >= 0xD800 && c < 0xE000) || is_direction_mark(c) || c == 0x2028 ||
               c == 0x2029 || c == 0xFEFF) {
        out->size = (size_t)snprintf(out->bytes, sizeof out->bytes, "<U+%04X>", (unsigned)c);
        out->columns = out->size;
    } else {
        memcpy(out->bytes, s, n);
        out->size = n;
        const int columns = utf8proc_charwidth(c);
        out->columns = columns > 0 ? (size_t)columns : 0;
    }
    return n;
}

size_t term_width(opa_text text)
{
    size_t columns = 0;
    struct glyph g;
    for (size_t i = 0; i < text.size; columns += g.columns)
        i += next_glyph(&g, text.data + i, text.size - i);
    return columns;
}

size_t out_visible(struct cli *cli, opa_text text, size_t columns)
{
    size_t used = 0;
    struct glyph g;
    /* The width is asked for only where it can matter: a text of at most that many bytes fits. */
    const bool cut = columns > 0 && text.size > columns && term_width(text) > columns;
    for (size_t i = 0; i < text.size; used += g.columns) {
        i += next_glyph(&g, text.data + i, text.size - i);
        if (cut && used + g.columns > columns - 1) {
            out_bytes(cli, "…", strlen("…"));
            return used + 1;
        }
        out_bytes(cli, g.bytes, g.size);
    }
    return used;
}

void out_cell(struct cli *cli, opa_text text, size_t columns)
{
    const size_t used = out_visible(cli, text, columns);
    if (used < columns)
        out_printf(cli, "%*s", (int)(columns - used), "");
}

static void set_style(struct wrap *w, enum style style)
{
    if (style == w->printed)
        return;
    out_printf(w->cli, "%s%s", style_end(w->cli, w->printed), style_begin(w->cli, style));
    w->printed = style;
}

static void break_line(struct wrap *w)
{
    set_style(w, STYLE_PLAIN);
    out_bytes(w->cli, "\n", 1);
    w->column = 0;
    w->spaces = 0;
}

static void flush_word(struct wrap *w)
{
    if (w->size == 0)
        return;
    if (w->column > 0 && w->column + w->spaces + w->width > w->columns)
        break_line(w);
    if (w->column == 0) {
        out_printf(w->cli, "%*s", (int)w->indent, "");
        w->column = w->indent;
    } else {
        /* Spaces inside an edit belong to it; the others are plain. */
        set_style(w, w->printed == (enum style)w->styles[0] ? w->printed : STYLE_PLAIN);
        out_printf(w->cli, "%*s", (int)w->spaces, "");
        w->column += w->spaces;
    }
    for (size_t i = 0; i < w->size;) {
        size_t end = i + 1;
        while (end < w->size && w->styles[end] == w->styles[i])
            end++;
        set_style(w, (enum style)w->styles[i]);
        out_bytes(w->cli, w->word + i, end - i);
        i = end;
    }
    w->column += w->width;
    w->size = w->width = w->spaces = 0;
}

void wrap_text(struct wrap *w, opa_text text, enum style style)
{
    struct glyph g;
    for (size_t i = 0; i < text.size && out_alive(w->cli);) {
        const bool line_end = text.data[i] == '\n';
        i += next_glyph(&g, text.data + i, text.size - i);
        if (g.space) {
            flush_word(w);
            w->spaces += w->column + w->spaces < w->columns;
            continue;
        }
        const bool full = w->size + g.size > sizeof w->word;
        if (full || (w->width + g.columns > w->columns - w->indent && w->width > 0))
            flush_word(w);
        memcpy(w->word + w->size, g.bytes, g.size);
        memset(w->styles + w->size, (int)style, g.size);
        w->size += g.size;
        w->width += g.columns;
        if (line_end) {
            flush_word(w);
            break_line(w);
        }
    }
}

void wrap_string(struct wrap *w, const char *s, enum style style)
{
    wrap_text(w, text_of(s), style);
}

void wrap_end(struct wrap *w)
{
    flush_word(w);
    if (w->column > 0)
        break_line(w);
    set_style(w, STYLE_PLAIN);
}
