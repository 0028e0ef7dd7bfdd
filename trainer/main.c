/* SPDX-License-Identifier: Apache-2.0 */
/* The opatrain program: its verbs. */
#include "opatrain.h"
#include "ops/blas.h"
#include "ranks.h"

static const struct command *const commands[] = {&cmd_score,  &cmd_generate, &cmd_sft, &cmd_dpo,
                                                 &cmd_doctor, &cmd_adapter,  NULL};

static const char *versions(void)
{
    static char text[1024];
    const char *bf16 = ops_bf16_library(), *mpi = ranks_version();
    snprintf(text, sizeof text, "%s%s\nOpenBLAS core type %s\n%s%s%s%s", opa_versions(), ops_blas_config(),
             ops_blas_core(), bf16 ? bf16 : "", bf16 ? "\n" : "", mpi ? mpi : "", mpi ? "\n" : "");
    return text;
}

static const struct program opatrain = {
    .name = "opatrain",
    .version = OPA_VERSION,
    .head = "Example: opatrain doctor --model llava-1.5-7b-hf/\n"
            "         opatrain score --model llava-1.5-7b-hf/ packs/v1 -o scores.jsonl\n"
            "         opatrain generate --model llava-1.5-7b-hf/ packs/v1 -o answers.jsonl\n\n"
            "Usage: opatrain VERB [ARGUMENTS]\n\n"
            "Runs vision-language models over packs of preference pairs, on processors without a GPU.\n\n",
    .foot =
        "\nBy several processes: 'mpirun -n N opatrain sft ...' (Open MPI; dpo, too) divides the samples of each "
        "update\n"
        "between N processes, of which the first one writes. All need the same options, model and packs; they share\n"
        "the processors of a host, and --memory is for each. A run is resumed with as many. A lost process ends the\n"
        "run: its last checkpoint stays.\n"
        "SIGINT, SIGTERM and SIGUSR1 end a run when its update is done and saved; before the first update at once, "
        "and\n"
        "what was made is kept. mpirun passes SIGUSR1 on; behind the other two it kills all within seconds.\n"
        "\n'opatrain VERB --help' explains a verb; 'opatrain --version' prints versions.\n"
        "Exit: 0 done, 1 done and something is to be said, 2 usage, 65 bad data, 66 no such input, 69 not built in,\n"
        "73 cannot create the output, 74 I/O error, 75 another opatrain writes there.\n",
    .versions = versions,
    .commands = commands,
};

int main(int argc, char **argv)
{
    ops_blas_choose_core(argv);
    return program_run(&opatrain, argc, argv);
}
