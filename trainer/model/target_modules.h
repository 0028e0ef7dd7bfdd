/* SPDX-License-Identifier: Apache-2.0 */
/** @file target_modules.h
 *  adapter_config.json's target_modules: which modules of a model PEFT gives an adapter.
 */
#ifndef OPATRAIN_MODEL_TARGET_MODULES_H
#define OPATRAIN_MODEL_TARGET_MODULES_H

#include "model/names.h"

/** A module, however a layout spells it. */
struct module_name {
    enum part part;
    const char *rest; /**< "layers.0.self_attn.q_proj" */
};

enum { TARGET_MODULES_SIZE = 4096 };

/** The regular expression that PEFT matches with whole paths of modules: for each part PREFIX(.*\.)?(q_proj|k_proj|...). A list
 *  of last names would not do: q_proj is in the language model and in the tower. */
void target_modules(char out[TARGET_MODULES_SIZE], enum spelling spelling, const struct module_name *modules,
                    size_t count);

#endif
