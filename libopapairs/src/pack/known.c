/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/known.h"

#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/utf8.h"
#include "store/recorded.h"

/* Errors of a record that never became the sample whose id it carries. */
static bool concerns_quarantine(int code)
{
    return code == OPA_F_ID_CONFLICT || code == OPA_F_ID_INVALID || code == OPA_F_ID_UNKNOWN;
}

static int note(void *user, const opa_finding *f)
{
    opa_known *k = user;
    const opa_code_info *info = opa_code_lookup(f->code);
    if (!f->id || !info || info->severity != OPA_ERROR || concerns_quarantine(f->code))
        return 0;
    if (k->count == k->capacity) {
        const size_t capacity = k->capacity ? k->capacity * 2 : 64;
        opa_known_error *items = realloc(k->items, capacity * sizeof *items);
        if (!items)
            return 1;
        k->items = items;
        k->capacity = capacity;
    }
    opa_known_error *e = &k->items[k->count];
    *e = (opa_known_error){.code = f->code, .id = strdup(f->id), .message = strdup(f->message ? f->message : "")};
    k->count++; /* counted even when a copy failed: release frees what is there */
    return !e->id || !e->message;
}

static int compare(const void *a, const void *b)
{
    const opa_known_error *x = a, *y = b;
    const int by_id = strcmp(x->id, y->id);
    return by_id ? by_id : x->code != y->code ? x->code - y->code : strcmp(x->message, y->message);
}

int opa_known_load(opa_context *ctx, opa_known *out, opa_store *store)
{
    *out = (opa_known){0};
    const int status = opa_store_sample_findings(store, note, out);
    for (size_t i = 0; i < out->count; i++)
        if (!out->items[i].id || !out->items[i].message) {
            opa_known_release(out);
            return opa_fail_memory(ctx);
        }
    if (status) {
        opa_known_release(out);
        return status == OPA_ECANCELLED ? opa_fail_memory(ctx) : status;
    }
    if (out->count)
        qsort(out->items, out->count, sizeof *out->items, compare);
    return OPA_OK;
}

const opa_known_error *opa_known_find(const opa_known *known, opa_text id)
{
    if (known->count == 0)
        return NULL;
    opa_buffer clean = {0}; /* findings carry ids as clean UTF-8 */
    opa_utf8_clean(&clean, id);
    size_t low = 0, high = known->count;
    while (!clean.failed && low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(known->items[middle].id, clean.data) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    const bool found = !clean.failed && low < known->count && strcmp(known->items[low].id, clean.data) == 0;
    opa_buffer_release(&clean);
    return found ? &known->items[low] : NULL;
}

void opa_known_release(opa_known *known)
{
    for (size_t i = 0; i < known->count; i++) {
        free(known->items[i].id);
        free(known->items[i].message);
    }
    free(known->items);
    *known = (opa_known){0};
}
