/* SPDX-License-Identifier: Apache-2.0 */
/* The opapairs program: its verbs. */
#include "cli.h"

/* In the order in which they are used. */
static const struct command *const commands[] = {
    &cmd_init, &cmd_import, &cmd_check,    &cmd_stats,  &cmd_ls,     &cmd_inspect, &cmd_diff,
    &cmd_edit, &cmd_accept, &cmd_exclude,  &cmd_log,    &cmd_undo,   &cmd_pack,    &cmd_verify,
    &cmd_cat,  &cmd_recipe, &cmd_tokenize, &cmd_schema, &cmd_doctor, NULL,
};

static const struct command *const hidden[] = {&cmd_list_ids, NULL};

static const struct program opapairs = {
    .name = "opapairs",
    .version = OPA_VERSION,
    .head = "Example: opapairs init set.opa && opapairs import set.opa rollouts/*.json && opapairs check set.opa\n"
            "         opapairs pack set.opa -o packs/v1 --tokenizer llava-1.5-7b-hf/ && opapairs verify packs/v1\n\n"
            "Usage: opapairs VERB [ARGUMENTS]\n\n"
            "Rollouts and expert corrections in, certified edits and verified packs of preference pairs out.\n\n",
    .foot =
        "\n'opapairs VERB --help' explains a verb. Every verb knows:\n\n"
        "  -h, --help    the verb's help\n"
        "  --color WHEN  always, never or auto (when not given); auto is on a terminal\n"
        "  --version     in place of a verb: the versions of this program and of what it is linked with\n\n"
        "Environment:\n"
        "  NO_COLOR, TERM          no colour when the one is set or the other is dumb, unless --color asks for it\n"
        "  COLUMNS, LINES          the size of the output; else the terminal's, or 100 columns\n"
        "  COLORTERM               truecolor or 24bit when the terminal has such colours: images are shown in them\n"
        "  PAGER, PATH, LESS       the pager, less when not set, and its options, FRX when not set; cat is none\n"
        "  VISUAL, EDITOR, TMPDIR  the editor of inspect -i, vi when not set, and where its drafts lie, /tmp when not "
        "set\n"
        "  LC_ALL, LC_CTYPE, LANG  the first that is set says whether the terminal shows UTF-8\n"
        "  LOGNAME, USER           who edits, when --by is not given\n\n"
        "Exit: 0 done, 1 done and something is to be said, 2 usage, 65 bad data, 66 no such input, 69 not built in,\n"
        "73 cannot create the output, 74 I/O error, 75 the store is busy.\n",
    .versions = opa_versions,
    .commands = commands,
    .hidden = hidden,
};

int main(int argc, char **argv)
{
    return program_run(&opapairs, argc, argv);
}
