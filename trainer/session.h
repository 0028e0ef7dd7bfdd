/* SPDX-License-Identifier: Apache-2.0 */
/** @file session.h
 *  A model, an adapter and working memory: what scoring and generating share.
 */
#ifndef OPATRAIN_SESSION_H
#define OPATRAIN_SESSION_H

#include "conversation.h"
#include "model/adapter.h"

struct session {
    struct trainer *t;
    const struct model *model;
    const struct adapter *adapter; /**< NULL: the base model */
    uint64_t memory_limit;         /**< bytes that a pass and the weights may take together; 0: any */
    struct scratch scratch;
    struct tree tree;
    float *h; /* [tokens, hidden] */
    size_t h_capacity;
    float *selected; /* [targets, hidden] */
    size_t selected_capacity;
};

/** Zero a session, set t, model and adapter; release frees the working memory only. */
void session_release(struct session *session);

enum { SESSION_MAX_BRANCHES = 8 };

/** One response to be scored: logp [count] receives log p of each id, given everything before it. */
struct scored {
    const int32_t *ids;
    size_t count;
    float *logp;
};

/** An image version (or, without features, none) with the responses below it. */
struct branch {
    const float *features; /**< [rows, text hidden], as vision_see() gives them; NULL */
    const struct scored *responses;
    size_t count;
    size_t rows; /**< of the features */
};

/** Score all branches of one prompt as one tree: what stands before the image is shared by all, image and question by the
 *  responses of a branch. @p prompt has one TREE_IMAGE when the branches have features. OPA_ERECORD: ids beyond the
 *  model's vocabulary, more positions than the model has, or more memory than the limit; OPA_ENOMEM. At most
 *  SESSION_MAX_BRANCHES branches. */
int session_score(struct session *session, const struct ids *prompt, const struct branch *branches, size_t count);

/** Rows [tokens, hidden] of the session's tree into session->h: embeddings, and features [slot] at the places of images. */
int session_embed(struct session *session, const float *const *features);

/** Make *list hold @p need floats. OPA_ENOMEM. */
int reserve_floats(struct trainer *t, float **list, size_t *capacity, size_t need);

#endif
