/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term.h"

enum { MAX_FLAGS = 64, LONG_BASE = 256 };

/* Damerau-Levenshtein without the transposition's generality. */
size_t word_distance(const char *a, const char *b)
{
    enum { MOST = 96 };
    size_t rows[3][MOST + 1];
    const size_t m = strlen(a), n = strlen(b);
    if (m > MOST || n > MOST)
        return MOST;
    for (size_t j = 0; j <= n; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[m % 3][n];
}

const char *cli_nearest(const char *word, const char *const *names)
{
    const char *best = NULL;
    size_t least = strlen(word) <= 4 ? 3 : 4;
    for (; *names != NULL; names++) {
        size_t d = word_distance(word, *names);
        if (strlen(word) >= 2 && strncmp(word, *names, strlen(word)) == 0)
            d = 1;
        if (d < least && d < strlen(*names)) {
            least = d;
            best = *names;
        }
    }
    return best;
}

static int set_number(struct cli *cli, const struct flag *flag, const char *given)
{
    const bool wide = flag->kind == FLAG_U64;
    char *end;
    errno = 0;
    const unsigned long long n = strtoull(given, &end, 10);
    if (*given < '0' || *given > '9' || *end != '\0' || errno != 0 || (!wide && n > INT32_MAX))
        return cli_usage(cli, "--%s: '%s' is not a whole number from 0 to %s", flag->name, given,
                         wide ? "18446744073709551615" : "2147483647");
    if (wide)
        *(uint64_t *)flag->value = n;
    else
        *(int64_t *)flag->value = (int64_t)n;
    return GO_ON;
}

static int set_real(struct cli *cli, const struct flag *flag, const char *given)
{
    char *end;
    const double x = strtod(given, &end);
    if (*given == '\0' || *end != '\0' || !isfinite(x))
        return cli_usage(cli, "--%s: '%s' is not a number", flag->name, given);
    *(double *)flag->value = x;
    return GO_ON;
}

static int set_color(struct cli *cli, const char *when)
{
    const bool always = strcmp(when, "always") == 0;
    if (!always && strcmp(when, "never") != 0 && strcmp(when, "auto") != 0)
        return cli_usage(cli, "--color: '%s' is none of always, never, auto", when);
    cli->color_out = always || (strcmp(when, "auto") == 0 && term_wants_color(STDOUT_FILENO));
    cli->color_err = always || (strcmp(when, "auto") == 0 && term_wants_color(STDERR_FILENO));
    return GO_ON;
}

/* The element of argv that getopt_long() answered for, where it took it for a long option; else NULL. */
static const char *long_given(char **argv, int c, int index)
{
    const bool refused = (c == '?' || c == ':') && (optopt == 0 || optopt >= LONG_BASE || optopt == 'h');
    const bool apart = index >= 0 && optarg != NULL && optarg == argv[optind - 1];
    const char *given = argv[optind - 1 - apart];
    return (index >= 0 || refused) && strncmp(given, "--", 2) == 0 ? given : NULL;
}

/* getopt_long() takes the beginning of a name for the name: "--json" for "--jsonl", of which a script would learn from
 * its output, and every option that is added could change what another beginning means. */
static bool is_whole(const char *given, const struct option *longs)
{
    const size_t size = strcspn(given + 2, "=");
    for (; longs->name != NULL; longs++) {
        if (strlen(longs->name) == size && memcmp(longs->name, given + 2, size) == 0)
            return true;
    }
    return false;
}

static int unknown_option(struct cli *cli, const char *given, const struct flag *flags, size_t count)
{
    const char *names[MAX_FLAGS + 3] = {"help", "color"};
    for (size_t i = 0; i < count; i++)
        names[i + 2] = flags[i].name;
    if (strncmp(given, "--", 2) != 0)
        return cli_usage(cli, "unknown option '%s'", given);
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(given + 2, "="), given + 2);
    const char *near = cli_nearest(word, names);
    return near ? cli_usage(cli, "unknown option '--%s'; did you mean '--%s'?", word, near)
                : cli_usage(cli, "unknown option '--%s'", word);
}

static int add_text(struct cli *cli, const struct flag *flag, const char *given)
{
    struct texts *texts = flag->value;
    if (texts->count == MAX_TEXTS)
        return cli_usage(cli, "--%s: given more than %d times", flag->name, MAX_TEXTS);
    texts->of[texts->count++] = given;
    return GO_ON;
}

