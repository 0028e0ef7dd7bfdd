/* SPDX-License-Identifier: Apache-2.0 */
#include "sentence.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- saying ---- */

void say(struct answer *a, const char *format, ...)
{
    va_list args;
    if (a->size > 0)
        a->text[a->size++] = ' ';
    va_start(args, format);
    const int n = vsnprintf(a->text + a->size, ANSWER_SIZE - a->size - 1, format, args);
    va_end(args);
    if (n > 0)
        a->size += strlen(a->text + a->size);
}

void say_context(struct answer *a, enum voice voice, int context)
{
    if (voice == VOICE_WEB)
        say(a, "A %s scene.", context_names[context]);
    else
        say(a, "This picture shows a %s.", context_names[context]);
}

static void say_as_web(struct answer *a, const char *kind, const char *colour, const char *place, struct random *r)
{
    /* "also" needs something before it, besides the context. */
    const bool first = memchr(a->text, '.', a->size) == strrchr(a->text, '.');
    const int way = random_below(r, 100);
    if (way < 25 && !first)
        say(a, "There is also a %s %s %s.", colour, kind, place);
    else if (way < 55)
        say(a, "There is a %s %s %s.", colour, kind, place);
    else if (way < 85)
        say(a, "A %s %s is %s.", colour, kind, place);
    else
        say(a, "You can see a %s %s %s.", colour, kind, place);
}

void say_object(struct answer *a, enum voice voice, int kind, int colour, int column, struct random *r)
{
    const char *k = kind_names[kind], *c = colour_names[colour];
    if (voice == VOICE_WEB)
        say_as_web(a, k, c, place_names[column], r);
    else if (voice == VOICE_EXPERT)
        say(a,
            random_chance(r, 50) ? "One clearly visible object is a %s %s %s." : "Also clearly visible is a %s %s %s.",
            c, k, place_names[column]);
    else if (random_chance(r, 50))
        say(a, "One clearly visible %s coloured %s lies toward %s.", k, c, toward_names[column]);
    else
        say(a, "Toward %s lies one %s of %s hue.", toward_names[column], k, c);
}

/* ---- understanding ---- */

bool next_word(opa_span *out, opa_text text, size_t *at)
{
    while (*at < text.size && !isalpha((unsigned char)text.data[*at]))
        (*at)++;
    out->begin = *at;
    while (*at < text.size && isalpha((unsigned char)text.data[*at]))
        (*at)++;
    out->end = *at;
    return out->end > out->begin;
}

bool word_is(opa_text text, opa_span word, const char *name)
{
    const size_t n = word.end - word.begin;
    return strlen(name) == n && strncasecmp(text.data + word.begin, name, n) == 0;
}

static int place_among(const char *const *names, int count, opa_text text, opa_span word)
{
    for (int i = 0; i < count; i++) {
        if (word_is(text, word, names[i]))
            return i;
    }
    return -1;
}

static void set_once(int *out, int value)
{
    if (*out < 0)
        *out = value;
}

struct claim claim_of(opa_text sentence)
{
    struct claim claim = {.kind = -1, .colour = -1, .column = -1, .context = -1};
    opa_span word;
    for (size_t at = 0; next_word(&word, sentence, &at);) {
        const int kind = place_among(kind_names, KINDS, sentence, word);
        if (kind >= 0 && claim.kind < 0) {
            claim.kind = kind;
            claim.word = word;
        }
        if (kind >= 0)
            claim.kinds |= UINT32_C(1) << kind;
        set_once(&claim.colour, place_among(colour_names, COLOURS, sentence, word));
        set_once(&claim.column, place_among(side_names, COLUMNS, sentence, word));
        set_once(&claim.context, place_among(context_names, CONTEXTS, sentence, word));
    }
    claim.whole = sentence.size > 0 && sentence.data[sentence.size - 1] == '.';
    return claim;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

bool next_sentence(opa_text *out, opa_text *rest)
{
    while (rest->size > 0 && is_space(*rest->data))
        *rest = (opa_text){rest->data + 1, rest->size - 1};
    if (rest->size == 0)
        return false;
    const char *stop = memchr(rest->data, '.', rest->size);
    size_t size = stop ? (size_t)(stop - rest->data) + 1 : rest->size;
    const opa_text all = *rest;
    *rest = (opa_text){all.data + size, all.size - size};
    while (is_space(all.data[size - 1]))
        size--;
    *out = (opa_text){all.data, size};
    return true;
}
