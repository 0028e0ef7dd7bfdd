/* SPDX-License-Identifier: Apache-2.0 */
#include "model/names.h"

#include <stdio.h>
#include <string.h>

/* Longer prefixes stand before those that they begin with. */
static const struct {
    const char *prefix;
    enum part part;
} prefixes[] = {
    {"model.vision_tower.vision_tower.vision_model.", PART_VISION}, /* original LLaVA: modules, adapters */
    {"model.vision_tower.vision_model.", PART_VISION},              /* transformers 4.52 to 4.57 */
    {"model.vision_tower.", PART_VISION},                           /* transformers 5 in memory, adapters */
    {"vision_tower.vision_model.", PART_VISION},                    /* llava-hf on the hub */
    {"vision_tower.", PART_VISION},                                 /* transformers 5, saved */
    {"vision_model.", PART_VISION},                                 /* a tower's own folder */
    {"model.multi_modal_projector.", PART_PROJECTOR},
    {"multi_modal_projector.", PART_PROJECTOR},
    {"model.mm_projector.", PART_PROJECTOR},
    {"language_model.lm_head.", PART_HEAD},
    {"lm_head.", PART_HEAD},
    {"language_model.model.", PART_TEXT},
    {"model.language_model.", PART_TEXT},
    {"model.image_newline", PART_NEWLINE},
    {"image_newline", PART_NEWLINE}, /* LLaVA-OneVision: a row of its own, no module */
    {"model.", PART_TEXT},
};

const char *part_name(enum part part)
{
    static const char *const names[PART_COUNT] = {"the language model", "the vocabulary projection", "the projector",
                                                  "the vision tower", "the image's newline"};
    return names[part];
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* The original projector is a Sequential: 0 is the first linear, 1 the activation, 2 the second. */
static const char *projector_rest(const char *rest)
{
    static const char *const same[][2] = {
        {"0.weight", "linear_1.weight"}, {"0.bias", "linear_1.bias"}, {"0", "linear_1"},
        {"2.weight", "linear_2.weight"}, {"2.bias", "linear_2.bias"}, {"2", "linear_2"},
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        if (strcmp(rest, same[i][0]) == 0)
            return same[i][1];
    }
    return rest;
}

bool name_parse(struct name *out, const char *key)
{
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (!begins(key, prefixes[i].prefix))
            continue;
        *out = (struct name){prefixes[i].part, key + strlen(prefixes[i].prefix), prefixes[i].prefix};
        if (out->part == PART_PROJECTOR)
            out->rest = projector_rest(out->rest);
        return true;
    }
    return false;
}

bool spelling_parse(enum spelling *out, const char *name)
{
    static const char *const names[SPELLING_TEXT] = {"hf-5", "hf-4.52", "hf-4.51", "llava"};
    for (int i = 0; i < SPELLING_TEXT; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum spelling)i;
            return true;
        }
    }
    return false;
}

const char *name_prefix(enum spelling spelling, enum part part)
{
    static const char *const prefix[SPELLING_COUNT][PART_COUNT] = {
        [SPELLING_HF] = {"model.language_model.", "", "model.multi_modal_projector.", "model.vision_tower.", ""},
        [SPELLING_HF_452] = {"model.language_model.", "", "model.multi_modal_projector.",
                             "model.vision_tower.vision_model.", ""},
        [SPELLING_HF_451] = {"language_model.model.", "language_model.", "multi_modal_projector.",
                             "vision_tower.vision_model.", ""},
        [SPELLING_LLAVA] = {"model.", "", "model.mm_projector.", "model.vision_tower.vision_tower.vision_model.", ""},
        [SPELLING_TEXT] = {"model.", "", "", "", ""},
    };
    return prefix[spelling][part];
}

bool name_spell(char *out, size_t size, enum spelling spelling, enum part part, const char *rest)
{
    if (spelling == SPELLING_LLAVA && part == PART_PROJECTOR)
        rest = strcmp(rest, "linear_1") == 0 ? "0" : strcmp(rest, "linear_2") == 0 ? "2" : rest;
    const int n = snprintf(out, size, "%s%s", name_prefix(spelling, part), rest);
    return n >= 0 && (size_t)n < size;
}

static bool ends(const char *text, const char *with)
{
    const size_t m = strlen(text), n = strlen(with);
    return m >= n && strcmp(text + m - n, with) == 0;
}

bool name_is_idle(const char *key)
{
    struct name name;
    if (begins(key, "text_model.") || strcmp(key, "logit_scale") == 0 || strcmp(key, "text_projection.weight") == 0 ||
        strcmp(key, "visual_projection.weight") == 0 || ends(key, ".rotary_emb.inv_freq"))
        return true;
    return name_parse(&name, key) && name.part == PART_VISION &&
           (strcmp(name.rest, "embeddings.position_ids") == 0 || begins(name.rest, "post_layernorm."));
}
