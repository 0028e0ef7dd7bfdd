/* SPDX-License-Identifier: Apache-2.0 */
/* What the trainer's unit tests share: contexts, the committed case, files in a folder of their own. */
#ifndef OPATRAIN_TESTS_SUPPORT_H
#define OPATRAIN_TESTS_SUPPORT_H

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/model.h"
#include "trainer.h"

/* Warnings that were given. */
struct heard {
    int count;
    char last[1024];
};

static inline void hear(void *user, const char *message)
{
    struct heard *heard = user;
    heard->count++;
    snprintf(heard->last, sizeof heard->last, "%s", message);
}

static inline void start(struct trainer *t, struct heard *heard)
{
    *t = (struct trainer){.note = heard ? hear : NULL, .user = heard};
    assert_int_equal(opa_context_new(&t->opa), OPA_OK);
    assert_int_equal(ops_context_new(&t->ops, 1), 0);
}

static inline void stop(struct trainer *t)
{
    ops_context_free(t->ops);
    opa_context_free(t->opa);
}

/* tests/data/NAME; static storage, four at a time. */
static inline const char *data(const char *name)
{
    static char paths[4][1024];
    static int next;
    char *path = paths[next++ % 4];
    const char *root = getenv("OPA_TEST_DATA");
    assert_non_null(root);
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

#define assert_message(t, text)                                                                                        \
    do {                                                                                                               \
        if (strstr((t)->message, (text)) == NULL)                                                                      \
            fail_msg("the message is '%s', without '%s'", (t)->message, (text));                                       \
    } while (0)

enum { FRESH_FOLDERS = 64 };
static char fresh_folders[FRESH_FOLDERS][24];
static size_t fresh_count;

static inline void remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        char *inner = malloc(strlen(path) + strlen(e->d_name) + 2);
        strcpy(stpcpy(stpcpy(inner, path), "/"), e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && unlink(inner) != 0)
            remove_tree(inner);
        free(inner);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(path);
}

static inline void remove_fresh_folders(void)
{
    for (size_t i = 0; i < fresh_count; i++)
        remove_tree(fresh_folders[i]);
}

/* A fresh folder where the test runs, which goes when it ends. */
static inline const char *fresh_folder(void)
{
    char *path = fresh_folders[fresh_count];
    assert_true(fresh_count < FRESH_FOLDERS);
    if (fresh_count++ == 0)
        atexit(remove_fresh_folders);
    strcpy(path, "opatrain-test-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

/* The tiny model of the committed case. */
static inline struct model *open_tiny_model(struct trainer *t)
{
    const struct model_options options = {0};
    struct model *model;
    assert_int_equal(model_open(t, &model, data("trainer/llava/checkpoint"), &options), OPA_OK);
    return model;
}

/* What a test over the tiny model begins with. */
struct tiny {
    struct trainer t;
    struct heard heard;
    struct model *model;
};

static inline int tiny_set_up(void **state)
{
    struct tiny *f = calloc(1, sizeof *f);
    start(&f->t, &f->heard);
    f->model = open_tiny_model(&f->t);
    *state = f;
    return 0;
}

static inline int tiny_tear_down(void **state)
{
    struct tiny *f = *state;
    model_free(f->model);
    stop(&f->t);
    free(f);
    return 0;
}

static inline void write_bytes(const char *dir, const char *name, const void *bytes, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* SplitMix64, for tests that draw; the seed is printed. */
static inline uint64_t test_seed(void)
{
    const char *given = getenv("OPA_TEST_SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)getpid();
    print_message("seed (OPA_TEST_SEED): %llu\n", (unsigned long long)seed);
    return seed;
}

#endif
