/* SPDX-License-Identifier: Apache-2.0 */
#include "feedback/salvage.h"

#include <string.h>

#include "base/context.h"
#include "base/utf8.h"
#include "feedback/quoted.h"

/* What became of a value. */
enum got {
    GOT_NONE, /* there is none: a comma or bracket stands in its place */
    GOT_WHOLE,
    GOT_OPEN, /* a container that the text ends in; it was closed and counted */
    GOT_LOST, /* a scalar that the text ends in; nothing of it may stay */
    GOT_DEEP, /* nested too deep; give up */
};

/* A container being read, and what stands around it. */
typedef struct level {
    size_t depth;
    bool in_object, in_array; /* is any outer container one? */
    size_t *open;
} level;

static enum got read_value(opa_scanner *s, const level *around, opa_quoted_place place);

static char here(const opa_scanner *s)
{
    return opa_scanner_peek(s, s->at);
}

/* Pass blanks and commas. *comma says whether there was one, first whether nothing stands before. */
static void pass_commas(opa_scanner *s, bool first, bool *comma)
{
    for (opa_scanner_skip(s); here(s) == ',' || here(s) == ';'; opa_scanner_skip(s)) {
        if (first || *comma || here(s) == ';')
            opa_scanner_note(s, OPA_REPAIR_EXTRA_COMMA, s->at);
        *comma = true;
        s->at++;
    }
}

/* Pass something that has no business here. */
static void pass_garbage(opa_scanner *s)
{
    opa_scanner_note(s, OPA_REPAIR_GARBAGE, s->at);
    uint32_t c;
    const size_t n = opa_wtf8_decode(&c, s->text.data + s->at, s->text.size - s->at);
    s->at += n ? n : 1;
    while (!opa_scanner_ended(s) && !strchr(" ,;:{}[]\n\"'", here(s)))
        s->at++;
}

/* A closing bracket: of this container (pass it), of one around it (leave it to that), or of none (pass it). true: we
 * are done. */
static bool closes(opa_scanner *s, char own, bool other_is_open, bool comma)
{
    if (here(s) == own) {
        if (comma)
            opa_scanner_note(s, OPA_REPAIR_TRAILING_COMMA, s->at);
        s->at++;
        return true;
    }
    opa_scanner_note(s, OPA_REPAIR_BRACKET, s->at);
    if (other_is_open)
        return true;
    s->at++;
    return false;
}

static bool bare_key_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c & 0x80) ||
           (c != '\0' && strchr("_-$#. ", c));
}

/* Write the key at the scanner's place. false: there is none, or the text ends in it. */
static bool read_key(opa_scanner *s)
{
    if (opa_quote_at(s, s->at))
        return opa_quoted_read(s, OPA_QUOTED_KEY);
    size_t end = s->at;
    while (end < s->text.size && end - s->at < 64 && bare_key_byte(s->text.data[end]))
        end++;
    const opa_text key = opa_text_trim((opa_text){s->text.data + s->at, end - s->at});
    if (end >= s->text.size)
        return s->at = end, false;
    if (key.size == 0 || (opa_scanner_peek(s, end) != ':' && opa_scanner_peek(s, end) != '='))
        return false;
    opa_scanner_note(s, OPA_REPAIR_KEY, s->at);
    opa_quoted_write(s, key);
    s->at = end;
    return true;
}

/* Pass what stands between key and value. false: the value is missing. */
static bool pass_colon(opa_scanner *s)
{
    opa_scanner_skip(s);
    if (here(s) == ':') {
        s->at++;
    } else if (here(s) == '=') {
        opa_scanner_note(s, OPA_REPAIR_MISSING_COLON, s->at);
        s->at += opa_scanner_peek(s, s->at + 1) == '>' ? 2 : 1;
    } else if (!opa_scanner_ended(s)) {
        opa_scanner_note(s, OPA_REPAIR_MISSING_COLON, s->at);
        return opa_quote_at(s, s->at) || here(s) == '{' || here(s) == '[' || (here(s) >= '0' && here(s) <= '9');
    }
    opa_scanner_skip(s);
    return true;
}

