/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <stdlib.h>
#include <string.h>

#include "view_out.h"

/* ---- reading the options ---- */

/* A usage error that names the words there are (names ends with NULL). */
static int no_such_word(struct cli *cli, const char *option, const char *word, const char *const *names)
{
    char all[512] = "";
    for (size_t i = 0, used = 0; names[i] != NULL && used < sizeof all; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", names[i]);
    const char *near = cli_nearest(word, names);
    return near ? cli_usage(cli, "--%s: '%s' is none of %s; did you mean '%s'?", option, word, all, near)
                : cli_usage(cli, "--%s: '%s' is none of %s", option, word, all);
}

/* Place of @p word in @p names, or -1. */
static int place_of(const char *word, const char *const *names)
{
    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(word, names[i]) == 0)
            return i;
    }
    return -1;
}

static int take_only(struct filter *f, size_t time, const char *word)
{
    const char *names[33] = {NULL};
    for (int i = 0; filter_word(i) != NULL; i++)
        names[i] = filter_word(i);
    const int place = place_of(word, names);
    if (place < 0)
        return no_such_word(f->cli, "only", word, names);
    f->words[time] |= (uint32_t)1 << place;
    return 0;
}

static int take_score(struct filter *f, size_t time, const char *word)
{
    (void)time;
    static const char *const NAMES[] = {"none", "1", "2", "3", "4", NULL};
    const int place = place_of(word, NAMES);
    if (place < 0)
        return no_such_word(f->cli, "score", word, NAMES);
    f->scores[place] = true;
    return 0;
}

static int take_type(struct filter *f, size_t time, const char *word)
{
    (void)time;
    const char *const names[] = {"none", opa_error_type_name(OPA_ERROR_TYPE_CORRECT),
                                 opa_error_type_name(OPA_ERROR_TYPE_IMAGE),
                                 opa_error_type_name(OPA_ERROR_TYPE_LANGUAGE), NULL};
    _Static_assert(OPA_ERROR_TYPE_NONE == 0 && OPA_ERROR_TYPE_CORRECT == 1 && OPA_ERROR_TYPE_IMAGE == 2 &&
                       OPA_ERROR_TYPE_LANGUAGE == 3,
                   "the order of the names");
    const int place = place_of(word, names);
    if (place < 0)
        return no_such_word(f->cli, "type", word, names);
    f->types[place] = true;
    return 0;
}

/* "OP107", or "OP1xx" and "OP10x" for all that begin so. */
static bool code_matches(const char *word, const char *code)
{
    bool open = false;
    if (strlen(word) != strlen(code))
        return false;
    for (size_t i = 0; word[i] != '\0'; i++) {
        open = open || (i > 2 && (word[i] == 'x' || word[i] == 'X'));
        if (open ? word[i] != 'x' && word[i] != 'X' : word[i] != code[i])
            return false;
    }
    return true;
}

static int take_code(struct filter *f, size_t time, const char *word)
{
    size_t count;
    const opa_code_info *table = opa_code_table(&count);
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        char code[16];
        if (!code_matches(word, code_text(code, table[i].code)))
            continue;
        f->codes[time][table[i].code] = true;
        any = true;
    }
    return any ? 0
               : cli_usage(f->cli,
                           "--code: there is no '%s' (OP101, or OP1xx for all of that kind); 'opapairs check "
                           "--codes' lists them",
                           word);
}

typedef int (*take_fn)(struct filter *f, size_t time, const char *word);

/* Each word of a list with commas, of an option that is given for the n-th time. */
static int take_list(struct filter *f, const char *option, const char *list, size_t time, take_fn take)
{
    int result = 0;
    while (list != NULL && result == 0) {
        char word[64];
        const size_t size = strcspn(list, ",");
        snprintf(word, sizeof word, "%.*s", (int)(size < sizeof word ? size : sizeof word - 1), list);
        result = size > 0 ? take(f, time, word) : cli_usage(f->cli, "--%s: a word is missing", option);
        list = list[size] == ',' ? list + size + 1 : NULL;
    }
    return result;
}

static int take_lists(struct filter *f, const char *option, const struct texts *lists, take_fn take)
{
    int result = 0;
    for (size_t i = 0; i < lists->count && result == 0; i++)
        result = take_list(f, option, lists->of[i], i, take);
    return result;
}

