/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPATRAIN_TESTS_GOLDEN_H
#define OPATRAIN_TESTS_GOLDEN_H

#include <stdarg.h>
#include <stdio.h>

#include "json_fields.h"
#include "session.h"

enum { GROUND_TRUTH, GENERATED, REVISED, ROLES, MAX_SAMPLES = 16 };
extern const char *const role_names[ROLES];

enum kind_id {
    PROMPT_IDS,
    PIXELS,
    MASK_FILL,
    FEATURES,
    PROJECTED,
    LOGITS,
    LOGP,
    MERGED,
    GREEDY,
    INV_FREQ,
    TREE,
    SFT_LOSS,
    DPO_LOSS,
    GRADIENT,
    GRADIENT_NORM,
    GROUPING,
    RECOMPUTED,
    TRAINED,
    TRAINING,
    KINDS
};

struct kind {
    const char *name;
    double most, mean; /* allowed */
    double largest, sum;
    size_t count;
    int failed;
};
extern struct kind kinds[KINDS];

struct sample {
    char *question, *image;
    struct ids prompt[2], ids[2][ROLES]; /* by context */
    float *pixels[2];                    /* clean, masked */
};

struct golden {
    struct trainer t;
    int threads;
    const char *dir;
    struct model *model;
    struct safetensors *golden;
    struct json_file json;
    struct conversation conversation;
    struct sample samples[MAX_SAMPLES];
    size_t sample_count;
};

void die(const struct trainer *t, const char *what);
/* An end with exit 2 unless the stream of @p path ended with OPA_END behind at least one sample. */
void golden_check_end(const struct golden *g, const char *path, int status, size_t samples);
struct tensor *golden_find(const struct golden *g, const char *format, ...) OPA_PRINTF(2, 3);
/* Has it a tensor whose name begins so? */
bool golden_has(const struct golden *g, const char *prefix);
void ids_of(struct golden *g, struct ids *out, const opa_json *doc, const struct cJSON *list);

void compare(enum kind_id id, const char *what, const float *have, const struct tensor *want, size_t count);
void compare_floats(enum kind_id id, const char *what, const float *have, const float *want, size_t count);
void compare_ids(enum kind_id id, const char *what, const int32_t *have, size_t have_count, const struct ids *want);

/* Logits of the session's last node at the positions of @p note, and a greedy answer; nothing where the case has none. */
void compare_logits(struct golden *g, const struct session *s, const char *name, const char *note);
void compare_greedy(struct golden *g, struct session *s, const char *name, const struct ids *prompt,
                    const float *features, size_t rows);

void check_prompts(struct golden *g);
void check_pixels(struct golden *g);
/* Everything that @p who ("base", "init") has in the goldens. */
void check_forward(struct golden *g, const char *who, const struct adapter *adapter);
/* All of a case of LLaVA-OneVision. */
void check_onevision(struct golden *g);
/* SFT and DPO gradients, where the case has them. */
void check_gradients(struct golden *g);
/* The stored training runs, update by update. */
void check_training(struct golden *g);

/* What the DPO goldens say of "policy" or "reference". */
void check_dpo(struct golden *g, const char *who, const struct adapter *adapter);

#endif
