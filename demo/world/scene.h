/* SPDX-License-Identifier: Apache-2.0 */
/* What the micro world consists of. A scene is a place (its context) and two to five coloured objects in a grid of three
 * by three, some of them so small that the model cannot see them well: those, and what the web's captions make up, are
 * where its hallucinations come from. */
#ifndef MICROWORLD_SCENE_H
#define MICROWORLD_SCENE_H

#include <opapairs/opapairs.h>

enum { CONTEXTS = 4, KINDS = 20, KINDS_PER_CONTEXT = 5, COLOURS = 6, COLUMNS = 3, MOST_OBJECTS = 5 };

extern const char *const context_names[CONTEXTS];
extern const char *const kind_names[KINDS]; /* those of context c stand at 5c ... 5c+4 */
extern const char *const colour_names[COLOURS];
extern const char *const place_names[COLUMNS];  /* "on the left" */
extern const char *const toward_names[COLUMNS]; /* "the left side", behind "toward" */
extern const char *const side_names[COLUMNS];   /* "left": the word in either that says which */

struct object {
    int kind, colour;
    int row, column; /* of the grid */
    int size;        /* pixels: 11-15 near, 6-8 far */
    bool far;
    int down, right; /* shift of the centre, -2 to 2 pixels */
};

struct scene {
    uint64_t seed; /* of the world; with the number it says everything */
    uint32_t number;
    int context;
    int count;
    struct object objects[MOST_OBJECTS]; /* each of another kind */
};

void scene_draw(struct scene *out, uint64_t seed, uint32_t number);
/* The object of that kind; NULL: there is none. */
const struct object *scene_find(const struct scene *scene, int kind);
/* Bit k: there is an object of kind k. */
uint32_t scene_kinds(const struct scene *scene);

/* "scene-200-00017": the id of a picture says its scene. A sample's id begins with it, and so does a question's. */
enum { SCENE_ID_SIZE = 40, SCENES_MOST = 1000000000 };
const char *scene_id(char out[SCENE_ID_SIZE], const struct scene *scene);
/* Draws the scene that a picture's or a sample's id begins with; false: it begins with none, or is a question's. */
bool scene_of_id(struct scene *out, opa_text id);

/* How likely an annotator is to make up this kind in this context, in hundredths of the likeliest; 0: never. */
int kind_habit(int context, int kind);

#endif
