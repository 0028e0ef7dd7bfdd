/* SPDX-License-Identifier: Apache-2.0 */
/** @file walk.h
 *  What a walk over an image file's structure brings home; filled by jpeg.c and png.c, judged by probe.c.
 */
#ifndef OPA_IMAGE_WALK_H
#define OPA_IMAGE_WALK_H

#include <opapairs/image.h>

/** Longest side that is accepted: libpng's own limit, and beyond what JPEG can say. It bounds the memory of one row. */
#define OPA_IMAGE_MAX_SIDE 1000000

typedef struct opa_image_walk {
    opa_image_info info;
    int code;          /**< the finding that makes the image unusable, 0 when there is none */
    char message[200]; /**< of code */
} opa_image_walk;

/** Say why the image cannot be used. The first reason stays. */
void opa_image_walk_fault(opa_image_walk *walk, int code, const char *format, ...) OPA_PRINTF(3, 4);

static inline uint32_t opa_be16(const uint8_t *s)
{
    return (uint32_t)s[0] << 8 | s[1];
}
static inline uint32_t opa_be32(const uint8_t *s)
{
    return opa_be16(s) << 16 | opa_be16(s + 2);
}

#endif
