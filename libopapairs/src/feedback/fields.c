/* SPDX-License-Identifier: Apache-2.0 */
#include "feedback/fields.h"

#include <string.h>

#include "base/utf8.h"

#define KEY_MAX 40

/* A key without case, spaces, underscores and hyphens; empty when it is longer than any that is known. */
static size_t squeeze(char out[KEY_MAX + 1], opa_text key)
{
    size_t n = 0;
    for (size_t i = 0; i < key.size; i++) {
        const char c = key.data[i];
        if (c == ' ' || c == '_' || c == '-' || c == '\t' || c == '\n' || c == '\r')
            continue;
        if (n == KEY_MAX || c == '\0')
            return out[0] = '\0', 0;
        out[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    out[n] = '\0';
    return n;
}

static const char *const field_names[OPA_FIELD_COUNT] = {
    [OPA_FIELD_IMAGE_DESCRIPTION] = "image_description",
    [OPA_FIELD_ADDED] = "Added",
    [OPA_FIELD_COPIED] = "copied_content",
    [OPA_FIELD_SCORE] = "score",
    [OPA_FIELD_ERROR_TYPE] = "error_type",
    [OPA_FIELD_OBJECT] = "object",
    [OPA_FIELD_REWRITTEN] = "rewritten_content",
    [OPA_FIELD_REASON] = "reason",
    [OPA_FIELD_NUMBER] = "number",
    [OPA_FIELD_SENTENCES] = "sentences",
};

const char *opa_field_name(opa_field field)
{
    return field_names[field];
}

/* Squeezed spellings. Fields that only a list or a wrapper has are never canonical: the released form has neither. */
static const struct {
    const char *spelling;
    opa_field field;
} spellings[] = {
    {"copiedcontent", OPA_FIELD_COPIED},
    {"copiedtext", OPA_FIELD_COPIED},
    {"copiedsentence", OPA_FIELD_COPIED},
    {"copied", OPA_FIELD_COPIED},
    {"copycontent", OPA_FIELD_COPIED},
    {"originalcontent", OPA_FIELD_COPIED},
    {"originalsentence", OPA_FIELD_COPIED},
    {"score", OPA_FIELD_SCORE},
    {"scores", OPA_FIELD_SCORE},
    {"errortype", OPA_FIELD_ERROR_TYPE},
    {"errortypes", OPA_FIELD_ERROR_TYPE},
    {"object", OPA_FIELD_OBJECT},
    {"objects", OPA_FIELD_OBJECT},
    {"rewrittencontent", OPA_FIELD_REWRITTEN},
    {"rewrittentext", OPA_FIELD_REWRITTEN},
    {"rewrittensentence", OPA_FIELD_REWRITTEN},
    {"rewritten", OPA_FIELD_REWRITTEN},
    {"rewritecontent", OPA_FIELD_REWRITTEN},
    {"rewritedcontent", OPA_FIELD_REWRITTEN},
    {"revisedcontent", OPA_FIELD_REWRITTEN},
    {"correctedcontent", OPA_FIELD_REWRITTEN},
    {"reason", OPA_FIELD_REASON},
    {"reasons", OPA_FIELD_REASON},
    {"reasoning", OPA_FIELD_REASON},
    {"imagedescription", OPA_FIELD_IMAGE_DESCRIPTION},
    {"added", OPA_FIELD_ADDED},
    {"addedcontent", OPA_FIELD_ADDED},
    {"addedtext", OPA_FIELD_ADDED},
    {"addedsentence", OPA_FIELD_ADDED},
    {"addedsentences", OPA_FIELD_ADDED},
    {"number", OPA_FIELD_NUMBER},
    {"index", OPA_FIELD_NUMBER},
    {"id", OPA_FIELD_NUMBER},
    {"key", OPA_FIELD_NUMBER},
    {"sentencenumber", OPA_FIELD_NUMBER},
    {"sentenceindex", OPA_FIELD_NUMBER},
    {"sentenceid", OPA_FIELD_NUMBER},
    {"sentences", OPA_FIELD_SENTENCES},
    {"feedback", OPA_FIELD_SENTENCES},
    {"report", OPA_FIELD_SENTENCES},
    {"aijsonreport", OPA_FIELD_SENTENCES},
    {"jsonreport", OPA_FIELD_SENTENCES},
    {"result", OPA_FIELD_SENTENCES},
    {"results", OPA_FIELD_SENTENCES},
    {"output", OPA_FIELD_SENTENCES},
    {"response", OPA_FIELD_SENTENCES},
    {"evaluation", OPA_FIELD_SENTENCES},
    {"analysis", OPA_FIELD_SENTENCES},
};

opa_field opa_field_of(opa_text key, bool *canonical)
{
    char squeezed[KEY_MAX + 1];
    opa_field field = OPA_FIELD_NONE;
    if (squeeze(squeezed, key) > 0)
        for (size_t i = 0; i < sizeof spellings / sizeof *spellings && !field; i++)
            if (strcmp(squeezed, spellings[i].spelling) == 0)
                field = spellings[i].field;
    const char *name = field_names[field];
    if (canonical)
        *canonical = name && field < OPA_FIELD_NUMBER && opa_text_equal(key, (opa_text){name, strlen(name)});
    return field;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

bool opa_key_number(opa_text key, int64_t *out, bool *canonical)
{
    static const char *const prefixes[] = {"sentence", "no.", "nr.", "s", "#", "[", ""};
    char squeezed[KEY_MAX + 1];
    if (squeeze(squeezed, key) == 0)
        return false;
    const char *s = squeezed;
    for (size_t i = 0; s == squeezed && i < sizeof prefixes / sizeof *prefixes; i++) {
        const size_t n = strlen(prefixes[i]);
        if (strncmp(s, prefixes[i], n) == 0 && digit(s[n]))
            s += n;
        else if (prefixes[i][0] == '\0' || digit(s[0]))
            break;
    }
    if (!digit(*s))
        return false;
    int64_t n = 0;
    size_t digits = 0;
    for (; digit(*s); s++, digits++)
        n = digits < 15 ? n * 10 + (*s - '0') : -1;
    if (*s && strcmp(s, ".") != 0 && strcmp(s, ":") != 0 && strcmp(s, ")") != 0 && strcmp(s, "]") != 0)
        return false;
    /* squeeze() drops the sign of "-1", which is no hyphen there. */
    const opa_text trimmed = opa_text_trim(key);
    if (trimmed.size > 0 && trimmed.data[0] == '-')
        n = -1;
    *out = n;
    if (canonical)
        *canonical = n < 0 || (digits == key.size && (digits == 1 || key.data[0] != '0'));
    return true;
}

/* The rest behind a score says "of four" or is a remark without another number. */
static bool rest_is_remark(const char *s)
{
    while (*s == ' ')
        s++;
    static const char *const wholes[] = {"/4", "/ 4", "out of 4", "of 4"};
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++)
        if (strncmp(s, wholes[i], strlen(wholes[i])) == 0) {
            s += strlen(wholes[i]);
            break;
        }
    for (; *s; s++)
        if (digit(*s))
            return false;
    return true;
}

opa_score_kind opa_score_of_text(opa_text text, int *out)
{
    char buffer[128];
    *out = 0;
    text = opa_text_trim(text);
    if (text.size == 0)
        return OPA_SCORE_NONE;
    if (text.size >= sizeof buffer || memchr(text.data, 0, text.size))
        return OPA_SCORE_OUTSIDE;
    for (size_t i = 0; i < text.size; i++)
        buffer[i] = text.data[i] >= 'A' && text.data[i] <= 'Z' ? (char)(text.data[i] - 'A' + 'a') : text.data[i];
    buffer[text.size] = '\0';
    const char *s = buffer;
    if (strncmp(s, "score", 5) == 0)
        s += 5 + strspn(s + 5, " :=");
    int n = 0;
    if (!digit(*s))
        return OPA_SCORE_OUTSIDE;
    for (; digit(*s); s++)
        n = n < 1000 ? n * 10 + (*s - '0') : n;
    if (s[0] == '.' && digit(s[1]))
        for (s++; digit(*s); s++)
            n = *s == '0' ? n : 0;
    if (n < 1 || n > 4 || !rest_is_remark(s))
        return OPA_SCORE_OUTSIDE;
    *out = n;
    return OPA_SCORE_READ;
}

const char *opa_error_type_name(opa_error_type type)
{
    switch (type) {
    case OPA_ERROR_TYPE_CORRECT:
        return "correct";
    case OPA_ERROR_TYPE_IMAGE:
        return "image_recognition_error";
    case OPA_ERROR_TYPE_LANGUAGE:
        return "language_comprehension_error";
    case OPA_ERROR_TYPE_NONE:
        break;
    }
    return NULL;
}

opa_error_type opa_error_type_of_text(opa_text text)
{
    char squeezed[KEY_MAX + 1];
    squeeze(squeezed, opa_text_trim(text));
    if (strcmp(squeezed, "correct") == 0)
        return OPA_ERROR_TYPE_CORRECT;
    if (strcmp(squeezed, "imagerecognitionerror") == 0 || strcmp(squeezed, "imagerecognition") == 0)
        return OPA_ERROR_TYPE_IMAGE;
    if (strcmp(squeezed, "languagecomprehensionerror") == 0 || strcmp(squeezed, "languagecomprehension") == 0)
        return OPA_ERROR_TYPE_LANGUAGE;
    return OPA_ERROR_TYPE_NONE;
}
