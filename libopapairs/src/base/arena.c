/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK ((size_t)4096)
#define LAST_BLOCK ((size_t)1 << 20)

typedef struct block {
    struct block *next; /* the block before this one */
    size_t size, used;
    max_align_t bytes[];
} block;

struct opa_arena {
    block *head; /* the block that is being filled */
    bool failed;
};

opa_arena *opa_arena_new(void)
{
    return calloc(1, sizeof(opa_arena));
}

static void free_chain(block *b)
{
    while (b) {
        block *next = b->next;
        free(b);
        b = next;
    }
}

void opa_arena_free(opa_arena *arena)
{
    if (!arena)
        return;
    free_chain(arena->head);
    free(arena);
}

bool opa_arena_failed(const opa_arena *arena)
{
    return arena && arena->failed;
}

void opa_arena_clear(opa_arena *arena)
{
    arena->failed = false;
    if (!arena->head)
        return;
    block *largest = arena->head;
    for (block *b = arena->head; b; b = b->next)
        if (b->size > largest->size)
            largest = b;
    block **link = &arena->head;
    while (*link != largest)
        link = &(*link)->next;
    *link = largest->next;
    free_chain(arena->head);
    largest->next = NULL;
    largest->used = 0;
    arena->head = largest;
}

void *opa_arena_alloc(opa_arena *arena, size_t size)
{
    const size_t unit = sizeof(max_align_t);
    if (size > SIZE_MAX / 2) {
        arena->failed = true;
        return NULL;
    }
    size = size ? (size + unit - 1) / unit * unit : unit;
    block *b = arena->head;
    if (!b || b->size - b->used < size) {
        size_t room = b ? b->size * 2 : FIRST_BLOCK;
        if (room > LAST_BLOCK)
            room = LAST_BLOCK;
        if (room < size)
            room = size;
        b = malloc(sizeof *b + room);
        if (!b) {
            arena->failed = true;
            return NULL;
        }
        *b = (block){.next = arena->head, .size = room};
        arena->head = b;
    }
    void *p = (char *)b->bytes + b->used;
    b->used += size;
    return memset(p, 0, size);
}

void *opa_arena_array(opa_arena *arena, size_t count, size_t size)
{
    /* What is too much to be counted is too much to be had. */
    return opa_arena_alloc(arena, size && count > SIZE_MAX / size ? SIZE_MAX : count * size);
}

opa_text opa_arena_text(opa_arena *arena, opa_text text)
{
    if (!text.data)
        return (opa_text){0};
    char *copy = opa_arena_alloc(arena, text.size + 1);
    if (!copy)
        return (opa_text){0};
    if (text.size)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return (opa_text){copy, text.size};
}
