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
#define ALL_PASS "\"unedited\":\"keep\",\"certificate\":\"any\",\"edit_share_max\":null"

#define OPA_DPO "Language, image and anchor pairs; tokens weighted by their sentence's score and error type."
#define RELEASE "The released code to the token: its sentence-wise tokenisation, filters, weights and revised text."
#define RLHF_V "Revised over generated with weight on the changed tokens only, as in RLHF-V's dense preferences (DDPO)."
#define DPO "Plain preference pairs of language, without weights, images and anchors."

static const opa_recipe_builtin table[] = {
    {"opa-dpo", OPA_DPO,
     "{\"schema_version\":1,\"name\":\"opa-dpo\",\"description\":\"" OPA_DPO "\",\"revised\":\"spliced\","
     "\"tokenization\":\"whole\"," PAIRS WEIGHTS
     "\"filters\":{\"repetition\":\"loop\",\"report\":\"any\",\"revised\":\"any\"," ALL_PASS "},"
     "\"limits\":{\"prompt_tokens\":null,\"response_tokens\":null}}"},
    {"opa-dpo-release", RELEASE,
     "{\"schema_version\":1,\"name\":\"opa-dpo-release\",\"description\":\"" RELEASE "\",\"revised\":\"stored\","
     "\"tokenization\":\"sentences\"," PAIRS WEIGHTS
     "\"filters\":{\"repetition\":\"released\",\"report\":\"required\",\"revised\":\"required\"," ALL_PASS "},"
     "\"limits\":{\"prompt_tokens\":null,\"response_tokens\":null}}"},
    {"dpo", DPO,
     "{\"schema_version\":1,\"name\":\"dpo\",\"description\":\"" DPO "\",\"revised\":\"spliced\","
     "\"tokenization\":\"whole\","
     "\"pairs\":[{\"type\":\"language\",\"chosen\":\"ground_truth\",\"rejected\":\"generated\",\"weights\":null},"
     "{\"type\":\"language\",\"chosen\":\"revised\",\"rejected\":\"generated\",\"weights\":null}],"
     "\"weights\":{\"language\":{\"by\":\"none\"},\"image\":{\"by\":\"none\"}},"
     "\"masks\":[{\"method\":\"none\",\"ratio\":0}],"
     "\"filters\":{\"repetition\":\"loop\",\"report\":\"any\",\"revised\":\"any\"," ALL_PASS "},"
     "\"limits\":{\"prompt_tokens\":null,\"response_tokens\":null}}"},
    /* RLHF-V (arXiv 2312.00849) weighs changed tokens gamma, unchanged ones 1, and divides by the weights' sum: the
     * paper's are "changed":5,"kept":1. Their ratio is what counts there; this is the limit of a large gamma, and a
     * trainer that sums instead of dividing keeps the meaning of its beta. Unedited responses are not in RLHF-V's data,
     * and teach nothing. */
    {"rlhf-v", RLHF_V,
     "{\"schema_version\":1,\"name\":\"rlhf-v\",\"description\":\"" RLHF_V "\",\"revised\":\"spliced\","
     "\"tokenization\":\"whole\","
     "\"pairs\":[{\"type\":\"language\",\"chosen\":\"revised\",\"rejected\":\"generated\",\"weights\":\"language\"}],"
     "\"weights\":{\"language\":{\"by\":\"hunks\",\"changed\":1.0,\"kept\":0.0},\"image\":{\"by\":\"none\"}},"
     "\"masks\":[{\"method\":\"none\",\"ratio\":0}],"
     "\"filters\":{\"repetition\":\"loop\",\"report\":\"any\",\"revised\":\"required\",\"unedited\":\"drop\","
     "\"certificate\":\"any\",\"edit_share_max\":null},"
     "\"limits\":{\"prompt_tokens\":null,\"response_tokens\":null}}"},
};

const opa_recipe_builtin *opa_recipe_builtins(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}
