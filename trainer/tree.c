/* SPDX-License-Identifier: Apache-2.0 */
#include "tree.h"

#include <stdlib.h>

void tree_clear(struct tree *tree)
{
    tree->node_count = tree->tokens = tree->image_count = 0;
}

void tree_release(struct tree *tree)
{
    free(tree->nodes);
    free(tree->ids);
    free(tree->positions);
    free(tree->images);
    *tree = (struct tree){0};
}

/* Room for @p need elements; false: out of memory. */
static bool grow(void *list, size_t *capacity, size_t need, size_t element)
{
    void **data = list;
    if (need <= *capacity)
        return true;
    const size_t most = need < *capacity * 2 ? *capacity * 2 : need;
    void *more = realloc(*data, most * element);
    if (more == NULL)
        return false;
    *data = more;
    *capacity = most;
    return true;
}

bool tree_reserve(struct tree *tree, size_t nodes, size_t tokens, size_t images)
{
    size_t capacity = tree->token_capacity;
    if (!grow(&tree->ids, &capacity, tokens, sizeof *tree->ids))
        return false;
    capacity = tree->token_capacity;
    if (!grow(&tree->positions, &capacity, tokens, sizeof *tree->positions))
        return false;
    tree->token_capacity = capacity;
    return grow(&tree->nodes, &tree->node_capacity, nodes, sizeof *tree->nodes) &&
           grow(&tree->images, &tree->image_capacity, images, sizeof *tree->images);
}

size_t tree_before(const struct tree *tree, int32_t node)
{
    int32_t parent = tree->nodes[node].parent;
    while (parent >= 0 && tree->nodes[parent].count == 0)
        parent = tree->nodes[parent].parent;
    return tree->nodes[parent].begin + tree->nodes[parent].count - 1;
}

/* Tokens on the path above a child of @p node. */
static int32_t depth(const struct tree *tree, int32_t node)
{
    size_t n = 0;
    for (; node >= 0; node = tree->nodes[node].parent)
        n += tree->nodes[node].count;
    return (int32_t)n;
}

static void append(struct tree *tree, int32_t id, int32_t *position)
{
    tree->ids[tree->tokens] = id;
    tree->positions[tree->tokens++] = (*position)++;
}

int tree_add(struct trainer *t, struct tree *tree, int32_t *out, int32_t parent, const int32_t *ids, size_t count,
             size_t slot)
{
    size_t images = 0;
    for (size_t i = 0; i < count; i++)
        images += ids[i] == TREE_IMAGE;
    if (!tree_reserve(tree, tree->node_count + 1, tree->tokens + count - images + images * tree->image_tokens,
                      tree->image_count + images))
        return trainer_fail_memory(t);
    int32_t position = depth(tree, parent);
    ops_node *node = &tree->nodes[tree->node_count];
    *node = (ops_node){parent, tree->tokens, 0};
    for (size_t i = 0; i < count; i++) {
        if (ids[i] != TREE_IMAGE) {
            append(tree, ids[i], &position);
            continue;
        }
        tree->images[tree->image_count++] = (struct tree_image){tree->tokens, tree->image_tokens, slot};
        for (size_t k = 0; k < tree->image_tokens; k++)
            append(tree, TREE_IMAGE, &position);
    }
    node->count = tree->tokens - node->begin;
    *out = (int32_t)tree->node_count++;
    return OPA_OK;
}
