/* SPDX-License-Identifier: Apache-2.0 */
/* adapter check: does an adapter fit a checkpoint, and what does it change? */
#include <string.h>

#include "model/adapter.h"
#include "opatrain.h"

static int check(struct run *run)
{
    size_t count[PART_COUNT], total[PART_COUNT] = {0};
    const struct model *m = run->model;
    adapter_count(count, run->adapter, m);
    for (size_t i = 0; i < m->loader.module_count; i++)
        total[m->loader.modules[i].part]++;
    for (int p = 0; p < PART_COUNT; p++) {
        if (total[p] > 0)
            out_printf(run->cli, "%-26s %zu of %zu linear layers\n", part_name((enum part)p), count[p], total[p]);
    }
    out_printf(run->cli, "%-26s %zu\n", "rank", run->adapter->max_rank);
    return EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct run r = {.cli = cli};
    const struct flag flags[] = {{"model", 0, FLAG_TEXT, &r.model_dir},
                                 {"vision-tower", 0, FLAG_TEXT, &r.vision_tower}};
    int go = cli_options(cli, argc, argv, flags, 2);
    if (go != GO_ON || (go = cli_arguments(cli, 2, 2, "check and an adapter's folder")) != GO_ON)
        return go;
    if (strcmp(cli->args[0], "check") != 0)
        return cli_usage(cli, "no adapter verb '%s': check is one", cli->args[0]);
    r.adapter_dir = cli->args[1];
    go = run_open(&r);
    if (go == GO_ON)
        go = check(&r);
    run_release(&r);
    return go;
}

const struct command cmd_adapter = {
    .name = "adapter",
    .summary = "check an adapter against a checkpoint",
    .help =
        "Example: opatrain adapter check runs/opa --model llava-1.5-7b-hf/\n\n"
        "Usage: opatrain adapter check DIR --model DIR [--vision-tower DIR]\n\n"
        "Reads a PEFT LoRA adapter in any of its spellings and says which layers of the model it changes. A tensor\n"
        "that fits no layer, half a pair, or an adapter that matches nothing is an error; a lora_B of zeros, which\n"
        "changes nothing, is a warning.\n\n"
        "  --model DIR          the checkpoint\n"
        "  --vision-tower DIR   CLIP's folder, for original LLaVA checkpoints whose mm_vision_tower is not there\n",
    .run = run,
};
