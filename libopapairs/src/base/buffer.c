/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void opa_buffer_release(opa_buffer *b)
{
    free(b->data);
    *b = (opa_buffer){0};
}

void opa_buffer_clear(opa_buffer *b)
{
    b->size = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = '\0';
}

/* What opa_buffer_reserve() leaves: there is no room yet. */
bool opa_buffer_grow(opa_buffer *b, size_t more)
{
    if (b->failed)
        return false;
    if (more > SIZE_MAX / 2 - b->size - 1) {
        b->failed = true;
        return false;
    }
    size_t capacity = b->capacity ? b->capacity : 64;
    while (capacity < b->size + more + 1)
        capacity += capacity / 2;
    char *data = realloc(b->data, capacity);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->capacity = capacity;
    data[b->size] = '\0';
    return true;
}

void opa_buffer_add(opa_buffer *b, const void *data, size_t size)
{
    if (!opa_buffer_reserve(b, size))
        return;
    if (size)
        memcpy(b->data + b->size, data, size);
    b->size += size;
    b->data[b->size] = '\0';
}

void opa_buffer_add_text(opa_buffer *b, opa_text text)
{
    opa_buffer_add(b, text.data, text.size);
}

void opa_buffer_add_string(opa_buffer *b, const char *s)
{
    opa_buffer_add(b, s, strlen(s));
}

void opa_buffer_printf(opa_buffer *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0)
        b->failed = true;
    else if (opa_buffer_reserve(b, (size_t)size + 1)) {
        vsnprintf(b->data + b->size, (size_t)size + 1, format, again);
        b->size += (size_t)size;
    }
    va_end(again);
}

opa_text opa_buffer_text(const opa_buffer *b)
{
    return b->data ? (opa_text){b->data, b->size} : OPA_TEXT("");
}
