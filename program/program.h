/* SPDX-License-Identifier: Apache-2.0 */
/* What both programs share: verbs, options, messages, exit codes, output and progress. Over the library's public headers
 * only. */
#ifndef OPAPAIRS_PROGRAM_H
#define OPAPAIRS_PROGRAM_H

#include <opapairs/opapairs.h>

#include <stdio.h>

/* The exit codes, as sysexits(3) has them. */
enum {
    EXIT_DONE = 0,
    EXIT_FINDING = 1, /* done, and something is to be said */
    EXIT_USAGE = 2,
    EXIT_DATA = 65,
    EXIT_NO_INPUT = 66,
    EXIT_NOT_BUILT_IN = 69,
    EXIT_SOFTWARE = 70,
    EXIT_CREATE = 73,
    EXIT_IO = 74,
    EXIT_BUSY = 75,
};

struct cli;

/* One verb. The manual page and the completion are made from the help (doc/help_text.py), so it has a form, and what
 * breaks it breaks the build:
 *
 *     Example: opapairs VERB ...       first; further ones below, indented
 *
 *     Usage: opapairs VERB ...         further forms, and lines that go on, indented
 *
 *     Paragraphs. What is UPPERCASE in the usage is a value's name; kinds that the completion knows: FILE, DIR, STORE,
 *     PACK, CHECKPOINT_DIR, ID, CODE, and NAME (what the verb of the option's name, or this one, lists); a|b|c are words;
 *     WORD,... are several with commas between.
 *
 *       -l, --name VALUE  text         options, all that the verb takes but --help and --color; two spaces in front
 *       --other           text         all texts of a list begin in one column, where they also go on; "a, b or c" at
 *                                      the beginning or behind a colon are the words that the value may be
 *
 *     Environment:                     optional
 *       NAME, NAME        text
 *
 *     Exit: 0 this, 1 that.            optional, last
 */
struct command {
    const char *name;
    const char *summary; /* a verb phrase, without a full stop */
    const char *help;
    int (*run)(struct cli *cli, int argc, char **argv);
};

/* One program: opapairs or opatrain. */
struct program {
    const char *name;
    const char *version;
    const char *head; /* of --help: examples and what the program is for; the list of verbs follows, then foot */
    const char *foot;
    const char *(*versions)(void);         /* of what is linked, one a line */
    const struct command *const *commands; /* in the order in which they are used; NULL ends it */
    const struct command *const *hidden;   /* that no help lists, for other programs; NULL: none, or ends with it */
};

/* The program's state: one per run, passed to everything. */
struct cli {
    const struct program *program;
    const struct command *command; /* NULL before a verb is known */
    opa_context *ctx;
    char **args; /* what is left after the options */
    int arg_count;
    bool color_out, color_err;
    char *held; /* where the last message goes, with room for held_size, while a screen belongs to somebody, or another
                   process speaks; no progress is shown */
    size_t held_size;
    int out_errno;       /* of the first failed write to standard output */
    bool progress_shown; /* a progress line stands on the terminal */
};

/* ---- options (options.c) ---- */

enum flag_kind {
    FLAG_SWITCH, /* bool */
    FLAG_TEXT,   /* const char *; the last one given */
    FLAG_WHO,    /* the same, a name: UTF-8, and not empty */
    FLAG_TEXTS,  /* struct texts: all that are given */
    FLAG_COUNT,  /* int64_t, 0 and up */
    FLAG_U64,    /* uint64_t */
    FLAG_REAL,   /* double, finite */
};

enum { MAX_TEXTS = 8 };
struct texts {
    const char *of[MAX_TEXTS];
    size_t count;
};

struct flag {
    const char *name;
    char letter; /* 0: none */
    enum flag_kind kind;
    void *value;
};

enum { GO_ON = -1 };

/* ---- the way from main() and back (run.c) ---- */

/* Finds the verb, runs it, and answers for what standard output did in the end. The exit code. */
int program_run(const struct program *program, int argc, char **argv);

/* Read the options; --help and --color are known to every verb. GO_ON, or the exit code: the run is over. Alone,
 * --list-options prints the verb's own, one a line as the help has them but with VALUE for each value: the manual and
 * the completion are checked against it. */
