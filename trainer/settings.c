/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct settings *s, size_t more)
{
    if (s->size + more <= s->capacity)
        return true;
    char *grown = realloc(s->data, s->size + more + 4096);
    if (grown == NULL)
        return false;
    s->data = grown;
    s->capacity = s->size + more + 4096;
    return true;
}

static void append(struct settings *s, const char *text, size_t size)
{
    if (!reserve(s, size + 1)) {
        s->failed = true;
        return;
    }
    memcpy(s->data + s->size, text, size);
    s->size += size;
    s->data[s->size] = '\0';
}

void settings_addv(struct settings *s, const char *name, const char *format, va_list args)
{
    char line[1024];
    const int head = snprintf(line, sizeof line, "%s: ", name);
    vsnprintf(line + head, sizeof line - (size_t)head - 1, format, args);
    strcat(line, "\n");
    append(s, line, strlen(line));
}

void settings_add(struct settings *s, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    settings_addv(s, name, format, args);
    va_end(args);
}

void settings_append(struct settings *s, const struct settings *from)
{
    append(s, from->data ? from->data : "", from->size);
    s->failed = s->failed || from->failed;
}

void settings_release(struct settings *s)
{
    free(s->data);
    *s = (struct settings){0};
}

/* ---- what differs ---- */

/* A line "name: value" of settings. */
struct line {
    opa_text name, value;
};

static struct line line_at(const char *text, size_t size)
{
    const char *end = memchr(text, '\n', size), *colon;
    const size_t n = end ? (size_t)(end - text) : size;
    colon = memchr(text, ':', n);
    if (colon == NULL)
        return (struct line){{text, n}, {text + n, 0}};
    const size_t head = (size_t)(colon - text), skip = head + 2 < n ? head + 2 : n;
    return (struct line){{text, head}, {text + skip, n - skip}};
}

static bool same(opa_text a, opa_text b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* Is there a line of this name? */
static bool has_name(const char *text, size_t size, opa_text name)
{
    for (size_t at = 0; at < size;) {
        const char *end = memchr(text + at, '\n', size - at);
        if (same(line_at(text + at, size - at).name, name))
            return true;
        at = end ? (size_t)(end - text) + 1 : size;
    }
    return false;
}

/* The first words in which two values of "word number word number ..." differ: *of is the word before them. */
static void narrow_down(opa_text *of, opa_text *a, opa_text *b)
{
    size_t i = 0, word = 0, before = 0;
    while (i < a->size && i < b->size && a->data[i] == b->data[i]) {
        if (a->data[i++] == ' ') {
            before = word;
            word = i;
        }
    }
    if (word == 0)
        return;
    *of = (opa_text){a->data + before, word - 1 - before};
    for (opa_text *x = a; x != NULL; x = x == a ? b : NULL) {
        const char *end = memchr(x->data + word, ' ', x->size - word);
        *x = (opa_text){x->data + word, end ? (size_t)(end - x->data) - word : x->size - word};
    }
}

/* "lr (1e-05 there, 1e-06 now)"; hashes, which say nothing to people, and other long values are left out. */
static void say_values(char out[SETTINGS_NAME], opa_text name, opa_text there, opa_text now)
{
    enum { LONG = 32 };
    opa_text of = {"", 0};
    narrow_down(&of, &there, &now);
    if (there.size == 0 || now.size == 0 || there.size > LONG || now.size > LONG || of.size > LONG)
        snprintf(out, SETTINGS_NAME, "%.*s", (int)(name.size < 60 ? name.size : 60), name.data);
    else
        snprintf(out, SETTINGS_NAME, "%.*s (%.*s%s%.*s there, %.*s now)", (int)(name.size < 60 ? name.size : 60),
                 name.data, (int)of.size, of.data, of.size > 0 ? " " : "", (int)there.size, there.data, (int)now.size,
                 now.data);
}

static void say_absent(char out[SETTINGS_NAME], opa_text name, const char *where)
{
    snprintf(out, SETTINGS_NAME, "%.*s (%s)", (int)(name.size < 60 ? name.size : 60), name.data, where);
}

void settings_difference(char out[SETTINGS_NAME], const char *have, size_t size, const char *want)
{
    const size_t wanted = strlen(want);
    size_t line = 0, i = 0;
    while (i < size && i < wanted && have[i] == want[i]) {
        if (want[i++] == '\n')
            line = i;
    }
    out[0] = '\0';
    if (i == size && i == wanted)
        return;
    const struct line there = line_at(have + line, size - line), now = line_at(want + line, wanted - line);
    if (line < size && line < wanted && same(there.name, now.name))
        say_values(out, now.name, there.value, now.value);
    else if (line >= size || has_name(want + line, wanted - line, there.name))
        say_absent(out, now.name, "not given there, but now");
    else
        say_absent(out, there.name, "given there, but not now");
}
