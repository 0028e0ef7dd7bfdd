/* SPDX-License-Identifier: Apache-2.0 */
#include "feedback/scanner.h"

#include <stdio.h>
#include <string.h>

#include "base/findings.h"
#include "base/utf8.h"

/* Longest comment that is looked over without going there: each quote may look, so this keeps a hostile text linear. */
#define COMMENT_LOOK ((size_t)1024)

void opa_scanner_note(opa_scanner *s, opa_repair repair, size_t at)
{
    if (s->repairs[repair].count++ == 0)
        s->repairs[repair].first = at;
}

/* Bytes of a comment that begins here; 0: none does, or it is longer than @p most. */
static size_t comment_at(const opa_scanner *s, size_t at, size_t most)
{
    const char *p = s->text.data + at;
    const size_t whole = s->text.size - at, rest = whole < most ? whole : most;
    const size_t open_end = rest == whole ? rest : 0;
    if (rest == 0)
        return 0;
    if (p[0] == '#' || (rest > 1 && p[0] == '/' && p[1] == '/')) {
        const char *end = memchr(p, '\n', rest);
        return end ? (size_t)(end - p) : open_end;
    }
    if (rest > 1 && p[0] == '/' && p[1] == '*') {
        const size_t close = opa_text_find((opa_text){p, rest}, OPA_TEXT("*/"), 2);
        return close == SIZE_MAX ? open_end : close + 2;
    }
    return 0;
}

/* Bytes of a white-space character that begins here; 0: none does. */
static size_t space_at(const opa_scanner *s, size_t at)
{
    uint32_t c;
    if (at >= s->text.size)
        return 0;
    const size_t n = opa_wtf8_decode(&c, s->text.data + at, s->text.size - at);
    return n && opa_is_space(c) ? n : 0;
}

size_t opa_scanner_skipped(const opa_scanner *s, size_t at)
{
    for (size_t n; (n = space_at(s, at)) > 0 || (at < s->text.size && (n = comment_at(s, at, COMMENT_LOOK)) > 0);)
        at += n;
    return at;
}

void opa_scanner_skip(opa_scanner *s)
{
    for (;;) {
        size_t n = space_at(s, s->at);
        if (n > 0) {
            const char c = s->text.data[s->at];
            if (n > 1 || c == '\v' || c == '\f')
                opa_scanner_note(s, OPA_REPAIR_SPACE, s->at);
        } else if (!opa_scanner_ended(s) && (n = comment_at(s, s->at, SIZE_MAX)) > 0) {
            opa_scanner_note(s, OPA_REPAIR_COMMENT, s->at);
        } else {
            return;
        }
        s->at += n;
    }
}

static const char *const words[OPA_REPAIR_COUNT] = {
    [OPA_REPAIR_TRAILING_COMMA] = "a comma before a closing bracket",
    [OPA_REPAIR_EXTRA_COMMA] = "a comma too many",
    [OPA_REPAIR_MISSING_COMMA] = "a missing comma",
    [OPA_REPAIR_MISSING_COLON] = "a missing colon",
    [OPA_REPAIR_MISSING_VALUE] = "a key without a value, read as null",
    [OPA_REPAIR_MISSING_BRACE] = "a missing opening brace",
    [OPA_REPAIR_BRACKET] = "a bracket that does not match",
    [OPA_REPAIR_SEVERAL] = "several objects, one after the other, read as a list",
    [OPA_REPAIR_QUOTES] = "other quotes than \" around a string",
    [OPA_REPAIR_INNER_QUOTE] = "a quote inside a string that is not escaped",
    [OPA_REPAIR_UNCLOSED_STRING] = "a string without its closing quote",
    [OPA_REPAIR_KEY] = "a key without quotes",
    [OPA_REPAIR_VALUE] = "a text without quotes",
    [OPA_REPAIR_PYTHON] = "a literal that is not JSON's (True, False, None ...)",
    [OPA_REPAIR_COMMENT] = "a comment",
    [OPA_REPAIR_SPACE] = "a space that JSON does not know",
    [OPA_REPAIR_CONTROL] = "a line break or control character inside a string",
    [OPA_REPAIR_ESCAPE] = "an escape that JSON does not know",
    [OPA_REPAIR_ESCAPED] = "backslashes before the quotes of the whole text",
    [OPA_REPAIR_UTF8] = "bytes that are no UTF-8, read as U+FFFD",
    [OPA_REPAIR_GARBAGE] = "text between the members, left out",
};

int opa_scanner_report(const opa_scanner *s, opa_findings *findings)
{
    for (int i = 0; i < OPA_REPAIR_COUNT; i++) {
        const size_t count = s->repairs[i].count;
        if (count == 0)
            continue;
        size_t line = 1, column = 1;
        for (size_t k = 0; k < s->repairs[i].first; k++) {
            column++;
            if (s->text.data[k] == '\n') {
                line++;
                column = 1;
            }
        }
        char times[40] = "";
        if (count > 1)
            snprintf(times, sizeof times, " (%zu times)", count);
        const int status =
            opa_findings_add(findings, OPA_F_REPORT_SYNTAX, 0, NULL, "%s, at line %zu, column %zu of the report%s",
                             words[i], line, column, times);
        if (status < 0)
            return status;
    }
    return OPA_OK;
}
