/* SPDX-License-Identifier: Apache-2.0 */
#include "expert.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "caption.h"

static const char *const image_error = "image_recognition_error", *const language_error =
                                                                      "language_comprehension_error";

struct expert {
    const struct scene *scene;
    int unsaid[MOST_OBJECTS]; /* places of objects that no sentence names, the most visible first */
    int unsaid_count, used;
    uint32_t said; /* kinds that an earlier sentence named rightly */
    bool last;     /* the sentence at hand ends the answer */
    struct random r;
};

static void find_unsaid(struct expert *e, opa_text answer)
{
    uint32_t named = 0;
    opa_text sentence;
    while (next_sentence(&sentence, &answer))
        named |= claim_of(sentence).kinds;
    int order[MOST_OBJECTS];
    const int seen = order_by_salience(order, e->scene, 10, 100, &e->r);
    for (int i = 0; i < seen; i++) {
        if (!(named >> e->scene->objects[order[i]].kind & 1))
            e->unsaid[e->unsaid_count++] = order[i];
    }
}

/* ---- the edits ---- */

/* Does one of @p names stand at @p at, and not as a part of a word? Its length, 0: no. */
static size_t name_at(opa_text text, size_t at, const char *const *names, int count)
{
    if (at > 0 && isalpha((unsigned char)text.data[at - 1]))
        return 0;
    for (int i = 0; i < count; i++) {
        const size_t n = strlen(names[i]);
        if (at + n <= text.size && strncasecmp(text.data + at, names[i], n) == 0 &&
            (at + n == text.size || !isalpha((unsigned char)text.data[at + n])))
            return n;
    }
    return 0;
}

/* The sentence with its words of colour, place and context put right, and all others as they are. */
static char *put_right(opa_text sentence, const struct scene *scene, const struct object *o)
{
    char *text = NULL;
    size_t size, n;
    FILE *out = open_memstream(&text, &size);
    for (size_t at = 0; out != NULL && at < sentence.size; at += n) {
        const char *with = NULL;
        if (o != NULL && (n = name_at(sentence, at, colour_names, COLOURS)) > 0)
            with = colour_names[o->colour];
        else if (o != NULL && (n = name_at(sentence, at, place_names, COLUMNS)) > 0)
            with = place_names[o->column];
        else if (o != NULL && (n = name_at(sentence, at, toward_names, COLUMNS)) > 0)
            with = toward_names[o->column];
        else if (o == NULL && (n = name_at(sentence, at, context_names, CONTEXTS)) > 0)
            with = context_names[scene->context];
        if (with != NULL)
            fputs(with, out);
        else
            fputc(sentence.data[at], out), n = 1;
    }
    return out != NULL && fclose(out) == 0 ? text : NULL;
}

static void describe(char out[96], const struct claim *c)
{
    snprintf(out, 96, "%s%s%s%s%s", c->colour >= 0 ? colour_names[c->colour] : "", c->colour >= 0 ? " " : "",
             kind_names[c->kind], c->column >= 0 ? " " : "", c->column >= 0 ? place_names[c->column] : "");
}

static void describe_object(char out[96], const struct object *o)
{
    snprintf(out, 96, "%s %s %s", colour_names[o->colour], kind_names[o->kind], place_names[o->column]);
}

/* ---- the cases ---- */

static void drop(struct correction *c, int score, const char *reason)
{
    c->score = score;
    c->type = language_error;
    c->rewritten = strdup("");
    snprintf(c->reason, sizeof c->reason, "%s", reason);
}

static void correct_context(struct expert *e, struct correction *c, const struct claim *claim)
{
    const char *name = context_names[e->scene->context];
    c->score = 2;
    c->type = image_error;
    c->rewritten = put_right(c->copied, e->scene, NULL);
    snprintf(c->reason, sizeof c->reason, "It is a %s.", name);
    snprintf(c->change[0], 96, "%s", context_names[claim->context]);
    snprintf(c->change[1], 96, "%s", name);
}