/* One member. GOT_NONE: nothing was written, the scanner stands at the text's end or at something that is no key. */
static enum got read_member(opa_scanner *s, const level *in, bool first, bool comma)
{
    const size_t mark = s->out.size;
    if (!first)
        opa_buffer_add_char(&s->out, ',');
    const size_t at = s->at;
    if (!read_key(s)) {
        s->out.size = mark;
        return opa_scanner_ended(s) ? GOT_LOST : GOT_NONE;
    }
    if (!first && !comma)
        opa_scanner_note(s, OPA_REPAIR_MISSING_COMMA, at);
    opa_buffer_add_char(&s->out, ':');
    const bool value = pass_colon(s);
    if (opa_scanner_ended(s)) {
        s->out.size = mark;
        return GOT_LOST;
    }
    const enum got got = value ? read_value(s, in, OPA_QUOTED_MEMBER) : GOT_NONE;
    if (got == GOT_NONE) {
        opa_scanner_note(s, OPA_REPAIR_MISSING_VALUE, at);
        opa_buffer_add_string(&s->out, "null");
        return GOT_WHOLE;
    }
    if (got == GOT_LOST)
        s->out.size = mark;
    return got;
}

/* The members of an object whose opening brace was passed. */
static enum got read_members(opa_scanner *s, const level *around)
{
    const level in = {around->depth + 1, true, around->in_array, around->open};
    bool first = true, comma = false, junk = false;
    opa_buffer_add_char(&s->out, '{');
    for (;;) {
        pass_commas(s, first, &comma);
        if (opa_scanner_ended(s))
            break;
        if (here(s) == '}' || here(s) == ']') {
            if (!closes(s, '}', around->in_array, comma && !first))
                continue;
            opa_buffer_add_char(&s->out, '}');
            return GOT_WHOLE;
        }
        switch (read_member(s, &in, first, comma || junk)) {
        case GOT_DEEP:
            return GOT_DEEP;
        case GOT_NONE:
            pass_garbage(s);
            junk = true; /* whatever it was, do not miss a comma too */
            continue;
        case GOT_LOST:
            break;
        case GOT_WHOLE:
        case GOT_OPEN:
            first = comma = junk = false;
            break;
        }
    }
    opa_buffer_add_char(&s->out, '}');
    ++*in.open;
    return GOT_OPEN;
}

/* The items of a list whose opening bracket was passed. */
static enum got read_items(opa_scanner *s, const level *around)
{
    const level in = {around->depth + 1, around->in_object, true, around->open};
    bool first = true, comma = false, known;
    opa_buffer_add_char(&s->out, '[');
    for (;;) {
        const size_t behind = s->at;
        pass_commas(s, first, &comma);
        if (opa_scanner_ended(s))
            break;
        if (here(s) == ']' || here(s) == '}') {
            if (!closes(s, ']', around->in_object, comma && !first))
                continue;
            opa_buffer_add_char(&s->out, ']');
            return GOT_WHOLE;
        }
        if (around->in_object && opa_quoted_key_at(s, s->at, &known) && known) {
            /* The key of the object around: the list's bracket was forgotten. The comma is that object's. */
            opa_scanner_note(s, OPA_REPAIR_BRACKET, s->at);
            s->at = behind;
            opa_buffer_add_char(&s->out, ']');
            return GOT_WHOLE;
        }
        const size_t mark = s->out.size, at = s->at;
        if (!first)
            opa_buffer_add_char(&s->out, ',');
        const enum got got = read_value(s, &in, OPA_QUOTED_ITEM);
        if (got == GOT_DEEP)
            return GOT_DEEP;
        if (got == GOT_WHOLE || got == GOT_OPEN) {
            if (!first && !comma)
                opa_scanner_note(s, OPA_REPAIR_MISSING_COMMA, at);
            first = comma = false;
            continue;
        }
        s->out.size = mark;
        if (got == GOT_NONE)
            pass_garbage(s);
    }
    opa_buffer_add_char(&s->out, ']');
    ++*in.open;
    return GOT_OPEN;
}

/* Is the text a number as JSON writes it? */
static bool strict_number(opa_text t)
{
    size_t i = 0, digits;
#define DIGITS() for (digits = 0; i < t.size && t.data[i] >= '0' && t.data[i] <= '9'; i++, digits++)
    if (i < t.size && t.data[i] == '-')
        i++;
    const bool zero = i < t.size && t.data[i] == '0';
    DIGITS();
    if (digits == 0 || (zero && digits > 1))
        return false;
    if (i < t.size && t.data[i] == '.') {
        i++;
        DIGITS();
        if (digits == 0)
            return false;
    }
    if (i < t.size && (t.data[i] == 'e' || t.data[i] == 'E')) {
        i++;
        if (i < t.size && (t.data[i] == '+' || t.data[i] == '-'))
            i++;
        DIGITS();
        if (digits == 0)
            return false;
    }
#undef DIGITS
    return i == t.size;
}

