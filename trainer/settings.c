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

/* The length of a line's value, which begins at *value. */
static size_t value_of(const char **value, const char *line, size_t left)
{
    const char *end = memchr(line, '\n', left), *colon = memchr(line, ':', left);
    end = end ? end : line + left;
    if (colon == NULL || colon + 2 > end)
        return 0;
    *value = colon + 2;
    return (size_t)(end - *value);
}

/* " (1 there, 2 now)", where both lines are of that name and there is room: hashes say nothing to people. */
static void add_values(char name[64], size_t n, const char *have, size_t have_left, const char *want)
{
    const char *there = NULL, *now = NULL;
    const size_t want_left = strlen(want);
    if (have_left <= n || want_left <= n || memcmp(have, want, n) != 0 || have[n] != ':' || want[n] != ':')
        return;
    const size_t old = value_of(&there, have, have_left), new = value_of(&now, want, want_left);
    if (old > 0 && new > 0 && n + old + new + strlen(" ( there,  now)") < 64)
        snprintf(name + n, 64 - n, " (%.*s there, %.*s now)", (int)old, there, (int)new, now);
}

void settings_difference(char name[64], const char *have, size_t size, const char *want)
{
    size_t line = 0, i = 0;
    while (i < size && want[i] != '\0' && have[i] == want[i]) {
        if (want[i++] == '\n')
            line = i;
    }
    name[0] = '\0';
    if (i == size && want[i] == '\0')
        return;
    const char *from = want[line] != '\0' ? want + line : have + line;
    const size_t left = want[line] != '\0' ? strlen(from) : size - line;
    size_t n = 0;
    while (n < left && n < 63 && from[n] != ':' && from[n] != '\n')
        n++;
    memcpy(name, from, n);
    name[n] = '\0';
    add_values(name, n, have + line, size - line, want + line);
}
