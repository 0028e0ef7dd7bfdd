/* SPDX-License-Identifier: Apache-2.0 */
/* The microworld program: what the demo needs beside opapairs and opatrain. */
#include "microworld.h"

static const struct command *const commands[] = {&cmd_scenes, &cmd_expert, &cmd_measure, &cmd_report, NULL};

static const struct program microworld = {
    .name = "microworld",
    .version = OPA_VERSION,
    .head =
        "Example: microworld scenes --seed 200 --count 2400 -o pictures/\n\n"
        "Usage: microworld VERB [ARGUMENTS]\n\n"
        "A small world of drawn scenes with a known truth, an expert who corrects what a model says about them, and\n"
        "measures of its hallucinations.\n\n",
    .foot = "\n'microworld VERB --help' explains a verb.\n",
    .versions = opa_versions,
    .commands = commands,
};

int main(int argc, char **argv)
{
    return program_run(&microworld, argc, argv);
}
