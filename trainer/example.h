/* SPDX-License-Identifier: Apache-2.0 */
/** @file example.h
 *  A sample on its way through a pass: its tree of image versions and responses, the log-probs that a pass fills, the
 *  reference's beside them, and the slopes that go back.
 *
 *      example_read()        prompt, ids, weights and pairs of a sample; which responses are wanted is chosen then
 *      example_choose_*()    ... by the stage of training
 *      example_see()         the image versions, as the pass takes them
 *      example_link()        the tree for train_forward()
 */
#ifndef OPATRAIN_EXAMPLE_H
#define OPATRAIN_EXAMPLE_H

#include "dataset.h"
#include "train.h"
#include "vision.h"
#include "vision_cache.h"

enum { EXAMPLE_VIEWS = 2 * ROLE_COUNT, EXAMPLE_VERSIONS = 1 + VISION_MAX_MASKS };

/** A response under the clean or under the masked image. */
struct view {
    bool used;
    double *logp, *reference, *slope; /**< [count]: filled by a pass, by the reference, by the loss */
    size_t count;
    size_t capacity;
};

struct example {
    struct packed sample;
    size_t place; /**< in its dataset */
    struct ids prompt;
    struct ids ids[ROLE_COUNT];                  /**< the released context's BOS included */
    double *weights[ROLE_COUNT][PACKED_WEIGHTS]; /**< [ids.count]; NULL: the pack has none */
    struct view views[EXAMPLE_VIEWS];            /**< by view_of() */
    struct mask masks[VISION_MAX_MASKS];         /**< different ones; version 1 + i has masks[i] */
    size_t mask_count, version[ROLE_COUNT];      /**< of the image under a response's mask */
    struct vision vision;
    float *features; /**< [versions, floats of a version] where this pass makes them, then a version's tower features */
    const float *images[EXAMPLE_VERSIONS]; /**< as the pass takes them; NULL: a sample without image */
    struct train_response responses[EXAMPLE_VERSIONS][ROLE_COUNT];
    struct train_branch branches[EXAMPLE_VERSIONS];
    struct train_sample tree;
};

static inline size_t view_of(enum role role, bool masked)
{
    return (size_t)role + (masked ? ROLE_COUNT : 0);
}

/** Everything but the image, from dataset's sample @p i. Zero *out before the first use; what it held is replaced; release
 *  with example_release(). OPA_ERECORD: this sample cannot be used; OPA_EDATA; OPA_EIO. */
int example_read(struct session *session, struct prompter *prompter, struct example *out, const struct dataset *dataset,
                 size_t i, enum context context);
void example_release(struct example *example);

/** Use ground truth and revised under the clean image. OPA_ERECORD: there is neither. */
int example_choose_sft(struct trainer *t, struct example *example);
/** Use the responses of the pairs that @p objective needs, generated and masked ones included. OPA_EDATA: it has none of a
 *  needed type; OPA_ERECORD: none at all. */
int example_choose_pairs(struct trainer *t, struct example *example, const struct objective *objective);
/** Draw the masks of visit @p visit of the pack with @p seed, in place of the pack's own (which are those of visit 0). */
void example_draw_masks(struct example *example, uint64_t seed, uint64_t visit);

/** Floats of an image version at a stage. */
size_t example_image_floats(const struct model *model, enum image_stage stage);
/** Versions of the image that the chosen views need; 0: no image. */
size_t example_versions(const struct example *example);
/** Make the image versions for @p stage with the session's adapter; tower features that @p kept has are taken from there,
 *  others are added to it (NULL: none are kept). The image is only decoded where something is to be made. Each version is
 *  computed by itself, so that its bits do not depend on how many there are. OPA_ERECORD: an unreadable image. */
int example_see(struct session *session, struct example *example, enum image_stage stage, struct vision_cache *kept);
/** Bytes that example_see() takes for one version. */
uint64_t example_image_bytes(const struct model *model, enum image_stage stage);
/** Room for the chosen views, and the tree of them. Call after choosing, and again after example_see(). */
int example_link(struct trainer *t, struct example *example);

/** Log-probs of the chosen views under the session's model into view.reference: clean ones, masked ones or both.
 *  images are projected features. */
int example_refer(struct session *session, struct example *example, bool clean, bool masked);

#endif
