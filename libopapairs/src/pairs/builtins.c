/* SPDX-License-Identifier: Apache-2.0 */
/* The recipes that are always there. They are documents like any other: what they can do, a file can. */
#include <opapairs/pairs.h>

#define PAIRS                                                                                                          \
    "\"pairs\":[{\"type\":\"language\",\"chosen\":\"ground_truth\",\"rejected\":\"generated\",\"weights\":null},"      \
    "{\"type\":\"language\",\"chosen\":\"revised\",\"rejected\":\"generated\",\"weights\":\"language\"},"              \
    "{\"type\":\"image\",\"response\":\"ground_truth\",\"mask\":0,\"weights\":null},"                                  \
    "{\"type\":\"image\",\"response\":\"revised\",\"mask\":0,\"weights\":\"image\"},"                                  \
    "{\"type\":\"anchor\",\"response\":\"ground_truth\"},{\"type\":\"anchor\",\"response\":\"revised\"}],"
/* The released values (OPA-DPO, data_utils_dpo): by score for language pairs, by error type for image pairs. */
#define WEIGHTS                                                                                                        \
    "\"weights\":{\"language\":{\"by\":\"score\",\"1\":2.5,\"2\":2.0,\"3\":1.5,\"4\":1.0,\"none\":1.0,\"added\":1.0}," \
    "\"image\":{\"by\":\"error_type\",\"image_recognition_error\":3.0,\"language_comprehension_error\":1.0,"           \
    "\"correct\":1.0,\"none\":1.0,\"added\":1.0}},"                                                                    \
    "\"masks\":[{\"method\":\"pixels\",\"ratio\":0.3}],"

#define OPA_DPO "Language, image and anchor pairs; tokens weighted by their sentence's score and error type."
#define RELEASE "The released code to the token: its sentence-wise tokenisation, filters, weights and revised text."
#define DPO "Plain preference pairs of language, without weights, images and anchors."

static const opa_recipe_builtin table[] = {
    {"opa-dpo", OPA_DPO,
     "{\"schema_version\":1,\"name\":\"opa-dpo\",\"description\":\"" OPA_DPO "\",\"revised\":\"spliced\","
     "\"tokenization\":\"whole\"," PAIRS WEIGHTS
     "\"filters\":{\"repetition\":\"loop\",\"report\":\"any\",\"revised\":\"any\"},"
     "\"limits\":{\"prompt_tokens\":null,\"response_tokens\":null}}"},
    {"opa-dpo-release", RELEASE,
     "{\"schema_version\":1,\"name\":\"opa-dpo-release\",\"description\":\"" RELEASE "\",\"revised\":\"stored\","
     "\"tokenization\":\"sentences\"," PAIRS WEIGHTS
     "\"filters\":{\"repetition\":\"released\",\"report\":\"required\",\"revised\":\"required\"},"
     "\"limits\":{\"prompt_tokens\":null,\"response_tokens\":null}}"},
    {"dpo", DPO,
     "{\"schema_version\":1,\"name\":\"dpo\",\"description\":\"" DPO "\",\"revised\":\"spliced\","
     "\"tokenization\":\"whole\","
     "\"pairs\":[{\"type\":\"language\",\"chosen\":\"ground_truth\",\"rejected\":\"generated\",\"weights\":null},"
     "{\"type\":\"language\",\"chosen\":\"revised\",\"rejected\":\"generated\",\"weights\":null}],"
     "\"weights\":{\"language\":{\"by\":\"none\"},\"image\":{\"by\":\"none\"}},"
     "\"masks\":[{\"method\":\"none\",\"ratio\":0}],"
     "\"filters\":{\"repetition\":\"loop\",\"report\":\"any\",\"revised\":\"any\"},"
     "\"limits\":{\"prompt_tokens\":null,\"response_tokens\":null}}"},
};

const opa_recipe_builtin *opa_recipe_builtins(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}
