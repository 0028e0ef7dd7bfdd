/* SPDX-License-Identifier: Apache-2.0 */
/* The opapairs program: its verbs. */
#include "cli.h"

/* In the order in which they are used. */
static const struct command *const commands[] = {
    &cmd_init, &cmd_import, &cmd_check, &cmd_stats,  &cmd_ls,  &cmd_inspect, &cmd_diff,     &cmd_edit,   &cmd_exclude,
    &cmd_log,  &cmd_undo,   &cmd_pack,  &cmd_verify, &cmd_cat, &cmd_recipe,  &cmd_tokenize, &cmd_schema, NULL,
};

static const struct program opapairs = {
    .name = "opapairs",
    .version = OPA_VERSION,
    .head = "Example: opapairs init set.opa && opapairs import set.opa rollouts/*.json && opapairs check set.opa\n"
            "         opapairs pack set.opa -o packs/v1 --tokenizer llava-1.5-7b-hf/ && opapairs verify packs/v1\n\n"
            "Usage: opapairs VERB [ARGUMENTS]\n\n"
            "Rollouts and expert corrections in, certified edits and verified packs of preference pairs out.\n\n",
    .foot =
        "\n'opapairs VERB --help' explains a verb; 'opapairs --version' prints versions.\n"
        "Exit: 0 done, 1 done and something is to be said, 2 usage, 65 bad data, 66 no such input, 69 not built in,\n"
        "73 cannot create the output, 74 I/O error, 75 the store is busy.\n",
    .versions = opa_versions,
    .commands = commands,
};

int main(int argc, char **argv)
{
    return program_run(&opapairs, argc, argv);
}