/* JSON's and others' words for nothing, yes and no. */
static const struct {
    const char *word, *json;
} literals[] = {
    {"true", "true"}, {"false", "false"},    {"null", "null"},     {"True", "true"},      {"False", "false"},
    {"None", "null"}, {"TRUE", "true"},      {"FALSE", "false"},   {"NULL", "null"},      {"Null", "null"},
    {"NaN", "null"},  {"nan", "null"},       {"Infinity", "null"}, {"-Infinity", "null"}, {"none", "null"},
    {"nil", "null"},  {"undefined", "null"},
};

/* Does a value without quotes end before @p at? At commas, brackets, the line's end, comments, and before the next key.
 */
static bool bare_ends(const opa_scanner *s, size_t at)
{
    const char c = s->text.data[at], next = opa_scanner_peek(s, at + 1);
    if (strchr(",;{}[]\n\r", c) || (c == '/' && (next == '/' || next == '*')))
        return true;
    return at > s->at && s->text.data[at - 1] == ' ' && (c == '#' || opa_quoted_key_at(s, at, NULL));
}

/* A value without quotes. */
static enum got read_bare(opa_scanner *s)
{
    size_t end = s->at;
    while (end < s->text.size && !bare_ends(s, end))
        end++;
    const opa_text word = opa_text_trim((opa_text){s->text.data + s->at, end - s->at});
    if (word.size == 0)
        return GOT_NONE;
    if (end >= s->text.size)
        return s->at = end, GOT_LOST;
    size_t i = 0;
    const size_t n = sizeof literals / sizeof *literals;
    while (i < n && !opa_text_equal(word, (opa_text){literals[i].word, strlen(literals[i].word)}))
        i++;
    if (i < n) {
        if (i > 2)
            opa_scanner_note(s, OPA_REPAIR_PYTHON, s->at);
        opa_buffer_add_string(&s->out, literals[i].json);
    } else if (strict_number(word)) {
        opa_buffer_add_text(&s->out, word);
    } else {
        opa_scanner_note(s, OPA_REPAIR_VALUE, s->at);
        opa_quoted_write(s, word);
    }
    s->at = end;
    return GOT_WHOLE;
}

static enum got read_value(opa_scanner *s, const level *around, opa_quoted_place place)
{
    if (here(s) == '{' || here(s) == '[') {
        if (around->depth >= OPA_SALVAGE_DEPTH)
            return GOT_DEEP;
        const bool object = here(s) == '{';
        s->at++;
        return object ? read_members(s, around) : read_items(s, around);
    }
    if (opa_quote_at(s, s->at))
        return opa_quoted_read(s, place) ? GOT_WHOLE : GOT_LOST;
    return read_bare(s);
}

/* ---- where the report begins and ends in the text ---- */

/* Could the brace or bracket at @p at begin a report, and not just stand in prose? */
static bool plausible(const opa_scanner *s, size_t at)
{
    const char bracket = opa_scanner_peek(s, at);
    if (bracket != '{' && bracket != '[')
        return false;
    const size_t i = opa_scanner_skipped(s, at + 1);
    if (i >= s->text.size)
        return true;
    const char c = s->text.data[i];
    if (c == '{' || (bracket == '{' && (c == '}' || c == ',')))
        return true;
    if (bracket == '[')
        return false;
    if (opa_quote_at(s, i))
        return true;
    size_t end = i;
    while (end < s->text.size && end - i < 64 && bare_key_byte(s->text.data[end]))
        end++;
    return end > i && (opa_scanner_peek(s, end) == ':' || end >= s->text.size);
}

/* Bytes of a fence with its language word at @p at; 0: there is none. */
static size_t fence_at(const opa_scanner *s, size_t at)
{
    const opa_text rest = {s->text.data + at, s->text.size - at};
    if (rest.size < 3 || (memcmp(rest.data, "```", 3) != 0 && memcmp(rest.data, "~~~", 3) != 0))
        return 0;
    size_t n = 3;
    while (n < rest.size && rest.data[n] == rest.data[0])
        n++;
    while (n < rest.size && n < 24 && ((rest.data[n] | 0x20) >= 'a' && (rest.data[n] | 0x20) <= 'z'))
        n++;
    return n;
}

/* Find where to begin. What stands before is a fence, or prose. *braced: the scanner stands before a brace or bracket,
 * not at the first key of an object whose brace was forgotten. */