int cli_options(struct cli *cli, int argc, char **argv, const struct flag *flags, size_t count);
/* Refuse fewer than @p min or more than @p max arguments (-1: any number). @p what names them. */
int cli_arguments(struct cli *cli, int min, int max, const char *what);
/* The nearest of @p names (ends with NULL) to @p word, or NULL when none is near. */
const char *cli_nearest(const char *word, const char *const *names);
/* Letters to put in, leave out, change or swap between two words; much for words of over 96 bytes. */
size_t word_distance(const char *a, const char *b);

/* ---- messages and exit codes (program.c) ---- */

int cli_exit_of(int status);
/* "opapairs VERB: message" on stderr; returns @p exit_code. */
int cli_error(struct cli *cli, int exit_code, const char *format, ...) OPA_PRINTF(3, 4);
/* A usage error, with a hint to --help. */
int cli_usage(struct cli *cli, const char *format, ...) OPA_PRINTF(2, 3);
/* A failure of the library: prints its message, in front of it @p about where the message does not name it. */
int cli_fail(struct cli *cli, int status, const char *about);
/* A remark on stderr: "opapairs VERB: message". */
void cli_note(struct cli *cli, const char *format, ...) OPA_PRINTF(2, 3);

/* ---- standard output (program.c) ---- */

/* False once writing has failed: stop making more. */
bool out_alive(const struct cli *cli);
void out_bytes(struct cli *cli, const void *bytes, size_t size);
void out_printf(struct cli *cli, const char *format, ...) OPA_PRINTF(2, 3);
/* Pass on what was written so far; a failure is kept like that of a write. */
void out_flush(struct cli *cli);
/* What the writer holds and a line break; the writer is cleared. An exit code or 0. */
int out_json_line(struct cli *cli, opa_json_writer *w);

/* ---- helpers (program.c) ---- */

opa_text text_of(const char *s);
bool text_equal(opa_text a, opa_text b);
/* The order of two texts by their bytes: below 0, 0, above 0. */
int text_compare(opa_text a, opa_text b);
/* Well-formed UTF-8? */
bool text_is_utf8(opa_text text);
/* Copy as much as fits, NUL-terminated, into @p to with @p room bytes; no character is cut in two. */
void text_copy(char *to, size_t room, opa_text text);
/* A copy with a NUL behind it, malloc()ed. NULL: no memory. */
char *text_duplicate(opa_text text);
/* Compare names as people do: runs of digits by their value. */
int name_compare(const char *a, const char *b);
/* 1234567 as "1,234,567". @p out has room for 32. */
const char *thousands(char out[32], int64_t n);
/* Bytes as lower-case hexadecimal digits; @p out has room for them and a NUL. Returns it. */
const char *hex_text(char *out, const uint8_t *bytes, size_t size);
/* "53 %"; only all of it is "100 %", and only nothing "0 %". @p total is not 0; @p out has room for 16. */
const char *percentage(char out[16], int64_t n, int64_t total);
/* A whole file ("-": stdin) into memory, which the caller frees. Exit code, or 0. */
int read_file(struct cli *cli, char **out, size_t *size, const char *path);
/* Every byte, whatever interrupts; false: errno says why. */
bool write_all(int fd, const void *bytes, size_t size);
/* Who edits: @p by, else the login name; NULL unknown. */
const char *who(const char *by);

/* ---- progress (progress.c) ---- */

/* A line on a terminal's stderr, at most ten times a second; else a line every ten seconds. */
struct progress {
    struct cli *cli;
    double started, shown;
    bool terminal;
};
void progress_start(struct progress *p, struct cli *cli);
void progress_show(struct progress *p, const opa_progress *now);
/* Work that is counted in samples and measured in tokens. */
struct token_progress {
    const char *stage;
    int64_t done, total; /* samples */
    int64_t before;      /* of done: those of an earlier run */
    int64_t tokens;      /* of this run; 0: none are counted */
};
void progress_tokens(struct progress *p, const struct token_progress *now);
/* Training: updates, and what is worth watching. */
struct step_progress {
    const char *stage;
    int64_t done, total;  /* updates */
    int64_t before;       /* of done: those of an earlier run */
    int64_t samples, all; /* of the update under way: an update may take an hour; 0 of 0 between updates */
    int64_t tokens;       /* of this run */
    const char *what;     /* "loss 4.4361, margin 0.02" */
};
void progress_steps(struct progress *p, const struct step_progress *now);
/* Seconds since progress_start(). */
double progress_seconds(const struct progress *p);
/* Wipe the line, so that other messages can be printed. */
void progress_clear(struct cli *cli);

#endif
