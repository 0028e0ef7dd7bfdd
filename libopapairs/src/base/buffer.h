/* SPDX-License-Identifier: Apache-2.0 */
/** @file buffer.h
 *  A growing run of bytes. Appending after a failed allocation does nothing, so a series of appends needs one check at
 * its end.
 */
#ifndef OPA_BASE_BUFFER_H
#define OPA_BASE_BUFFER_H

#include <opapairs/base.h>

/** {0} is an empty one. data is NUL-terminated whenever it is not NULL; the NUL does not count in size. */
typedef struct opa_buffer {
    char *data;
    size_t size, capacity;
    bool failed; /**< an allocation failed; the content is not complete */
} opa_buffer;

void opa_buffer_release(opa_buffer *b);
/** Empty it and forget a failure; the memory is kept. */
void opa_buffer_clear(opa_buffer *b);
bool opa_buffer_grow(opa_buffer *b, size_t more);
/** Room for @p more bytes behind size; false: failed is set. The caller may write there and raise size. */
static inline bool opa_buffer_reserve(opa_buffer *b, size_t more)
{
    return (b->data && !b->failed && more < b->capacity - b->size) || opa_buffer_grow(b, more);
}
void opa_buffer_add(opa_buffer *b, const void *data, size_t size);
void opa_buffer_add_text(opa_buffer *b, opa_text text);
void opa_buffer_add_string(opa_buffer *b, const char *s);
static inline void opa_buffer_add_char(opa_buffer *b, char c)
{
    if (!opa_buffer_reserve(b, 1))
        return;
    b->data[b->size++] = c;
    b->data[b->size] = '\0';
}
void opa_buffer_printf(opa_buffer *b, const char *format, ...) OPA_PRINTF(2, 3);
/** Its content as a text; data is never NULL (an empty buffer gives ""). Borrowed. */
opa_text opa_buffer_text(const opa_buffer *b);

#endif