static bool find_begin(opa_salvage *out, bool *braced)
{
    opa_scanner *s = &out->scanner;
    bool nothing_yet = s->at == 0;
    for (;;) {
        while (!opa_scanner_ended(s)) {
            uint32_t c;
            const size_t n = opa_wtf8_decode(&c, s->text.data + s->at, s->text.size - s->at);
            if (n == 0 || !opa_is_space(c))
                break;
            s->at += n;
        }
        if (opa_scanner_ended(s))
            return false;
        const size_t fence = fence_at(s, s->at);
        bool known;
        if (fence) {
            out->fenced = true;
            s->at += fence;
            nothing_yet = true;
            continue;
        }
        *braced = plausible(s, s->at);
        if (*braced || (nothing_yet && opa_quoted_key_at(s, s->at, &known) && known))
            return true;
        out->prose = true;
        nothing_yet = false;
        /* On to the next place that may begin something. */
        s->at++;
        while (!opa_scanner_ended(s) && here(s) != '{' && here(s) != '[' && here(s) != '`' && here(s) != '~')
            s->at++;
    }
}

/* Objects behind objects, without a list around them: {"0": ...} {"1": ...} */
static enum got read_more(opa_salvage *out, const level *root)
{
    opa_scanner *s = &out->scanner;
    enum got got = GOT_WHOLE;
    while (got == GOT_WHOLE) {
        size_t at = opa_scanner_skipped(s, s->at);
        if (opa_scanner_peek(s, at) == ',')
            at = opa_scanner_skipped(s, at + 1);
        if (opa_scanner_peek(s, at) != '{' || !plausible(s, at))
            break;
        if (s->out.size > 0 && s->out.data[0] == ' ') {
            opa_scanner_note(s, OPA_REPAIR_SEVERAL, at);
            s->out.data[0] = '[';
        }
        opa_buffer_add_char(&s->out, ',');
        s->at = at;
        got = read_value(s, root, OPA_QUOTED_ITEM);
    }
    if (s->out.size > 0 && s->out.data[0] == '[') {
        opa_buffer_add_char(&s->out, ']');
        *root->open += got == GOT_OPEN;
    }
    return got;
}

/* What stands behind the report: fences and stray brackets are no prose. */
static void look_behind(opa_salvage *out)
{
    opa_scanner *s = &out->scanner;
    for (;;) {
        while (!opa_scanner_ended(s) && strchr(" \t\r\n,;", here(s)) && here(s))
            s->at++;
        if (opa_scanner_ended(s))
            return;
        const size_t fence = fence_at(s, s->at);
        if (fence) {
            s->at += fence;
        } else if (here(s) == '}' || here(s) == ']') {
            opa_scanner_note(s, OPA_REPAIR_BRACKET, s->at);
            s->at++;
        } else if (out->fenced && opa_text_trim((opa_text){s->text.data + s->at, s->text.size - s->at}).size <= 2 &&
                   here(s) == '`') {
            return; /* a fence that the end cuts */
        } else {
            out->prose = out->prose || !opa_text_blank((opa_text){s->text.data + s->at, s->text.size - s->at});
            return;
        }
    }
}

int opa_salvage_next(opa_context *ctx, opa_salvage *out, opa_text text, size_t from)
{
    *out = (opa_salvage){.scanner = {.text = text, .at = from}, .prose = from > 0, .end = text.size};
    opa_scanner *s = &out->scanner;
    bool braced;
    if (text.size > OPA_SALVAGE_MAX || !find_begin(out, &braced))
        return OPA_OK;
    const level root = {.open = &out->open};
    opa_buffer_add_char(&s->out, ' '); /* becomes '[' should several objects follow each other */
    enum got got;
    if (braced) {
        const bool object = here(s) == '{';
        got = read_value(s, &root, OPA_QUOTED_ITEM);
        if (object && got == GOT_WHOLE)
            got = read_more(out, &root);
    } else {
        opa_scanner_note(s, OPA_REPAIR_MISSING_BRACE, s->at);
        got = read_members(s, &root);
    }
    if (s->out.failed)
        return opa_fail_memory(ctx);
    /* Rolling back moves the size only. */
    s->out.data[s->out.size] = '\0';
    out->end = s->at;
    out->found = got != GOT_DEEP;
    if (got != GOT_DEEP)
        look_behind(out);
    return OPA_OK;
}

void opa_salvage_release(opa_salvage *salvage)
{
    opa_buffer_release(&salvage->scanner.out);
    *salvage = (opa_salvage){0};
}

bool opa_salvage_is_escaped(opa_text text)
{
    size_t i = 0;
    while (i < text.size && text.data[i] != '{' && text.data[i] != '[')
        i++;
    /* Behind the bracket only more brackets and blanks, these perhaps escaped too. */
    for (; i < text.size; i++) {
        const char c = text.data[i], next = i + 1 < text.size ? text.data[i + 1] : '\0';
        if (c == '\\' && (next == 'n' || next == 't' || next == 'r'))
            i++;
        else if (c == '\\')
            return next == '"';
        else if (c == '\0' || !strchr("{[ \t\r\n", c))
            return false;
    }
    return false;
}
