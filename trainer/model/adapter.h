/* SPDX-License-Identifier: Apache-2.0 */
/** @file adapter.h
 *  PEFT's LoRA adapters: adapter_config.json and adapter_model.safetensors. All three spellings of keys are read
 *  (transformers to 4.51, 4.52 to 4.57, 5), and original LLaVA's. What the file holds counts: target_modules may be a list
 *  or a regular expression and is not needed to know which layers have an adapter.
 */
#ifndef OPATRAIN_MODEL_ADAPTER_H
#define OPATRAIN_MODEL_ADAPTER_H

#include "model/model.h"

struct adapter_config {
    size_t rank;
    double alpha;
    bool rslora;   /**< scale alpha / sqrt(r) instead of alpha / r */
    char *base;    /**< base_model_name_or_path, owned; NULL */
    bool patterns; /**< rank_pattern or alpha_pattern is not empty */
    bool partial;  /**< layers_to_transform: it is meant for some layers only */
};

/** adapter_config.json from memory. OPA_EUNSUPPORTED: DoRA, biases and other kinds than LoRA. */
int adapter_config_parse(struct trainer *t, struct adapter_config *out, opa_text bytes, const char *name);
void adapter_config_release(struct adapter_config *config);

/** Open the adapter of folder @p dir for @p model. OPA_EDATA: a tensor that fits no layer, or half a pair, is named; so is an
 *  adapter that matches nothing. So is a value that is not finite. Notes: B all zero (the adapter changes nothing), a layer without one among others of its
 *  kind that have one. Free with adapter_free(). */
int adapter_open(struct trainer *t, struct adapter **out, const char *dir, const struct model *model);
void adapter_free(struct adapter *adapter);

/** The module that a tensor's key is about: "base_model.model." MODULE ".lora_A.weight" (or ".lora_A.default.weight", as some
 *  tools write). Copies MODULE to @p path and says which of the two matrices it is. false: no such key. */
bool adapter_key_parse(char path[256], bool *is_b, const char *key);

/** Is any lora_B not zero? */
bool adapter_changes(const struct adapter *adapter);
/** Bytes of its file, which is mapped; 0 for none. */
uint64_t adapter_bytes(const struct adapter *adapter);
/** Layers that the adapter changes, per part. */
void adapter_count(size_t out[PART_COUNT], const struct adapter *adapter, const struct model *model);

#endif