static void correct_invented(struct expert *e, struct correction *c, int kind, const struct claim *claim)
{
    struct answer instead = {.size = 0};
    struct claim wrong = *claim; /* which may name something that is there first */
    wrong.kind = kind;
    c->score = 1;
    c->type = image_error;
    describe(c->change[0], &wrong);
    snprintf(c->change[1], 96, "nothing");
    snprintf(c->reason, sizeof c->reason, "There is no %s in the picture.", kind_names[kind]);
    if (e->used < e->unsaid_count) {
        const struct object *o = &e->scene->objects[e->unsaid[e->used++]];
        say_object(&instead, VOICE_EXPERT, o->kind, o->colour, o->column, &e->r);
        describe_object(c->change[1], o);
    } else if (e->last && !random_chance(&e->r, 50)) {
        say(&instead, "Nothing else is clearly visible."); /* in the middle it would be untrue of what follows */
    }
    c->rewritten = strndup(instead.text, instead.size);
}

static void correct_object(struct expert *e, struct correction *c, const struct object *o, const struct claim *claim)
{
    const bool colour = claim->colour >= 0 && claim->colour != o->colour;
    const bool place = claim->column >= 0 && claim->column != o->column;
    e->said |= UINT32_C(1) << o->kind;
    if (!colour && !place)
        return;
    c->score = colour ? 2 : 3;
    c->type = image_error;
    c->rewritten = put_right(c->copied, e->scene, o);
    describe(c->change[0], claim);
    describe_object(c->change[1], o);
    snprintf(c->reason, sizeof c->reason, "The %s is %s.", kind_names[o->kind],
             colour ? colour_names[o->colour] : place_names[o->column]);
}

static int first_kind(uint32_t kinds)
{
    int k = 0;
    while (!(kinds >> k & 1))
        k++;
    return k;
}

/* What to say of one sentence. */
static void correct(struct expert *e, struct correction *c)
{
    const struct claim claim = claim_of(c->copied);
    const uint32_t invented = claim.kinds & ~scene_kinds(e->scene);
    c->score = 4;
    c->type = "correct";
    if (invented != 0)
        correct_invented(e, c, invented >> claim.kind & 1 ? claim.kind : first_kind(invented), &claim);
    else if (claim.kind >= 0 && (e->said >> claim.kind & 1))
        drop(c, 1, "This was said before.");
    else if (claim.kind >= 0)
        correct_object(e, c, scene_find(e->scene, claim.kind), &claim);
    else if (claim.context >= 0 && claim.context != e->scene->context)
        correct_context(e, c, &claim);
    else if (!claim.whole)
        drop(c, 3, "The sentence breaks off.");
    if (c->score == 4)
        c->rewritten = strndup(c->copied.data, c->copied.size);
}

int expert_correct(struct corrections *out, const struct scene *scene, opa_text answer)
{
    struct expert e = {.scene = scene, .r = random_for(scene->seed, scene->number, STREAM_EXPERT, 0)};
    *out = (struct corrections){0};
    find_unsaid(&e, answer);
    opa_text sentence;
    while (next_sentence(&sentence, &answer)) {
        opa_text after, rest = answer;
        struct correction *grown = realloc(out->of, (out->count + 1) * sizeof *grown);
        if (grown == NULL)
            return OPA_ENOMEM;
        out->of = grown;
        grown[out->count] = (struct correction){.copied = sentence};
        e.last = !next_sentence(&after, &rest);
        correct(&e, &grown[out->count++]);
        if (grown[out->count - 1].rewritten == NULL)
            return OPA_ENOMEM;
    }
    return OPA_OK;
}

char *corrections_joined(const struct corrections *c, bool rewritten, opa_text answer)
{
    char *text = NULL;
    size_t size, said = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < answer.size && answer.data[i] == ' '; i++)
        fputc(' ', out);
    for (size_t i = 0; i < c->count; i++) {
        const struct correction *one = &c->of[i];
        const opa_text sentence = rewritten ? (opa_text){one->rewritten, strlen(one->rewritten)} : one->copied;
        if (sentence.size > 0 && said++ > 0)
            fputc(' ', out);
        fwrite(sentence.data, 1, sentence.size, out);
    }
    const bool failed = fclose(out) != 0;
    if (failed)
        free(text);
    return failed ? NULL : text;
}

void corrections_release(struct corrections *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->of[i].rewritten);
    free(c->of);
    *c = (struct corrections){0};
}
