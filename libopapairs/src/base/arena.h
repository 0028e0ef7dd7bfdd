/* SPDX-License-Identifier: Apache-2.0 */
/** @file arena.h
 *  Memory that is released all at once: what belongs to one report, one alignment, one document.
 */
#ifndef OPA_BASE_ARENA_H
#define OPA_BASE_ARENA_H

#include <opapairs/base.h>

/** A chain of blocks, each twice the one before up to 1 MiB; large requests get a block of their own. */
typedef struct opa_arena opa_arena;

/** NULL: out of memory. */
opa_arena *opa_arena_new(void);
void opa_arena_free(opa_arena *arena);
/** @p size bytes, zeroed, aligned for any type, valid until the arena is freed or cleared. NULL: out of memory. */
void *opa_arena_alloc(opa_arena *arena, size_t size);
/** The same for @p count items of @p size bytes; NULL on overflow too. */
void *opa_arena_array(opa_arena *arena, size_t count, size_t size);
/** A copy of @p text, NUL-terminated. data NULL: out of memory (or @p text was absent). */
opa_text opa_arena_text(opa_arena *arena, opa_text text);
/** Has it been short of memory since it was made or cleared? So a series of requests needs one check at its end. */
bool opa_arena_failed(const opa_arena *arena);
/** Forget everything, keep the largest block. */
void opa_arena_clear(opa_arena *arena);

#endif
