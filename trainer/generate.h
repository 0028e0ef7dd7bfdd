/* SPDX-License-Identifier: Apache-2.0 */
/** @file generate.h
 *  Decoding with caches of keys and values, several prompts at a time: weights are read once a step for all of them.
 */
#ifndef OPATRAIN_GENERATE_H
#define OPATRAIN_GENERATE_H

#include "sampling.h"
#include "session.h"

struct generate_options {
    size_t max_new_tokens;
    struct sampling sampling;
    const int32_t *eos; /**< ids that end a text */
    size_t eos_count;
    void (*progress)(void *user, size_t tokens); /**< after every step: tokens since the last call; NULL */
    void *user;
};

struct generate_job {
    const struct ids *prompt;
    const float *features; /**< of its image, [rows, text hidden]; NULL */
    size_t rows;           /**< of the features */
    uint64_t seed;         /**< of its own draws: they do not depend on its neighbours */
    struct ids ids;        /**< what was generated, the id that ended it included; the caller's to release */
    bool ended;            /**< by an end id, else by its length */
};

/** May this prompt, whose image takes @p rows positions, be a job's? OPA_ERECORD: it is empty, has ids beyond the vocabulary,
 *  or leaves no room in the model's positions. */
int generate_check(struct trainer *t, const struct model *model, const struct ids *prompt, size_t rows);
/** Generate for all jobs, which generate_check() let pass. Each prompt is prefilled alone, then all are decoded together until
 *  the last has ended. OPA_ENOMEM. */
int generate_batch(struct session *session, struct generate_job *jobs, size_t count,
                   const struct generate_options *options);

#endif
