/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <assert.h>
#include <stdlib.h>

int scratch_begin(struct trainer *t, struct scratch *s, size_t floats)
{
    s->used = 0;
    if (floats <= s->capacity)
        return OPA_OK;
    free(s->data);
    *s = (struct scratch){0};
    if (floats > SIZE_MAX / sizeof(float) - 64 || posix_memalign((void **)&s->data, 64, floats * sizeof(float)) != 0) {
        s->data = NULL;
        return trainer_fail(t, OPA_ENOMEM, "out of memory: %.1f GiB of activations",
                            (double)floats * sizeof(float) / (double)(1 << 30));
    }
    s->capacity = floats;
    return OPA_OK;
}

float *scratch_take(struct scratch *s, size_t n)
{
    float *piece = s->data + s->used;
    s->used += scratch_round(n);
    assert(s->used <= s->capacity);
    return piece;
}

float *scratch_piece(struct scratch *s, size_t *floats, size_t n)
{
    *floats += scratch_round(n);
    return s ? scratch_take(s, n) : NULL;
}

void scratch_release(struct scratch *s)
{
    free(s->data);
    *s = (struct scratch){0};
}