static int take_pattern(struct filter *f, const char *pattern)
{
    regex_t *to = &f->patterns[f->pattern_count];
    const int flags = REG_EXTENDED | REG_NOSUB | REG_NEWLINE | (f->ignore_case ? REG_ICASE : 0);
    const int error = regcomp(to, pattern, flags);
    char message[128];
    if (error == 0) {
        f->pattern_count++;
        return 0;
    }
    regerror(error, to, message, sizeof message);
    return cli_usage(f->cli, "--grep: '%s': %s", pattern, message);
}

static int take_patterns(struct filter *f)
{
    int result = 0;
    if (f->grep.count == 0)
        return f->ignore_case ? cli_usage(f->cli, "--ignore-case is for --grep") : 0;
    /* Characters, not bytes, where the system has such a locale; the program's own stays as it is. */
    f->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    const locale_t before = f->utf8 ? uselocale(f->utf8) : (locale_t)0;
    for (size_t i = 0; i < f->grep.count && result == 0; i++)
        result = take_pattern(f, f->grep.of[i]);
    if (before)
        uselocale(before);
    return result;
}

static int compare_texts(const void *a, const void *b)
{
    return text_compare(*(const opa_text *)a, *(const opa_text *)b);
}

static int take_ids(struct filter *f)
{
    size_t size, lines = 1;
    if (f->ids == NULL)
        return 0;
    const int result = read_file(f->cli, &f->id_file, &size, f->ids);
    if (result != 0)
        return result;
    for (size_t i = 0; i < size; i++)
        lines += f->id_file[i] == '\n';
    f->id_list = calloc(lines, sizeof *f->id_list);
    if (f->id_list == NULL)
        return cli_error(f->cli, EXIT_IO, "out of memory");
    for (const char *at = f->id_file, *end = at + size; at < end;) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        line_end = line_end ? line_end : end;
        opa_text id = {at, (size_t)(line_end - at)};
        id.size -= id.size > 0 && id.data[id.size - 1] == '\r';
        if (id.size > 0)
            f->id_list[f->id_count++] = id;
        at = line_end + 1;
    }
    qsort(f->id_list, f->id_count, sizeof *f->id_list, compare_texts);
    return 0;
}

static int take_sort(struct filter *f)
{
    static const char *const NAMES[] = {"edit-share", "score", "length", "id", NULL};
    if (f->sort == NULL)
        return 0;
    const int place = place_of(f->sort, NAMES);
    if (place < 0)
        return no_such_word(f->cli, "sort", f->sort, NAMES);
    f->key = SORT_SHARE + place;
    return 0;
}

void filter_flags(struct flag *flags, struct filter *f)
{
    const struct flag own[FILTER_FLAGS] = {
        {"only", 0, FLAG_TEXTS, &f->only},   {"score", 0, FLAG_TEXT, &f->score},
        {"type", 0, FLAG_TEXT, &f->type},    {"code", 0, FLAG_TEXTS, &f->code},
        {"grep", 0, FLAG_TEXTS, &f->grep},   {"ignore-case", 0, FLAG_SWITCH, &f->ignore_case},
        {"ids", 0, FLAG_TEXT, &f->ids},      {"sort", 0, FLAG_TEXT, &f->sort},
        {"limit", 0, FLAG_COUNT, &f->limit},
    };
    memcpy(flags, own, sizeof own);
}

int filter_prepare(struct filter *f, struct cli *cli)
{
    f->cli = cli;
    int result = take_lists(f, "only", &f->only, take_only);
    result = result ? result : take_lists(f, "code", &f->code, take_code);
    result = result ? result : take_list(f, "score", f->score, 0, take_score);
    result = result ? result : take_list(f, "type", f->type, 0, take_type);
    result = result ? result : take_sort(f);
    result = result ? result : take_patterns(f);
    return result ? result : take_ids(f);
}

void filter_release(struct filter *f)
{
    for (size_t i = 0; i < f->pattern_count; i++)
        regfree(&f->patterns[i]);
    if (f->utf8)
        freelocale(f->utf8);
    free(f->text);
    free(f->id_file);
    free(f->id_list);
    *f = (struct filter)FILTER_INIT;
}

