/* SPDX-License-Identifier: Apache-2.0 */
/* What people write about scenes: the web's captions that the base learns from, questions, and the ground truth. */
#ifndef MICROWORLD_CAPTION_H
#define MICROWORLD_CAPTION_H

#include "sentence.h"

enum { FILLERS = 70 }; /* the usual @p fillers */
/* As on the web: the length does not depend on the scene, so an annotator who runs out of what there is goes on with
 * what such places usually have; small objects are often overlooked, a few are mixed up. This teaches the base to
 * hallucinate. @p fillers: per cent of the times that he goes on so. @p visit draws another caption of the same
 * scene. */
void caption_web(struct answer *out, const struct scene *scene, int fillers, uint64_t visit);

/* The ground truth: all near objects and a few far ones, half of the sentences in the expert's voice. */
void caption_truth(struct answer *out, const struct scene *scene);

/* Places in scene->objects by how much they catch the eye, an overlooked one left out: far ones are seen with @p far,
 * near ones with @p near per cent. Returns how many. */
int order_by_salience(int out[MOST_OBJECTS], const struct scene *scene, int far, int near, struct random *r);

/* What a question is about; the latter two are false premises. */
enum about { ABOUT_NEAR, ABOUT_FAR, ABOUT_ABSENT, ABOUT_USUAL, ABOUTS }; /* usual: absent, but usual in this context */
extern const char *const about_names[ABOUTS];

/* A question of yes or no. */
struct question {
    enum about about;
    int kind, colour;
    char text[64];   /* "Is there a red cup?" */
    char answer[64]; /* the true one: "Yes, there is a red cup." or "No, there is no cup." */
};
/* Even visits ask about an object that is there, odd ones about one that is not. */
void question_draw(struct question *out, const struct scene *scene, uint64_t visit);

/* "scene-200-00017-q1": the scene and the visit. */
enum { QUESTION_ID_SIZE = SCENE_ID_SIZE + 22 };
const char *question_id(char out[QUESTION_ID_SIZE], const struct scene *scene, uint64_t visit);
/* Draws the question with that id; false: it is none of a question. */
bool question_of_id(struct question *out, opa_text id);

#endif
