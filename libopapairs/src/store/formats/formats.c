/* SPDX-License-Identifier: Apache-2.0 */
#include "store/formats/formats.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* In the order in which they are tried: the keys of a rollout belong to nothing else; a sample has what an answer has
 * not. */
static const opa_format *const formats[] = {&opa_format_rollout, &opa_format_samples, &opa_format_outputs,
                                            &opa_format_edits};
#define COUNT (sizeof formats / sizeof *formats)

const opa_format_info *opa_formats(size_t *count)
{
    /* The same as in the table, as an array that can be handed out. */
    static const opa_format_info infos[COUNT] = {
        {"rollout", "step files of the released code: an array of records with image_bytes and AI_json_report"},
        {"samples", "JSON Lines: id, prompt, generated; also image, revised, ground_truth, feedback, by, at"},
        {"outputs", "a model's answers: id, prompt, image, text, or LLaVA's question_id, prompt, text, model_id"},
        {"edits", "corrections of known samples: id, revised or feedback, by, at"},
    };
    *count = COUNT;
    return infos;
}

const opa_format *opa_format_lookup(opa_text name)
{
    size_t count;
    const opa_format_info *infos = opa_formats(&count);
    for (size_t i = 0; i < count; i++)
        if (opa_text_equal(name, (opa_text){infos[i].name, strlen(infos[i].name)}))
            return formats[i];
    return NULL;
}

const opa_format *opa_format_recognise(const struct cJSON *record)
{
    for (size_t i = 0; i < COUNT; i++)
        if (formats[i]->recognise(record))
            return formats[i];
    return NULL;
}

void opa_format_names(opa_buffer *out)
{
    size_t count;
    const opa_format_info *infos = opa_formats(&count);
    for (size_t i = 0; i < count; i++) {
        opa_buffer_add_string(out, i ? ", " : "");
        opa_buffer_add_string(out, infos[i].name);
    }
}

void opa_incoming_release(opa_incoming *in)
{
    opa_json_free(in->doc);
    opa_findings_release(&in->findings);
    opa_buffer_release(&in->made);
    free(in->owned);
    *in = (opa_incoming){0};
}