static int set_who(struct cli *cli, const struct flag *flag, const char *given)
{
    if (*given == '\0')
        return cli_usage(cli, "--%s: an empty name says nothing of who it was; leave the option out instead",
                         flag->name);
    if (!text_is_utf8(text_of(given)))
        return cli_usage(cli, "--%s must be UTF-8", flag->name);
    *(const char **)flag->value = given;
    return GO_ON;
}

static int set_flag(struct cli *cli, const struct flag *flag, const char *given)
{
    switch (flag->kind) {
    case FLAG_SWITCH:
        *(bool *)flag->value = true;
        return GO_ON;
    case FLAG_TEXT:
        *(const char **)flag->value = given;
        return GO_ON;
    case FLAG_WHO:
        return set_who(cli, flag, given);
    case FLAG_TEXTS:
        return add_text(cli, flag, given);
    case FLAG_REAL:
        return set_real(cli, flag, given);
    default:
        return set_number(cli, flag, given);
    }
}

/* The options as getopt_long() wants them: HELP and COLOR first, then the verb's own. */
static void describe(char *letters, struct option *longs, const struct flag *flags, size_t count)
{
    *letters++ = ':';
    *letters++ = 'h';
    longs[0] = (struct option){"help", no_argument, NULL, 'h'};
    longs[1] = (struct option){"color", required_argument, NULL, LONG_BASE + MAX_FLAGS};
    for (size_t i = 0; i < count; i++) {
        const bool takes = flags[i].kind != FLAG_SWITCH;
        longs[i + 2] =
            (struct option){flags[i].name, takes ? required_argument : no_argument, NULL, LONG_BASE + (int)i};
        if (flags[i].letter != 0) {
            *letters++ = flags[i].letter;
            if (takes)
                *letters++ = ':';
        }
    }
    longs[count + 2] = (struct option){0};
    *letters = '\0';
}

static int list_options(struct cli *cli, const struct flag *flags, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (flags[i].letter != 0)
            out_printf(cli, "-%c, ", flags[i].letter);
        out_printf(cli, "--%s%s\n", flags[i].name, flags[i].kind == FLAG_SWITCH ? "" : " VALUE");
    }
    return EXIT_DONE;
}

int cli_options(struct cli *cli, int argc, char **argv, const struct flag *flags, size_t count)
{
    struct option longs[MAX_FLAGS + 3];
    char letters[2 * MAX_FLAGS + 3];
    if (argc == 2 && strcmp(argv[1], "--list-options") == 0)
        return list_options(cli, flags, count);
    describe(letters, longs, flags, count);
    opterr = 0;
    optind = 1;
    for (;;) {
        int index = -1, result = GO_ON;
        const int c = getopt_long(argc, argv, letters, longs, &index);
        if (c == -1)
            break;
        const char *given = long_given(argv, c, index);
        if (given != NULL && !is_whole(given, longs))
            return unknown_option(cli, given, flags, count);
        if (c == 'h') {
            out_printf(cli, "%s", cli->command->help);
            return EXIT_DONE;
        }
        if (c == '?')
            return optopt != 0 && optopt < LONG_BASE ? cli_usage(cli, "unknown option '-%c'", optopt)
                   : optopt >= LONG_BASE             ? cli_usage(cli, "option '%s' takes no value", argv[optind - 1])
                                                     : unknown_option(cli, argv[optind - 1], flags, count);
        if (c == ':')
            return cli_usage(cli, "option '%s' needs a value", argv[optind - 1]);
        if (c == LONG_BASE + MAX_FLAGS)
            result = set_color(cli, optarg);
        for (size_t i = 0; i < count && result == GO_ON; i++) {
            if (c == LONG_BASE + (int)i || (flags[i].letter != 0 && c == flags[i].letter))
                result = set_flag(cli, &flags[i], optarg);
        }
        if (result != GO_ON)
            return result;
    }
    cli->args = argv + optind;
    cli->arg_count = argc - optind;
    return GO_ON;
}

int cli_arguments(struct cli *cli, int min, int max, const char *what)
{
    if (cli->arg_count < min)
        return cli_usage(cli, "%s: expected %s", cli->arg_count == 0 ? "nothing given" : "something is missing", what);
    if (max >= 0 && cli->arg_count > max)
        return cli_usage(cli, "'%s' is too much: expected %s", cli->args[max], what);
    return GO_ON;
}
