/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of this room share: reading a file, asking for one code. */
#ifndef TEST_IMAGE_HELPER_H
#define TEST_IMAGE_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <opapairs/image.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The whole file in a block of exactly its size, so that a sanitizer sees each byte read too far. data NULL: no such
 * file. */
static inline opa_text read_file(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return (opa_text){0};
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    const long size = ftell(f);
    assert_true(size >= 0);
    rewind(f);
    char *data = malloc(size ? (size_t)size : 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)size, f), (size_t)size);
    fclose(f);
    return (opa_text){data, (size_t)size};
}

static inline void drop(opa_text t)
{
    union {
        const char *from;
        char *to;
    } u = {t.data};
    free(u.to);
}

/* A copy of a part, again in a block of exactly its size. */
static inline opa_text part(opa_text t, size_t size)
{
    char *data = malloc(size ? size : 1);
    assert_non_null(data);
    if (size)
        memcpy(data, t.data, size);
    return (opa_text){data, size};
}

static inline const char *test_data(void)
{
    static char path[1000];
    const char *root = getenv("OPA_TEST_DATA");
    assert_non_null(root);
    snprintf(path, sizeof path, "%s/image", root);
    return path;
}

#endif
