/* SPDX-License-Identifier: Apache-2.0 */
/* The small documents of a checkpoint and an adapter: the first byte says which. */
#include "conversation.h"
#include "model/adapter.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct model_config *c)
{
    float frequencies[256];
    if (c->text.head_dim > 512 || c->text.heads == 0 || c->text.heads % c->text.kv_heads != 0)
        abort();
    rope_frequencies(frequencies, &c->text.rope, c->text.head_dim);
    if (c->family == FAMILY_LLAVA && c->vision_known &&
        (model_vision_depth(c) > c->vision.layers || model_view_rows(c) == 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trainer t = {0};
    struct model_config config;
    struct adapter_config adapter;
    struct conversation conversation;
    image_spec spec = IMAGE_SPEC_CLIP;
    if (size == 0 || opa_context_new(&t.opa) != OPA_OK)
        return 0;
    const opa_text bytes = {(const char *)data + 1, size - 1};
    switch (data[0] % 5) {
    case 0:
        if (model_config_parse(&t, &config, bytes, "fuzz") == OPA_OK)
            use(&config);
        model_config_release(&config);
        break;
    case 1:
        if (adapter_config_parse(&t, &adapter, bytes, "fuzz") == OPA_OK)
            adapter_config_release(&adapter);
        break;
    case 2:
        if (image_spec_parse(&t, &spec, bytes, "fuzz") == OPA_OK && (spec.size == 0 || spec.resize == 0))
            abort();
        break;
    case 3:
        if (conversation_parse(&t, &conversation, bytes, "fuzz") == OPA_OK)
            conversation_release(&conversation);
        break;
    default:
        config = (struct model_config){.family = FAMILY_LLAVA, .feature_layer = -2};
        if (model_config_parse_vision(&t, &config, bytes, "fuzz") == OPA_OK &&
            model_vision_depth(&config) > config.vision.layers)
            abort();
    }
    opa_context_free(t.opa);
    return 0;
}
