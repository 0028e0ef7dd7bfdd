/* SPDX-License-Identifier: Apache-2.0 */
/* The first scenes of the test, with what each system says about them. */
#include <stdlib.h>
#include <string.h>

#include "expert.h"
#include "page.h"
#include "picture.h"

enum { SCENES = 5 };

/* ---- what is wrong in an answer ---- */

enum mark { MARK_NEW = 1, MARK_INVENTED = 2, MARK_WRONG = 4 };

static void mark(uint8_t *marks, opa_span span, enum mark with)
{
    for (size_t i = span.begin; i < span.end; i++)
        marks[i] |= (uint8_t)with;
}

static bool names_other(opa_text text, opa_span word, const char *const *names, int count, int right)
{
    for (int i = 0; i < count; i++) {
        if (i != right && word_is(text, word, names[i]))
            return true;
    }
    return false;
}

static void mark_sentence(uint8_t *marks, const struct scene *scene, opa_text text, opa_text sentence)
{
    const struct claim claim = claim_of(sentence);
    const struct object *o = claim.kind >= 0 ? scene_find(scene, claim.kind) : NULL;
    const size_t begin = (size_t)(sentence.data - text.data);
    opa_span word;
    for (size_t at = begin; next_word(&word, text, &at) && word.begin < begin + sentence.size;) {
        for (int k = 0; k < KINDS; k++) {
            if (word_is(text, word, kind_names[k]) && scene_find(scene, k) == NULL)
                mark(marks, word, MARK_INVENTED);
        }
        if (o != NULL && (names_other(text, word, colour_names, COLOURS, o->colour) ||
                          names_other(text, word, side_names, COLUMNS, o->column)))
            mark(marks, word, MARK_WRONG);
    }
}

/* ---- texts ---- */

static void put_marked(FILE *out, opa_text text, const uint8_t *marks)
{
    for (size_t i = 0, end; i < text.size; i = end) {
        for (end = i + 1; end < text.size && marks[end] == marks[i]; end++)
            ;
        if (marks[i] != 0)
            fprintf(out, "<span class='%s%s%s'>", marks[i] & MARK_NEW ? "new " : "",
                    marks[i] & MARK_INVENTED ? "invented " : "", marks[i] & MARK_WRONG ? "wrong" : "");
        page_text(out, (opa_text){text.data + i, end - i});
        if (marks[i] != 0)
            fputs("</span>", out);
    }
}

/* An answer with its errors marked, and what @p before did not say (data NULL: nothing is new). */
static bool put_answer(FILE *out, const struct story *s, const struct scene *scene, opa_text before, opa_text text)
{
    uint8_t *marks = calloc(text.size + 1, 1);
    opa_hunk *hunks = NULL;
    size_t count = 0;
    if (marks == NULL || (before.data != NULL && opa_diff_words(s->cli->ctx, &hunks, &count, before, text) != OPA_OK)) {
        free(marks);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (hunks[i].op != OPA_KEEP)
            mark(marks, hunks[i].revised, MARK_NEW);
    }
    opa_text rest = text, sentence;
    while (next_sentence(&sentence, &rest))
        mark_sentence(marks, scene, text, sentence);
    put_marked(out, text, marks);
    free(hunks);
    free(marks);
    return true;
}

static void put_piece(FILE *out, const char *element, opa_text text, opa_span span)
{
    if (span.begin == span.end)
        return;
    fprintf(out, "<%s>", element);
    page_text(out, (opa_text){text.data + span.begin, span.end - span.begin});
    fprintf(out, "</%s>", element);
}

/* One sentence of the expert: words inside it where it was put right, else the whole of it. */
static bool put_correction(FILE *out, const struct story *s, const struct correction *c)
{
    const opa_text to = text_of(c->rewritten);
    const opa_hunk whole = {.op = OPA_SUBSTITUTE, .generated = {0, c->copied.size}, .revised = {0, to.size}};
    opa_hunk *made = NULL;
    size_t count = 1;
    if (c->score > 1 && opa_diff_words(s->cli->ctx, &made, &count, c->copied, to) != OPA_OK)
        return false;
    for (size_t i = 0; i < count; i++) {
        const opa_hunk *h = made ? &made[i] : &whole;
        put_piece(out, h->op == OPA_KEEP ? "span" : "del", c->copied, h->generated);
        if (h->op == OPA_SUBSTITUTE && h->revised.end > h->revised.begin)
            fputc(' ', out);
        if (h->op != OPA_KEEP)
            put_piece(out, "ins", to, h->revised);
    }
    fputc(' ', out);
    free(made);
    return true;
}

static bool put_edits(FILE *out, const struct story *s, const struct said *said)
{
    struct corrections corrections;
    bool good = expert_correct(&corrections, &said->scene, said->text) == OPA_OK;
    for (size_t i = 0; i < corrections.count && good; i++)
        good = put_correction(out, s, &corrections.of[i]);
    corrections_release(&corrections);
    return good;
}

/* ---- scenes ---- */

static void put_truth(FILE *out, const struct scene *scene)
{
    fprintf(out, "<p class=truth>A %s with ", context_names[scene->context]);
    for (int i = 0; i < scene->count; i++) {
        const struct object *o = &scene->objects[i];
        fprintf(out, "%sa %s%s %s %s",
                i == 0                 ? ""
                : i + 1 < scene->count ? ", "
                                       : " and ",
                o->far ? "small " : "", colour_names[o->colour], kind_names[o->kind], place_names[o->column]);
    }
    fputs(".</p>\n", out);
}

static bool put_scene(FILE *out, const struct story *s, const struct said *said)
{
    char *picture = picture_base64(&said->scene);
    if (picture == NULL)
        return false;
    fputs("<div class=scene><img alt='", out);
    page_text(out, text_of(said->id));
    fprintf(out, "' src='data:image/png;base64,%s'><div>", picture);
    free(picture);
    put_truth(out, &said->scene);
    fputs("<dl>", out);
    bool good = true;
    for (int i = 0; i < SYSTEMS && good; i++) {
        const struct said *answer =
            s->systems[i].there ? answers_find(&s->systems[i].answers, text_of(said->id)) : NULL;
        if (answer == NULL)
            continue;
        fprintf(out, "<dt><i class='%s'></i>%s<dd>", s->systems[i].name, s->systems[i].label);
        good = put_answer(out, s, &said->scene, i == BASE ? (opa_text){NULL, 0} : said->text, answer->text);
        if (i == BASE && good) {
            fputs("<dt>&nbsp;the expert's edits<dd>", out);
            good = put_edits(out, s, said);
        }
        fputc('\n', out);
    }
    fputs("</dl></div></div>\n", out);
    return good;
}

bool page_scenes(FILE *out, const struct story *s)
{
    const struct answers *base = &s->systems[BASE].answers;
    bool good = true;
    for (size_t i = 0; i < SCENES && i < base->count && good; i++)
        good = put_scene(out, s, &base->of[i]);
    return good;
}
