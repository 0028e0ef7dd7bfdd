/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MICROWORLD_GLYPHS_H
#define MICROWORLD_GLYPHS_H

#include "scene.h"

enum { GLYPH_SIDE = 8 };

/* One for each kind: rows from top to bottom, '#' is ink. */
extern const char *const glyphs[KINDS][GLYPH_SIDE];

#endif
