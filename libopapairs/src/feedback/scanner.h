/* SPDX-License-Identifier: Apache-2.0 */
/** @file scanner.h
 *  The state of a salvage: where it stands in the broken text, the strict JSON written so far, and what was repaired.
 */
#ifndef OPA_FEEDBACK_SCANNER_H
#define OPA_FEEDBACK_SCANNER_H

#include <opapairs/finding.h>

#include "base/buffer.h"

/** Kinds of repair. Each becomes one finding a report, with the place of the first and the number of them. */
typedef enum opa_repair {
    OPA_REPAIR_TRAILING_COMMA,
    OPA_REPAIR_EXTRA_COMMA,
    OPA_REPAIR_MISSING_COMMA,
    OPA_REPAIR_MISSING_COLON,
    OPA_REPAIR_MISSING_VALUE,
    OPA_REPAIR_MISSING_BRACE,
    OPA_REPAIR_BRACKET,
    OPA_REPAIR_SEVERAL,
    OPA_REPAIR_QUOTES,
    OPA_REPAIR_INNER_QUOTE,
    OPA_REPAIR_UNCLOSED_STRING,
    OPA_REPAIR_KEY,
    OPA_REPAIR_VALUE,
    OPA_REPAIR_PYTHON,
    OPA_REPAIR_COMMENT,
    OPA_REPAIR_SPACE,
    OPA_REPAIR_CONTROL,
    OPA_REPAIR_ESCAPE,
    OPA_REPAIR_ESCAPED,
    OPA_REPAIR_UTF8,
    OPA_REPAIR_GARBAGE,
    OPA_REPAIR_COUNT,
} opa_repair;

typedef struct opa_scanner {
    opa_text text;
    size_t at;      /**< the next byte of text */
    opa_buffer out; /**< strict JSON */
    struct {
        size_t count, first; /**< first: byte of text */
    } repairs[OPA_REPAIR_COUNT];
} opa_scanner;

/** Remember a repair at byte @p at of the text. */
void opa_scanner_note(opa_scanner *s, opa_repair repair, size_t at);
/** The first byte at or after @p at that is neither white space nor in a comment (of at most 1,024 bytes). */
size_t opa_scanner_skipped(const opa_scanner *s, size_t at);
/** Go there, noting comments and spaces that JSON does not know. */
void opa_scanner_skip(opa_scanner *s);
/** Is the scanner at the text's end? */
static inline bool opa_scanner_ended(const opa_scanner *s)
{
    return s->at >= s->text.size;
}
/** The byte at @p at, or NUL beyond the end. */
static inline char opa_scanner_peek(const opa_scanner *s, size_t at)
{
    return at < s->text.size ? s->text.data[at] : '\0';
}
/** One OPA_F_REPORT_SYNTAX for each kind of repair, with line and column in the text. */
int opa_scanner_report(const opa_scanner *s, opa_findings *findings);

#endif
