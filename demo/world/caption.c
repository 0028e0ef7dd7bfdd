/* SPDX-License-Identifier: Apache-2.0 */
#include "caption.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *const about_names[ABOUTS] = {"near", "far", "absent", "absent, usual here"};

int order_by_salience(int out[MOST_OBJECTS], const struct scene *scene, int far, int near, struct random *r)
{
    int64_t salience[MOST_OBJECTS];
    int order[MOST_OBJECTS], count = 0;
    for (int i = 0; i < scene->count; i++) {
        /* the size in pixels, give or take 1.5 */
        salience[i] = 2 * (int64_t)scene->objects[i].size * NORMAL_ONE + 3 * (int64_t)random_normal(r);
        int at = i;
        for (; at > 0 && salience[order[at - 1]] < salience[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    for (int i = 0; i < scene->count; i++) {
        if (random_chance(r, scene->objects[order[i]].far ? far : near))
            out[count++] = order[i];
    }
    return count;
}

/* A caption of the web in the making. */
struct web {
    struct answer *answer;
    const struct scene *scene;
    enum voice voice;
    uint32_t said; /* bits of kinds */
    int mentions;
    struct random r;
};

static void mention(struct web *w, int kind, int colour, int column)
{
    say_object(w->answer, w->voice, kind, colour, column, &w->r);
    w->said |= UINT32_C(1) << kind;
    w->mentions++;
}

/* What this context usually has and nobody mentioned yet; -1: nothing. */
static int draw_usual(struct web *w)
{
    int weights[KINDS];
    for (int k = 0; k < KINDS; k++)
        weights[k] = w->said >> k & 1 ? 0 : kind_habit(w->scene->context, k);
    return random_weighted(&w->r, weights, KINDS);
}

static void mention_seen(struct web *w, const struct object *o)
{
    const int kind = random_chance(&w->r, 3) ? draw_usual(w) : o->kind;
    if (kind < 0 || w->said >> kind & 1)
        return;
    mention(w, kind, random_chance(&w->r, 5) ? random_below(&w->r, COLOURS) : o->colour, o->column);
}

void caption_web(struct answer *out, const struct scene *scene, int fillers, uint64_t visit)
{
    static const int two_to_five[] = {10, 25, 40, 25};
    struct web w = {.answer = out, .scene = scene, .r = random_for(scene->seed, scene->number, STREAM_CAPTION, visit)};
    out->size = 0;
    const int wanted = 2 + random_weighted(&w.r, two_to_five, 4);
    int order[MOST_OBJECTS];
    const int seen = order_by_salience(order, scene, 70, 95, &w.r);
    w.voice = random_chance(&w.r, 2) ? VOICE_SECOND : VOICE_WEB;
    say_context(out, w.voice, scene->context);
    for (int i = 0; i < seen && i < wanted; i++)
        mention_seen(&w, &scene->objects[order[i]]);
    while (w.mentions < wanted && random_chance(&w.r, fillers)) {
        const int kind = draw_usual(&w);
        if (kind < 0)
            break;
        const int colour = random_below(&w.r, COLOURS);
        mention(&w, kind, colour, random_below(&w.r, COLUMNS));
    }
}

void caption_truth(struct answer *out, const struct scene *scene)
{
    struct random r = random_for(scene->seed, scene->number, STREAM_TRUTH, 0);
    int order[MOST_OBJECTS];
    const int seen = order_by_salience(order, scene, 30, 100, &r);
    out->size = 0;
    say_context(out, VOICE_EXPERT, scene->context);
    for (int i = 0; i < seen; i++) {
        const struct object *o = &scene->objects[order[i]];
        const enum voice voice = random_chance(&r, 50) ? VOICE_EXPERT : VOICE_WEB;
        say_object(out, voice, o->kind, o->colour, o->column, &r);
    }
}

/* A kind that is not there: half the time one that such places usually have. */
static void draw_absent(struct question *q, const struct scene *scene, struct random *r)
{
    int usual[KINDS], odd[KINDS];
    for (int k = 0; k < KINDS; k++) {
        const bool absent = scene_find(scene, k) == NULL;
        usual[k] = absent ? kind_habit(scene->context, k) : 0;
        odd[k] = absent && kind_habit(scene->context, k) == 0;
    }
    q->kind = random_chance(r, 50) ? random_weighted(r, usual, KINDS) : -1;
    q->about = q->kind >= 0 ? ABOUT_USUAL : ABOUT_ABSENT;
    if (q->about == ABOUT_ABSENT)
        q->kind = random_weighted(r, odd, KINDS);
    q->colour = random_below(r, COLOURS);
}

void question_draw(struct question *out, const struct scene *scene, uint64_t visit)
{
    struct random r = random_for(scene->seed, scene->number, STREAM_QUESTION, visit);
    *out = (struct question){0};
    const bool there = visit % 2 == 0;
    if (there) {
        const struct object *o = &scene->objects[random_below(&r, scene->count)];
        out->about = o->far ? ABOUT_FAR : ABOUT_NEAR;
        out->kind = o->kind;
        out->colour = o->colour;
    } else {
        draw_absent(out, scene, &r);
    }
    const char *colour = colour_names[out->colour], *kind = kind_names[out->kind];
    snprintf(out->text, sizeof out->text, "Is there a %s %s?", colour, kind);
    if (there)
        snprintf(out->answer, sizeof out->answer, "Yes, there is a %s %s.", colour, kind);
    else
        snprintf(out->answer, sizeof out->answer, "No, there is no %s.", kind);
}

const char *question_id(char out[QUESTION_ID_SIZE], const struct scene *scene, uint64_t visit)
{
    char id[SCENE_ID_SIZE];
    snprintf(out, QUESTION_ID_SIZE, "%s-q%" PRIu64, scene_id(id, scene), visit);
    return out;
}

bool question_of_id(struct question *out, opa_text id)
{
    char text[QUESTION_ID_SIZE], again[QUESTION_ID_SIZE];
    struct scene scene;
    uint64_t visit;
    snprintf(text, sizeof text, "%.*s", (int)(id.size < sizeof text ? id.size : sizeof text - 1), id.data);
    const char *mark = strstr(text, "-q");
    if (mark == NULL || sscanf(mark, "-q%20" SCNu64, &visit) != 1 ||
        !scene_of_id(&scene, (opa_text){text, (size_t)(mark - text)}) ||
        strcmp(question_id(again, &scene, visit), text) != 0)
        return false;
    question_draw(out, &scene, visit);
    return true;
}
