/* SPDX-License-Identifier: Apache-2.0 */
#include "text/tokenizer/view.h"

#include <stdlib.h>
#include <string.h>

void opa_stage_release(opa_stage *s)
{
    opa_buffer_release(&s->text);
    free(s->at);
    *s = (opa_stage){0};
}

void opa_stage_clear(opa_stage *s)
{
    opa_buffer_clear(&s->text);
}

/* Room for @p more bytes and the end. */
static bool reserve(opa_stage *s, size_t more)
{
    if (!opa_buffer_reserve(&s->text, more + 1))
        return false;
    const size_t need = s->text.size + more + 1;
    if (need <= s->at_capacity)
        return true;
    const size_t capacity = need > s->at_capacity * 2 ? need : s->at_capacity * 2;
    uint32_t *at = capacity <= SIZE_MAX / sizeof(*at) ? realloc(s->at, capacity * sizeof(*at)) : NULL;
    if (!at) {
        s->text.failed = true;
        return false;
    }
    s->at = at;
    s->at_capacity = capacity;
    return true;
}

void opa_stage_copy(opa_stage *s, const opa_view *v, size_t from, size_t to)
{
    if (s->text.failed || !reserve(s, to - from))
        return;
    uint32_t *at = s->at + s->text.size;
    if (v->at) {
        memcpy(at, v->at + from, (to - from) * sizeof(*at));
    } else {
        for (size_t i = from; i < to; i++)
            at[i - from] = (v->begin + (uint32_t)i) | OPA_VIEW_GROUP;
    }
    memcpy(s->text.data + s->text.size, v->data + from, to - from);
    s->text.size += to - from;
}

void opa_stage_put(opa_stage *s, const char *data, size_t size, uint32_t begin)
{
    if (s->text.failed || !reserve(s, size))
        return;
    uint32_t *at = s->at + s->text.size;
    for (size_t i = 0; i < size; i++)
        at[i] = i ? begin : begin | OPA_VIEW_GROUP;
    memcpy(s->text.data + s->text.size, data, size);
    s->text.size += size;
}

opa_view opa_stage_view(opa_stage *s, uint32_t end)
{
    if (s->text.failed || !reserve(s, 0))
        return (opa_view){"", 0, NULL, end};
    s->at[s->text.size] = end | OPA_VIEW_GROUP;
    return (opa_view){s->text.data, s->text.size, s->at, 0};
}
