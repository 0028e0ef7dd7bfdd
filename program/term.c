/* SPDX-License-Identifier: Apache-2.0 */
#include "term.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "glyph.h"

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

bool term_is_utf8(void)
{
    static const char *const NAMES[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *set = "";
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES && *set == '\0'; i++)
        set = getenv(NAMES[i]) ? getenv(NAMES[i]) : "";
    const char *charset = strchr(set, '.');
    return charset != NULL && (strncasecmp(charset, ".UTF-8", 6) == 0 || strncasecmp(charset, ".UTF8", 5) == 0);
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

size_t term_rows(void)
{
    struct winsize size;
    const char *set = getenv("LINES");
    const long rows = set ? strtol(set, NULL, 10) : 0;
    if (rows > 0)
        return (size_t)rows;
    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

bool term_has_true_color(int fd)
{
    const char *set = getenv("COLORTERM");
    return term_is_smart(fd) && set != NULL && (strcmp(set, "truecolor") == 0 || strcmp(set, "24bit") == 0);
}

static const char *const STYLES[] = {
    [STYLE_PLAIN] = "",
    [STYLE_BOLD] = "\033[1m",
    [STYLE_DIM] = "\033[2m",
    [STYLE_DELETED] = "\033[31;9m",
    [STYLE_INSERTED] = "\033[32;4m",
    [STYLE_ERROR] = "\033[1;31m",
    [STYLE_WARNING] = "\033[33m",
    [STYLE_GOOD] = "\033[32m",
    [STYLE_PIXELS] = "",
};

const char *style_begin(const struct cli *cli, enum style style)
{
    return cli->color_out ? STYLES[style] : "";
}

const char *style_end(const struct cli *cli, enum style style)
{
    return cli->color_out && style != STYLE_PLAIN ? "\033[0m" : "";
}

size_t out_visible(struct cli *cli, opa_text text, size_t columns)
{
    size_t used = 0, most = 0;
    struct glyph g;
    const bool cut = columns > 0 && text_exceeds(text, columns);
    for (size_t i = 0; i < text.size; used += g.columns, most += g.most) {
        i += glyph_next(&g, text.data + i, text.size - i);
        if (cut && most + g.most > columns - 1) {
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
