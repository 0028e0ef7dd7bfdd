/* SPDX-License-Identifier: Apache-2.0 */
#include "base/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/utf8.h"

static void release_one(opa_finding *f)
{
    free(f->file);
    free(f->id);
    free(f->field);
    free(f->message);
}

void opa_findings_clear(opa_findings *list)
{
    for (size_t i = 0; i < list->count; i++)
        release_one(&list->items[i]);
    list->count = 0;
}

void opa_findings_release(opa_findings *list)
{
    if (!list)
        return;
    opa_findings_clear(list);
    free(list->items);
    *list = (opa_findings){0};
}

/* Room for one more at the end. */
static opa_finding *push(opa_findings *list)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? list->capacity * 2 : 8;
        opa_finding *items = realloc(list->items, capacity * sizeof *items);
        if (!items)
            return NULL;
        list->items = items;
        list->capacity = capacity;
    }
    return &list->items[list->count];
}

int opa_findings_add(opa_findings *list, int code, int64_t line, const char *field, const char *format, ...)
{
    if (!list)
        return OPA_OK;
    opa_finding *f = push(list);
    if (!f)
        return OPA_ENOMEM;
    opa_buffer message = {0};
    va_list args;
    va_start(args, format);
    char text[2048];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    opa_utf8_clean(&message, (opa_text){text, strlen(text)});
    *f = (opa_finding){
        .code = code, .record = -1, .line = line, .field = field ? strdup(field) : NULL, .message = message.data};
    if (message.failed || !message.data || (field && !f->field)) {
        release_one(f);
        return OPA_ENOMEM;
    }
    list->count++;
    return OPA_OK;
}

/* a + b, or a copy of b when a is NULL; b may be NULL. */
static bool join(char **out, const char *a, const char *b)
{
    *out = NULL;
    if (!b)
        return true;
    const size_t n = a ? strlen(a) : 0, m = strlen(b);
    *out = malloc(n + m + 1);
    if (!*out)
        return false;
    if (n)
        memcpy(*out, a, n);
    memcpy(*out + n, b, m + 1);
    return true;
}

int opa_findings_append(opa_findings *list, const opa_findings *from, const char *prefix)
{
    if (!list)
        return OPA_OK;
    for (size_t i = 0; i < from->count; i++) {
        const opa_finding *src = &from->items[i];
        opa_finding *f = push(list);
        if (!f)
            return OPA_ENOMEM;
        *f =
            (opa_finding){.code = src->code, .record = src->record, .line = src->line, .quarantined = src->quarantined};
        if (!join(&f->file, NULL, src->file) || !join(&f->id, NULL, src->id) || !join(&f->field, prefix, src->field) ||
            !join(&f->message, NULL, src->message)) {
            release_one(f);
            return OPA_ENOMEM;
        }
        list->count++;
    }
    return OPA_OK;
}

int opa_findings_locate(opa_findings *list, size_t first, const char *file, int64_t record, opa_text id)
{
    for (size_t i = first; i < list->count; i++) {
        opa_finding *f = &list->items[i];
        if (f->record < 0)
            f->record = record;
        if (!f->file && !join(&f->file, NULL, file))
            return OPA_ENOMEM;
        if (!f->id && id.data) {
            opa_buffer clean = {0};
            opa_utf8_clean(&clean, id);
            if (clean.failed) {
                opa_buffer_release(&clean);
                return OPA_ENOMEM;
            }
            f->id = clean.data;
        }
    }
    return OPA_OK;
}
