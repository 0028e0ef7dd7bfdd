/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of config.json's parts share. */
#ifndef OPATRAIN_MODEL_CONFIG_READ_H
#define OPATRAIN_MODEL_CONFIG_READ_H

#include "json_fields.h"
#include "model/config.h"

enum { CONFIG_MOST = 1 << 24 }; /* of any size in a config: keeps products in 64 bits */

size_t config_size(struct fields *f, const char *key, int64_t otherwise);
ops_activation config_activation(struct fields *f, const char *key, const char *otherwise);

/* A language model, with LlamaConfig's defaults or Qwen2Config's. */
void config_read_text(struct fields *f, struct llama_config *out, bool qwen2);

/* A vision tower, with the defaults of its kind; without an object the one that LLaVA's config then means. */
void config_read_tower(struct fields *f, struct clip_config *out, enum tower tower);
int64_t config_feature_layer(struct fields *f, const char *key, int64_t otherwise);
void config_check_feature_layer(struct fields *f, const struct model_config *config);

#endif
