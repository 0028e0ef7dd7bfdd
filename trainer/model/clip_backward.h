/* SPDX-License-Identifier: Apache-2.0 */
/** @file clip_backward.h
 *  The vision tower and the projector with what their gradients need on a tape, and the way back: as llama_backward.h. There
 *  is no gradient below the tower's first layer: patches, class token and positions are fixed.
 */
#ifndef OPATRAIN_MODEL_CLIP_BACKWARD_H
#define OPATRAIN_MODEL_CLIP_BACKWARD_H

#include "model/clip.h"
#include "model/linear_group.h"
#include "ops/attention.h"

/* ---- the tower ---- */

/** Activations of a layer, [rows, width] each; rows are the tokens of all images, class tokens too. */
struct clip_kept {
    float *q, *k, *v, *out, *lse;           /**< of attention; lse [rows, heads] */
    float *middle;                          /**< the residual stream between attention and MLP, hidden */
    float *inner;                           /**< into the activation, intermediate */
    float *mean1, *rstd1, *mean2, *rstd2;   /**< [rows], of the norms */
    float *low_qkv, *low_out, *low1, *low2; /**< x A^T, [rows, group rank] */
    float *w_qkv, *w_out, *w1, *w2;         /**< merged weights of the groups that go so */
};

struct clip_tape {
    size_t images, rows, kept;
    float **h;                /**< [depth + 1][rows, hidden] */
    struct clip_kept *layers; /**< [kept]; the last ones */
    ops_node *nodes;          /**< one root an image */
    size_t most_images;
    /* working memory of all layers */
    float *x, *inner, *dx, *dlow; /* hidden, intermediate, hidden, the widest group's rank */
    float *dq, *dk, *dv, *dout;
    float *dh, *patches;
    float *wide; /* a linear layer's weights */
};

/** Floats of the tape's pieces for @p images images. */
size_t clip_tape_floats(const ops_context *ops, const struct clip *clip, const struct adapter *adapter, size_t images,
                        size_t kept);
/** Pointers for up to @p images images; @p kept is 1 to clip->depth. OPA_ENOMEM. */
int clip_tape_init(struct trainer *t, struct clip_tape *out, const struct clip *clip, size_t images, size_t kept);
void clip_tape_release(struct clip_tape *tape);
/** Cut the pieces for @p images images, at most those of clip_tape_init(). */
void clip_tape_begin(const ops_context *ops, struct clip_tape *tape, const struct clip *clip,
                     const struct adapter *adapter, size_t images, struct scratch *scratch);

/** Features out [images, image tokens, hidden] of pixels[i] [3, size, size], as clip_forward() makes them. */
void clip_tape_forward(const ops_context *ops, const struct clip *clip, const struct adapter *adapter,
                       struct clip_tape *tape, float *out, const float *const pixels[]);
/** Adds to @p slope (by linear.id) what the gradient @p dout of the features makes. Once a forward pass. */
void clip_tape_backward(const ops_context *ops, const struct clip *clip, const struct adapter *adapter,
                        const struct lora_slope *slope, struct clip_tape *tape, const float *dout);

/* ---- the projector ---- */

struct projector_tape {
    size_t rows;
    float *inner;                    /**< [rows, text hidden], into the activation */
    float *low1, *low2, *act, *dlow; /**< act [rows, text hidden] */
    float *w1, *w2;                  /**< merged weights, where the layers go so */
    float *wide;                     /* a linear layer's weights */
};

size_t projector_tape_floats(const ops_context *ops, const struct projector *projector, const struct adapter *adapter,
                             size_t rows);
void projector_tape_begin(const ops_context *ops, struct projector_tape *tape, const struct projector *projector,
                          const struct adapter *adapter, size_t rows, struct scratch *scratch);
/** out [rows, text hidden] of x [rows, vision hidden]. */
void projector_tape_forward(const ops_context *ops, const struct projector *projector, const struct adapter *adapter,
                            struct projector_tape *tape, float *out, const float *x);
/** From @p dout: dx is overwritten (NULL: nobody uses it), @p slope added to. x is what went in. */
void projector_tape_backward(const ops_context *ops, const struct projector *projector, const struct adapter *adapter,
                             const struct lora_slope *slope, struct projector_tape *tape, float *dx, const float *dout,
                             const float *x);

#endif
