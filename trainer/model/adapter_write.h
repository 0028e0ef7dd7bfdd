/* SPDX-License-Identifier: Apache-2.0 */
/** @file adapter_write.h
 *  PEFT's folder: adapter_config.json and adapter_model.safetensors, as PeftModel.from_pretrained() reads them. Both are
 *  there whole or not at all, and the tensors come last: where they are, the adapter is.
 */
#ifndef OPATRAIN_MODEL_ADAPTER_WRITE_H
#define OPATRAIN_MODEL_ADAPTER_WRITE_H

#include "model/adapter.h"

struct adapter_out {
    const struct adapter *adapter; /**< tensors in the type that they have */
    const struct model *model;
    double alpha;     /**< scale = alpha / rank */
    const char *base; /**< base_model_name_or_path */
};

/** The spelling of the current transformers for this model's layout. */
enum spelling adapter_spelling(const struct model *model);

/** Write into the folder @p dir, which is there. OPA_ECREATE, OPA_EIO, OPA_ENOMEM. */
int adapter_write(struct trainer *t, const char *dir, const struct adapter_out *out);

#endif
