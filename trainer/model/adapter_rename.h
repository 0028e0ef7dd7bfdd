/* SPDX-License-Identifier: Apache-2.0 */
/** @file adapter_rename.h
 *  An adapter under the names that another program gives the same modules. PEFT finds an adapter's tensors by the names of the
 *  modules in memory, which transformers changed twice, and original LLaVA has its own; it warns of what it does not find, and
 *  goes on without.
 */
#ifndef OPATRAIN_MODEL_ADAPTER_RENAME_H
#define OPATRAIN_MODEL_ADAPTER_RENAME_H

#include "model/adapter.h"

/** Write the adapter of folder @p from, in whatever spelling, into the folder @p to: the same tensors byte for byte, their
 *  names in @p spelling, and adapter_config.json with target_modules that fit them. The model is not needed. *tensors: how many.
 *  OPA_EDATA: a tensor of no known name; OPA_ECREATE, OPA_EIO. */
int adapter_rename(struct trainer *t, size_t *tensors, const char *to, const char *from, enum spelling spelling);

#endif
