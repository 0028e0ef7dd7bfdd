/* SPDX-License-Identifier: Apache-2.0 */
/** @file tree.h
 *  The batch: a forest of prefix trees. A node is a run of tokens with a parent; a token sees its node up to itself and all
 *  of the node's ancestors, and its position counts along that path. One image and prompt are computed once and shared by
 *  all responses below them:
 *
 *      "A chat ... USER: " ─┬─ image, question ─┬─ ground truth
 *                           │                   ├─ generated
 *                           │                   └─ revised
 *                           └─ masked image, question ─┬─ ground truth
 *                                                      └─ revised
 *
 *  A plain batch of sequences is a forest of roots.
 */
#ifndef OPATRAIN_TREE_H
#define OPATRAIN_TREE_H

#include "ops/attention.h"
#include "trainer.h"

enum { TREE_IMAGE = -200 }; /**< in ids that are added: the place of all tokens of an image */

/** Where an image's rows go. */
struct tree_image {
    size_t begin, count; /**< first token of the batch, rows */
    size_t slot;         /**< which of the batch's images */
};

struct tree {
    size_t image_tokens; /**< rows that the next images take; set before adding */
    ops_node *nodes;     /**< parents before children; tokens of a node are neighbours */
    size_t node_count, node_capacity;
    int32_t *ids;       /**< [tokens]; negative where an image's row stands */
    int32_t *positions; /**< [tokens] along the path from the root */
    size_t tokens, token_capacity;
    struct tree_image *images;
    size_t image_count, image_capacity;
};

/** Room for that many nodes, tokens and images, so that adding them asks for no memory. false: out of memory. */
bool tree_reserve(struct tree *tree, size_t nodes, size_t tokens, size_t images);
void tree_clear(struct tree *tree);
void tree_release(struct tree *tree);

/** Add a node below @p parent (-1: a root) with @p count ids, TREE_IMAGE among them standing for the image in @p slot. Its
 *  index goes to *out. OPA_ENOMEM. */
int tree_add(struct trainer *t, struct tree *tree, int32_t *out, int32_t parent, const int32_t *ids, size_t count,
             size_t slot);

/** The token that stands before the first token of @p node on its path. The node has a parent with tokens. */
size_t tree_before(const struct tree *tree, int32_t node);

#endif
