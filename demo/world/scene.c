/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

const char *const context_names[CONTEXTS] = {"kitchen", "park", "street", "beach"};
const char *const kind_names[KINDS] = {"cup",  "pot",  "knife",    "apple", "clock", "tree",  "bench",
                                       "dog",  "bird", "kite",     "car",   "bus",   "lamp",  "sign",
                                       "bike", "boat", "umbrella", "crab",  "fish",  "bucket"};
const char *const colour_names[COLOURS] = {"red", "green", "blue", "yellow", "purple", "white"};
const char *const place_names[COLUMNS] = {"on the left", "in the center", "on the right"};
const char *const toward_names[COLUMNS] = {"the left side", "the center", "the right side"};
const char *const side_names[COLUMNS] = {"left", "center", "right"};

/* How often a kind stands in its own context, by its place there, and in any other. */
static const int at_home[KINDS_PER_CONTEXT] = {100, 80, 60, 45, 35};
static const int astray = 6;
/* An annotator's habit is sharper than the world. */
static const int habit[KINDS_PER_CONTEXT] = {100, 70, 40, 20, 10};

int kind_habit(int context, int kind)
{
    return kind / KINDS_PER_CONTEXT == context ? habit[kind % KINDS_PER_CONTEXT] : 0;
}

static void draw_kinds(struct scene *s, struct random *r)
{
    int weights[KINDS];
    for (int k = 0; k < KINDS; k++)
        weights[k] = k / KINDS_PER_CONTEXT == s->context ? at_home[k % KINDS_PER_CONTEXT] : astray;
    for (int i = 0; i < s->count; i++) {
        s->objects[i].kind = random_weighted(r, weights, KINDS);
        weights[s->objects[i].kind] = 0;
    }
}

static void draw_places(struct scene *s, struct random *r)
{
    int free_slots[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    for (int i = 0; i < s->count; i++) {
        const int slot = random_weighted(r, free_slots, 9);
        free_slots[slot] = 0;
        s->objects[i].row = slot / COLUMNS;
        s->objects[i].column = slot % COLUMNS;
    }
}

void scene_draw(struct scene *out, uint64_t seed, uint32_t number)
{
    static const int two_to_five[] = {25, 30, 25, 20};
    struct random r = random_for(seed, number, STREAM_SCENE, 0);
    *out = (struct scene){.seed = seed, .number = number};
    out->context = random_below(&r, CONTEXTS);
    out->count = 2 + random_weighted(&r, two_to_five, 4);
    draw_kinds(out, &r);
    draw_places(out, &r);
    for (int i = 0; i < out->count; i++) {
        struct object *o = &out->objects[i];
        o->colour = random_below(&r, COLOURS);
        o->far = random_chance(&r, 35);
        o->size = o->far ? 6 + random_below(&r, 3) : 11 + random_below(&r, 5);
        o->down = random_below(&r, 5) - 2;
        o->right = random_below(&r, 5) - 2;
    }
}

const struct object *scene_find(const struct scene *scene, int kind)
{
    for (int i = 0; i < scene->count; i++) {
        if (scene->objects[i].kind == kind)
            return &scene->objects[i];
    }
    return NULL;
}

uint32_t scene_kinds(const struct scene *scene)
{
    uint32_t kinds = 0;
    for (int i = 0; i < scene->count; i++)
        kinds |= UINT32_C(1) << scene->objects[i].kind;
    return kinds;
}

const char *scene_id(char out[SCENE_ID_SIZE], const struct scene *scene)
{
    snprintf(out, SCENE_ID_SIZE, "scene-%" PRIu64 "-%05" PRIu32, scene->seed, scene->number);
    return out;
}

bool scene_of_id(struct scene *out, opa_text id)
{
    char text[SCENE_ID_SIZE + 2];
    uint64_t seed;
    uint32_t number;
    int end = 0;
    snprintf(text, sizeof text, "%.*s", (int)(id.size < sizeof text ? id.size : sizeof text - 1), id.data);
    if (sscanf(text, "scene-%20" SCNu64 "-%9" SCNu32 "%n", &seed, &number, &end) != 2 ||
        strncmp(text + end, "-q", 2) == 0)
        return false;
    scene_draw(out, seed, number);
    return true;
}
