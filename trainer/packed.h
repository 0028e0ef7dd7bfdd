/* SPDX-License-Identifier: Apache-2.0 */
/** @file packed.h
 *  A sample of a pack as the trainer needs it.
 */
#ifndef OPATRAIN_PACKED_H
#define OPATRAIN_PACKED_H

#include "conversation.h"
#include "masking.h"
#include "objective/objective.h"

enum role { ROLE_GENERATED, ROLE_REVISED, ROLE_GROUND_TRUTH, ROLE_COUNT };
/** "generated", "revised", "ground_truth": the order of the pack. Static storage. */
const char *role_name(enum role role);

enum { PACKED_WEIGHTS = 2 };

/** What is compared. */
struct packed_pair {
    enum pair_type type;
    enum role chosen, rejected; /**< image, anchor: the response is chosen */
    int weights;                /**< which of its responses' weights; -1: none */
};

struct packed_response {
    bool there;
    bool bos; /**< the released code puts BOS before it (false where its first sentence is empty) */
    opa_text text;
    struct ids ids;                  /**< its own tokens and EOS */
    double *weights[PACKED_WEIGHTS]; /**< [ids.count] of language and of image pairs; NULL: the pack has none */
    bool masked;                     /**< an image pair compares it under the masked image */
    struct mask mask;
};

/** Texts are borrowed from the pack until the next sample is read. */
struct packed {
    opa_json *doc;
    char *id;
    opa_text prompt;
    opa_text image; /**< the file's bytes; data NULL: none */
    struct packed_response responses[ROLE_COUNT];
    struct packed_pair *pairs;
    size_t pair_count;
};

/** Read entry @p index of the pack (its hash is verified). Zero *out before the first use; what it held is replaced; release
 *  with packed_release(). OPA_ERECORD: the member breaks its schema; OPA_EIO. */
int packed_read(struct trainer *t, struct packed *out, opa_pack *pack, size_t index);
void packed_release(struct packed *sample);

/** Does the model's tokenizer mean the same pieces by the pack's ids? The fingerprint in the manifest decides; where it
 *  differs *by_text is set, and packed_check_text() has to look at every sample. OPA_EDATA: no fingerprint. */
int packed_check_tokenizer(struct trainer *t, bool *by_text, const opa_pack *pack, const opa_tokenizer *tokenizer);
/** OPA_EDATA: the ids of a response do not spell its text. */
int packed_check_text(struct trainer *t, const struct packed *sample, const opa_tokenizer *tokenizer);

/** The ids of a response that a pass takes, none where it is not there: in the released context @p bos stands before them.
 *  What *out held is replaced. OPA_ENOMEM. */
int packed_ids(struct trainer *t, struct ids *out, const struct packed_response *response, enum context context,
               int32_t bos);

#endif
