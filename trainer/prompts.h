/* SPDX-License-Identifier: Apache-2.0 */
/** @file prompts.h
 *  What is to be answered, one after the other: the samples of a pack, or the lines of a file of prompts.
 */
#ifndef OPATRAIN_PROMPTS_H
#define OPATRAIN_PROMPTS_H

#include "packed.h"

/** One prompt; everything is its own. */
struct prompt {
    char *id;
    char *text;
    size_t text_size;
    char *image; /**< the file's bytes; NULL: none */
    size_t image_size;
    char *image_json; /**< the image as the output names it: a path, {"bytes":"<base64>"}, or null */
};
void prompt_release(struct prompt *prompt);

struct prompts {
    struct trainer *t;
    const char *path;
    const char *images; /* folder of relative paths */
    char *folder;       /* of the file, owned */
    opa_pack *pack;
    struct packed sample;
    opa_json_stream *stream;
    size_t next, count;
};

/** Open a pack. */
int prompts_open_pack(struct trainer *t, struct prompts *out, const char *path);
/** Open a file of JSON Lines {"id","prompt","image"}, the image a path or {"bytes":"<base64>"}, as generate writes it; relative paths
 *  are under @p images, else beside the file. */
int prompts_open_file(struct trainer *t, struct prompts *out, const char *path, const char *images);
void prompts_release(struct prompts *prompts);

/** The next prompt. OPA_END: none is left. OPA_ERECORD: this one cannot be used (out->id says which, where it has one);
 *  the next call goes on behind it. Release *out after every call. */
int prompts_next(struct prompts *prompts, struct prompt *out);

#endif
