/* SPDX-License-Identifier: Apache-2.0 */
/* config.json of a language model: sizes, biases, rotary positions. */
#include "model/config_read.h"

#include <math.h>

/* ---- rotary positions ---- */

static void read_rope_kind(struct fields *f, struct rope_config *out)
{
    const opa_text old = fields_text(f, "type", "default"), kind = fields_text(f, "rope_type", NULL);
    const opa_text name = kind.data ? kind : old;
    if (text_is(name, "default"))
        out->kind = ROPE_DEFAULT;
    else if (text_is(name, "linear"))
        out->kind = ROPE_LINEAR;
    else if (text_is(name, "llama3"))
        out->kind = ROPE_LLAMA3;
    else
        fields_fail(f, OPA_EUNSUPPORTED, "rope_type '%.*s' is not built in (default, linear, llama3 are)",
                    (int)(name.size < 40 ? name.size : 40), name.data);
}

static void read_rope(struct fields *f, struct rope_config *out, size_t max_positions)
{
    *out = (struct rope_config){.theta = fields_number(f, "rope_theta", 10000.0), .factor = 1.0};
    const char *key = fields_has(f, "rope_parameters") ? "rope_parameters" : "rope_scaling";
    struct fields r = fields_object(f, key, f->where);
    if (r.object != NULL) {
        read_rope_kind(&r, out);
        out->theta = fields_number(&r, "rope_theta", out->theta);
        out->factor = fields_number(&r, "factor", 1.0);
        out->low = fields_number(&r, "low_freq_factor", 1.0);
        out->high = fields_number(&r, "high_freq_factor", 4.0);
        out->original_length = fields_number(&r, "original_max_position_embeddings", (double)max_positions);
    }
    f->status = r.status;
    if (out->theta <= 0 || out->factor <= 0 ||
        (out->kind == ROPE_LLAMA3 && (out->high <= out->low || out->low <= 0 || out->original_length <= 0)))
        fields_fail(f, OPA_EDATA, "the rotary parameters make no sense");
}

/* The medium frequencies of llama3 pass from scaled to unscaled. */
static float llama3_frequency(float f, const struct rope_config *c)
{
    const float two_pi = 6.283185307179586f, wavelength = two_pi / f;
    const float low_length = (float)(c->original_length / c->low), high_length = (float)(c->original_length / c->high);
    if (wavelength > low_length)
        return f / (float)c->factor;
    if (wavelength < high_length)
        return f;
    const float smooth = ((float)c->original_length / wavelength - (float)c->low) / (float)(c->high - c->low);
    return (1 - smooth) * f / (float)c->factor + smooth * f;
}

void rope_frequencies(float *out, const struct rope_config *config, size_t head_dim)
{
    for (size_t i = 0; i < head_dim / 2; i++) {
        const float f = 1.0f / powf((float)config->theta, (float)(2 * i) / (float)head_dim);
        out[i] = config->kind == ROPE_LINEAR   ? f / (float)config->factor
                 : config->kind == ROPE_LLAMA3 ? llama3_frequency(f, config)
                                               : f;
    }
}

/* ---- the language model ---- */

/* LlamaConfig's defaults, or Qwen2Config's. */
void config_read_text(struct fields *f, struct llama_config *out, bool qwen2)
{
    *out = (struct llama_config){
        .hidden = config_size(f, "hidden_size", 4096),
        .intermediate = config_size(f, "intermediate_size", qwen2 ? 22016 : 11008),
        .layers = config_size(f, "num_hidden_layers", 32),
        .heads = config_size(f, "num_attention_heads", 32),
        .vocabulary = config_size(f, "vocab_size", qwen2 ? 151936 : 32000),
        .max_positions = config_size(f, "max_position_embeddings", qwen2 ? 32768 : 2048),
        .rms_eps = fields_number(f, "rms_norm_eps", 1e-6),
        .tied = fields_bool(f, "tie_word_embeddings", false),
        .qkv_bias = qwen2 || fields_bool(f, "attention_bias", false),
        .out_bias = !qwen2 && fields_bool(f, "attention_bias", false),
        .mlp_bias = !qwen2 && fields_bool(f, "mlp_bias", false),
    };
    if (qwen2 && fields_bool(f, "use_sliding_window", false))
        fields_fail(f, OPA_EUNSUPPORTED, "use_sliding_window is not built in");
    out->kv_heads = config_size(f, "num_key_value_heads", (int64_t)out->heads);
    out->head_dim = config_size(f, "head_dim", (int64_t)(out->hidden / out->heads));
    if (out->heads % out->kv_heads != 0)
        fields_fail(f, OPA_EDATA, "num_attention_heads is no multiple of num_key_value_heads");
    if (out->head_dim % 2 != 0 || out->head_dim > 512)
        fields_fail(f, OPA_EUNSUPPORTED, "heads of %zu numbers: an even size up to 512 is needed", out->head_dim);
    if (config_activation(f, "hidden_act", "silu") != OPS_SILU)
        fields_fail(f, OPA_EUNSUPPORTED, "hidden_act of LLaMA and Qwen2 is silu");
    if (fields_has(f, "quantization_config"))
        fields_fail(f, OPA_EUNSUPPORTED, "quantised weights are not read; F32, F16 and BF16 are");
    read_rope(f, &out->rope, out->max_positions);
}
