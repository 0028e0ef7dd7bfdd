/* SPDX-License-Identifier: Apache-2.0 */
/* Scenes as pictures: a two-coloured background that says the context, glyphs of 8 by 8 for the objects, and noise. In
 * fixed point, so that every machine draws the same bytes. */
#ifndef MICROWORLD_PICTURE_H
#define MICROWORLD_PICTURE_H

#include "scene.h"

enum { PICTURE_SIDE = 56, PICTURE_BYTES = PICTURE_SIDE * PICTURE_SIDE * 3 };

/* RGB, row by row. */
void picture_draw(uint8_t out[PICTURE_BYTES], const struct scene *scene);
/* Where the middle of an object is, in pixels. */
void picture_centre(int *out_row, int *out_column, const struct object *object);
/* As a PNG file; malloc()ed, NULL: out of memory. */
uint8_t *picture_png(size_t *out_size, const uint8_t pixels[PICTURE_BYTES]);
/* The scene's PNG file in base64; malloc()ed, NULL: out of memory. */
char *picture_base64(const struct scene *scene);

#endif
