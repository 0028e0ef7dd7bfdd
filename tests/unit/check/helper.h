/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of this room share. */
#ifndef TEST_CHECK_HELPER_H
#define TEST_CHECK_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <opapairs/check.h>

#include <string.h>

static inline opa_text text_of(const char *s)
{
    return s ? (opa_text){s, strlen(s)} : (opa_text){0};
}

/* How many findings have this code; with @p code 0: how many there are. */
static inline size_t count_of(const opa_findings *list, int code)
{
    size_t n = 0;
    for (size_t i = 0; i < list->count; i++)
        n += code == 0 || list->items[i].code == code;
    return n;
}

static inline const char *message_of(const opa_findings *list, int code)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].code == code)
            return list->items[i].message;
    return "";
}

/* A sound sample: image, prompt with its place, three different texts. */
static inline opa_sample sound(const char *id)
{
    return (opa_sample){
        .id = text_of(id),
        .image_id = OPA_TEXT("a.jpg"),
        .image_expected = true,
        .has_image = true,
        .image_format = OPA_IMAGE_JPEG,
        .prompt = OPA_TEXT("<image>\nWhat is there?"),
        .generated = OPA_TEXT("A dog sits on the grass."),
        .revised = OPA_TEXT("A cat sits on the grass."),
        .ground_truth = OPA_TEXT("A cat is on a lawn."),
    };
}

/* The assessment of a sample without report: the stored revised text is in force. */
static inline opa_assessment plain(const opa_sample *sample)
{
    return (opa_assessment){.alignment = {.revised = sample->revised}};
}

#endif