bool filter_selects(const struct filter *f)
{
    return f->only.count > 0 || f->code.count > 0 || f->grep.count > 0 || f->score || f->type || f->ids;
}

bool filter_wants_checker(const struct filter *f)
{
    bool wants = f->code.count > 0;
    for (size_t i = 0; i < f->only.count; i++)
        wants = wants || filter_words_want_checker(f->words[i]);
    return wants;
}

bool filter_is_at_once(const struct filter *f)
{
    return f->key == SORT_NONE && !filter_wants_checker(f);
}

/* ---- deciding ---- */

static bool words_pass(const struct filter *f, const opa_sample *sample, const struct view *v)
{
    for (size_t i = 0; i < f->only.count; i++) {
        if (!filter_words_hold(f->words[i], sample, v))
            return false;
    }
    return true;
}

static bool sentences_pass(const struct filter *f, const opa_report *report)
{
    if (f->score == NULL && f->type == NULL)
        return true;
    for (size_t i = 0; i < report->count; i++) {
        const opa_sentence *s = &report->sentences[i];
        if ((f->score == NULL || f->scores[s->score]) && (f->type == NULL || f->types[s->error_type]))
            return true;
    }
    return false;
}

static bool any_code(const bool wanted[1000], const opa_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const int code = findings->items[i].code;
        if (code >= 0 && code < 1000 && wanted[code])
            return true;
    }
    return false;
}

static bool codes_pass(const struct filter *f, const opa_findings *findings)
{
    for (size_t i = 0; i < f->code.count; i++) {
        if (!any_code(f->codes[i], findings))
            return false;
    }
    return true;
}

/* The text with a NUL behind it, and none inside: regexec() would end there. NULL: out of memory. */
static const char *as_string(struct filter *f, opa_text text)
{
    if (text.size >= f->text_capacity) {
        char *more = realloc(f->text, text.size * 2 + 64);
        if (more == NULL)
            return NULL;
        f->text = more;
        f->text_capacity = text.size * 2 + 64;
    }
    memcpy(f->text, text.data, text.size);
    f->text[text.size] = '\0';
    for (char *nul = f->text; (nul = memchr(nul, '\0', (size_t)(f->text + text.size - nul))) != NULL;)
        *nul = ' ';
    return f->text;
}

static bool matches(struct filter *f, const regex_t *pattern, opa_text text)
{
    if (text.data == NULL || f->failed)
        return false;
    const char *string = as_string(f, text);
    const int error = string ? regexec(pattern, string, 0, NULL, 0) : REG_ESPACE;
    f->failed = error != 0 && error != REG_NOMATCH;
    return error == 0;
}

static bool any_text(struct filter *f, const regex_t *pattern, const struct view *v)
{
    const opa_report *report = &v->assessment.report;
    bool found = matches(f, pattern, v->sample.prompt) || matches(f, pattern, v->sample.generated) ||
                 matches(f, pattern, v->assessment.alignment.revised) || matches(f, pattern, v->sample.ground_truth);
    for (size_t i = 0; i < report->count && !found; i++)
        found = matches(f, pattern, report->sentences[i].reason);
    return found;
}

static bool patterns_pass(struct filter *f, const struct view *v)
{
    bool pass = true;
    const locale_t before = f->utf8 ? uselocale(f->utf8) : (locale_t)0;
    for (size_t i = 0; i < f->pattern_count && pass; i++)
        pass = any_text(f, &f->patterns[i], v);
    if (before)
        uselocale(before);
    return pass;
}

static bool id_passes(const struct filter *f, opa_text id)
{
    return f->ids == NULL ||
           (f->id_count > 0 && bsearch(&id, f->id_list, f->id_count, sizeof *f->id_list, compare_texts) != NULL);
}

bool filter_may_pass(const struct filter *f, const opa_sample *sample)
{
    return id_passes(f, sample->id) && words_pass(f, sample, NULL);
}

bool filter_pass(struct filter *f, const struct view *v)
{
    return id_passes(f, v->sample.id) && words_pass(f, &v->sample, v) && sentences_pass(f, &v->assessment.report) &&
           codes_pass(f, &v->findings) && patterns_pass(f, v);
}
