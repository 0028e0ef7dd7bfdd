/* SPDX-License-Identifier: Apache-2.0 */
/** @file view.h
 *  A text on its way through the normaliser, with the way back to the original's bytes.
 */
#ifndef OPA_TEXT_TOKENIZER_VIEW_H
#define OPA_TEXT_TOKENIZER_VIEW_H

#include "base/buffer.h"

/** Bytes that came from one place of the original are a group: an unchanged byte is its own group, a composed character
 *  or a replacement is one group, an inserted text is one that stands for nothing.
 *  at == NULL: byte i is the original's byte begin + i. Else at[i] is the original offset at which the group of byte i
 *  begins, with OPA_VIEW_GROUP set on its first byte; a group ends where the next begins. at[size] closes the last one.
 */
typedef struct opa_view {
    const char *data;
    size_t size;
    const uint32_t *at;
    uint32_t begin;
} opa_view;

#define OPA_VIEW_GROUP UINT32_C(0x80000000)

/** The original's offset of byte @p i, and of the end of a run that ends before byte @p i. */
static inline uint32_t opa_view_begin(const opa_view *v, size_t i)
{
    return v->at ? v->at[i] & ~OPA_VIEW_GROUP : v->begin + (uint32_t)i;
}
static inline uint32_t opa_view_end(const opa_view *v, size_t i)
{
    if (!v->at)
        return v->begin + (uint32_t)i;
    while (!(v->at[i] & OPA_VIEW_GROUP))
        i++;
    return v->at[i] & ~OPA_VIEW_GROUP;
}
/** Bytes [from, to) of a view. */
static inline opa_view opa_view_slice(const opa_view *v, size_t from, size_t to)
{
    return (opa_view){v->data + from, to - from, v->at ? v->at + from : NULL, v->begin + (uint32_t)from};
}

/** Memory in which a view is made; {0} is empty. A failed allocation is kept in text.failed. */
typedef struct opa_stage {
    opa_buffer text;
    uint32_t *at;
    size_t at_capacity;
} opa_stage;

void opa_stage_release(opa_stage *s);
void opa_stage_clear(opa_stage *s);
/** Append bytes [from, to) of @p v as they are. */
void opa_stage_copy(opa_stage *s, const opa_view *v, size_t from, size_t to);
/** Append @p size bytes as one group that begins at the original's @p begin. */
void opa_stage_put(opa_stage *s, const char *data, size_t size, uint32_t begin);
/** What was made; it stands for the original up to @p end. Borrowed until the stage changes. */
opa_view opa_stage_view(opa_stage *s, uint32_t end);

#endif
