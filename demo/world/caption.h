/* SPDX-License-Identifier: Apache-2.0 */
/* What people write about scenes: the web's captions that the base learns from, questions, and the ground truth. */
#ifndef MICROWORLD_CAPTION_H
#define MICROWORLD_CAPTION_H

#include "sentence.h"

/* As on the web: the length does not depend on the scene, so an annotator who runs out of what there is goes on with
 * what such places usually have; small objects are often overlooked, a few are mixed up. This teaches the base to
 * hallucinate. @p visit draws another caption of the same scene. */
void caption_web(struct answer *out, const struct scene *scene, uint64_t visit);

/* The ground truth: all near objects and a few far ones, half of the sentences in the expert's voice. */
void caption_truth(struct answer *out, const struct scene *scene);

/* Places in scene->objects by how much they catch the eye, an overlooked one left out: far ones are seen with @p far,
 * near ones with @p near per cent. Returns how many. */
int order_by_salience(int out[MOST_OBJECTS], const struct scene *scene, int far, int near, struct random *r);

/* A question of yes or no. */
struct question {
    int kind, colour;
    const struct object *object; /* of the scene; NULL: there is none of this kind */
    bool usual;                  /* absent, but usual in this context */
    char text[64];               /* "Is there a red cup?" */
    char answer[64];             /* the true one: "Yes, there is a red cup." or "No, there is no cup." */
};
/* Even visits ask about an object that is there, odd ones about one that is not. */
void question_draw(struct question *out, const struct scene *scene, uint64_t visit);

#endif
