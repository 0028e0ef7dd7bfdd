/* SPDX-License-Identifier: Apache-2.0 */
/** @file linear_group.h
 *  Linear layers with low-rank changes in training: those that take the same input go together. Their A matrices lie below each
 *  other in memory (so params.h lays them out) and are multiplied as one.
 *
 *  With T rows, N weights in the group, R = r (in + out) low-rank ones (for one layer), a group can be gone through in three
 *  ways, which give the same but for rounding:
 *
 *                    forward       dx            gradients of A and B            all, beyond 4TN
 *      by low rank   w, then A, B  w, then B, A  from x A^T and dy B             6TR
 *      merged        w + sBA       w + sBA       from x A^T and dy B             4TR + 2rN   (merging)
 *      whole         w + sBA       w + sBA       from G = dy^T x: G A^T, B^T G   2TN + 6rN
 *
 *  OPA-DPO's rank of 256 is not low for a small model: with a width of 384 the changes have more weights than what they
 *  change, and the last way takes two thirds of the first's operations. A 7B model goes by low rank: merging would save 3 %
 *  at most, and take 0.8 GB a layer. The sizes alone decide, so the bits of a run do not depend on its memory.
 */
#ifndef OPATRAIN_MODEL_LINEAR_GROUP_H
#define OPATRAIN_MODEL_LINEAR_GROUP_H

#include "model/linear.h"

/** Where the gradient of a low-rank change goes. */
struct lora_slope {
    float *a, *b; /**< [rank, in], [out, rank] */
};

enum { LINEAR_GROUP = 3 };

/** q, k and v; gate and up; or one. */
struct linear_group {
    const struct linear *of[LINEAR_GROUP];
    size_t count;
};

static inline struct linear_group linear_alone(const struct linear *linear)
{
    return (struct linear_group){{linear}, 1};
}

enum linear_way { LINEAR_LOW_RANK, LINEAR_MERGED, LINEAR_WHOLE };

/** The way that takes the fewest operations; by low rank where that saves less than a twentieth. Products in bf16 go by low
 *  rank: merged weights would lose small changes. */
enum linear_way linear_group_way(const ops_context *ops, const struct linear_group *group,
                                 const struct adapter *adapter, size_t rows);

/** Rows of all A of the group. */
size_t linear_group_rank(const struct linear_group *group, const struct adapter *adapter);
/** Floats of @p merged below: the weights of all layers with a change; 0 where the group goes by low rank. */
size_t linear_group_merged(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                           size_t rows);
/** Floats of @p wide below: the largest layer's weights; 0 where no such gradient is made. */
size_t linear_group_wide(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                         size_t rows);

/** y[i] [rows, out] = what linear_forward() makes of each layer. What the way back needs of it: @p low [rows, group rank] = x A^T,
 *  and @p merged. */
void linear_group_forward(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                          float *const y[], const float *x, size_t rows, bool residual, float *low, float *merged);
/** Only what the way back needs. */
void linear_group_again(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                        const float *x, size_t rows, float *low, float *merged);

/** The way back in three steps, for what lies between them; dy[i] are the gradients of y in all three. First dlow [rows, group
 *  rank] is overwritten, where it is needed. */
void linear_group_backward(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                           const float *const dy[], size_t rows, float *dlow);

/** The gradients of A and B in @p slope (by linear.id) are added to. @p wide is scratch. */
void linear_group_backward_w(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                             const struct lora_slope *slope, const float *const dy[], const float *x, const float *low,
                             const float *dlow, size_t rows, float *wide);

/** dx [rows, in] is overwritten: the sum over the layers. */
void linear_group_backward_x(const ops_context *ops, const struct linear_group *group, const struct adapter *adapter,
                             float *dx, const float *const dy[], const float *dlow, size_t rows, const float *merged);

#endif
