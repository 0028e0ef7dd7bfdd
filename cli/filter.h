/* SPDX-License-Identifier: Apache-2.0 */
/* Which samples a verb looks at, in which order, and how many: the options that inspect, ls, stats and exclude share. */
#ifndef OPAPAIRS_CLI_FILTER_H
#define OPAPAIRS_CLI_FILTER_H

#include <locale.h>
#include <regex.h>

#include "source.h"

enum { FILTER_FLAGS = 9, FILTER_TIMES = MAX_TEXTS };

#define FILTER_USAGE                                                                                                   \
    "         [--only WORD,...] [--score N,...] [--type TYPE,...] [--code CODE,...] [--grep REGEX]\n"                  \
    "         [--ignore-case] [--ids FILE] [--sort KEY] [--limit N]\n"

#define FILTER_HELP                                                                                                    \
    "Which samples: one has to pass every option that is given. Within an option any of its words will do;\n"          \
    "--only, --code and --grep may be given several times, and each has to hold.\n\n"                                  \
    "  --only WORD,...   edited, unedited; exact, repaired, ambiguous, broken, no-report (certificate);\n"             \
    "                    excluded, included, left-out; error, warning (has such a finding); moved, added\n"            \
    "                    (has such a sentence); unseen, seen, undecided (either), accepted, changed (review)\n"        \
    "  --score N,...     some sentence has this score: 1 to 4, or none\n"                                              \
    "  --type TYPE,...   some sentence has this error type: correct, image_recognition_error,\n"                       \
    "                    language_comprehension_error or none; with --score, one that has both\n"                      \
    "  --code CODE,...   has this finding: OP101, or OP1xx for all of that kind\n"                                     \
    "  --grep REGEX      found in the prompt, a response or a reason, line by line: a POSIX extended expression\n"     \
    "  --ignore-case     A and a are the same to --grep\n"                                                             \
    "  --ids FILE        has one of these ids, one a line (-: standard input)\n"                                       \
    "  --sort KEY        edit-share (most first), score (worst first), length (of the generated response in\n"         \
    "                    tokens, longest first) or id; equal ones, and without it all, as they were imported\n"        \
    "  --limit N         the first N only\n"

/* The options as given (NULL: not), and what filter_prepare() made of them. Begin with FILTER_INIT. */
struct filter {
    struct texts only, code, grep;
    const char *score, *type, *ids, *sort;
    bool ignore_case;
    int64_t limit; /* -1: none */

    struct cli *cli;
    uint32_t words[FILTER_TIMES]; /* of each --only: bits of the table in filter.c */
    bool codes[FILTER_TIMES][1000];
    bool scores[5], types[OPA_ERROR_TYPE_LANGUAGE + 1];
    regex_t patterns[FILTER_TIMES];
    size_t pattern_count;
    locale_t utf8; /* the patterns'; 0: they are matched byte by byte */
    char *text;    /* what is matched, with a NUL behind it */
    size_t text_capacity;
    char *id_file; /* its content */
    opa_text *id_list;
    size_t id_count;
    int key; /* of --sort */
    bool failed;
};
#define FILTER_INIT                                                                                                    \
    {                                                                                                                  \
        .limit = -1                                                                                                    \
    }

/* Append FILTER_FLAGS options to a verb's. */
void filter_flags(struct flag *flags, struct filter *f);
/* Is there an option that says which samples? --sort and --limit do not. */
bool filter_selects(const struct filter *f);
/* Do the options ask for findings that only the checker makes (source_note_all())? */
bool filter_wants_checker(const struct filter *f);
/* Read the options. 0, or the exit code of a message that was printed. Released either way with filter_release(). */
int filter_prepare(struct filter *f, struct cli *cli);
/* Can the first sample be shown before all are read? Not where they are sorted, nor where the checker decides. */
bool filter_is_at_once(const struct filter *f);
void filter_release(struct filter *f);
bool filter_pass(struct filter *f, const struct view *view);

/* As source_each(), for the samples that pass, sorted and limited (filter_walk.c). @p ids, where there are any, are the
 * only ones, in this order. An id that the source does not have is a message, and exit code 66 in the end. */
int filter_each(struct filter *f, struct source *s, char *const *ids, int id_count, const char *stage, view_fn fn,
                void *user);

/* What the sample alone says, before anything is made of it: false, it will not pass. */
bool filter_may_pass(const struct filter *f, const opa_sample *sample);

/* ---- saying it (filter_out.c) ---- */

/* Are these not all samples? */
bool filter_in_force(const struct filter *f);
/* The options as given, or null. */
void filter_json(opa_json_writer *w, const struct filter *f);
/* "chosen: --score 1,2 --limit 10", for people. NULL: out of memory. The caller frees it. */
char *filter_text(const struct filter *f);

/* ---- the words of --only (filter_words.c), a bit each ---- */

/* NULL behind the last; there are at most 32. */
const char *filter_word(int place);
/* Does one of them hold? Before there is a view (NULL), it may where that decides. */
bool filter_words_hold(uint32_t words, const opa_sample *sample, const struct view *view);
bool filter_words_want_checker(uint32_t words);

enum sort_key { SORT_NONE, SORT_SHARE, SORT_SCORE, SORT_LENGTH, SORT_ID };

#endif
