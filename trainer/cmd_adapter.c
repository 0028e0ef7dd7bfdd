/* SPDX-License-Identifier: Apache-2.0 */
/* adapter: does one fit a checkpoint, what does it change; under other names; folded into its base. */
#include "cmd_adapter.h"

#include <stdlib.h>
#include <string.h>

#include "durable.h"
#include "model/adapter_rename.h"

/* ---- check ---- */

static int check(struct adapter_run *a)
{
    struct run *run = &a->run;
    size_t count[PART_COUNT], total[PART_COUNT] = {0};
    const int go = run_open(run);
    if (go != GO_ON)
        return go;
    const struct model *m = run->model;
    adapter_count(count, run->adapter, m);
    for (size_t i = 0; i < m->loader.module_count; i++)
        total[m->loader.modules[i].part]++;
    for (int p = 0; p < PART_COUNT; p++) {
        if (total[p] > 0)
            out_printf(run->cli, "%-26s %zu of %zu linear layers\n", part_name((enum part)p), count[p], total[p]);
    }
    out_printf(run->cli, "%-26s %zu\n", "rank", run->adapter->max_rank);
    return adapter_changes(run->adapter) && run->adapter->missing == 0 ? EXIT_DONE : EXIT_FINDING;
}

/* ---- rename ---- */

static int renamed(struct adapter_run *a, enum spelling spelling)
{
    struct run *run = &a->run;
    size_t tensors = 0;
    run->t.opa = run->cli->ctx;
    char *there = path_join(run->output, "adapter_model.safetensors");
    int status = there ? OPA_OK : trainer_fail_memory(&run->t);
    const char *holds = folder_holds(run->output);
    if (status == OPA_OK && holds != NULL)
        status = trainer_fail(&run->t, OPA_ECREATE, "%s holds %s: choose another -o", run->output, holds);
    if (status == OPA_OK && path_exists(there))
        status = trainer_fail(&run->t, OPA_ECREATE, "%s is there already: choose another -o", there);
    free(there);
    if (status == OPA_OK)
        status = adapter_rename(&run->t, &tensors, run->output, run->adapter_dir, spelling);
    if (status != OPA_OK)
        return run_fail(run, status);
    cli_note(run->cli, "%zu tensors of %s under the names of %s: %s", tensors, run->adapter_dir, a->to, run->output);
    return EXIT_DONE;
}

static int rename_adapter(struct adapter_run *a)
{
    struct cli *cli = a->run.cli;
    enum spelling spelling;
    if (a->to == NULL || a->run.output == NULL)
        return cli_usage(cli, "rename: give the names with --to and the new folder with -o");
    if (!spelling_parse(&spelling, a->to))
        return cli_usage(cli, "--to: '%s' is none of hf-4.51, hf-4.52, hf-5, llava", a->to);
    return renamed(a, spelling);
}

/* ---- the verb ---- */

/* Which options a verb of ours takes; the others are refused, not passed over. */
static int check_options(const struct adapter_run *a, const char *verb)
{
    struct cli *cli = a->run.cli;
    const bool merge = strcmp(verb, "merge") == 0, rename = strcmp(verb, "rename") == 0;
    if (a->to != NULL && !rename)
        return cli_usage(cli, "--to is for rename");
    if (a->run.output != NULL && !rename && !merge)
        return cli_usage(cli, "-o is for rename and merge");
    if ((a->stored != NULL || a->packs.count > 0 || a->run.template != NULL || a->run.image_mode != NULL ||
         a->run.threads > 0) &&
        !merge)
        return cli_usage(cli, "--dtype, --pack, --template, --image-mode and --threads are for merge");
    if (a->run.output != NULL && strcmp(a->run.output, "-") == 0)
        return cli_usage(cli, "-o: a folder, which is not written to standard output");
    if (rename && (a->run.model_dir != NULL || a->run.vision_tower != NULL))
        return cli_usage(cli, "rename needs no model");
    return GO_ON;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct adapter_run a = {.run = {.cli = cli}};
    const struct flag flags[] = {
        {"model", 0, FLAG_TEXT, &a.run.model_dir},   {"vision-tower", 0, FLAG_TEXT, &a.run.vision_tower},
        {"output", 'o', FLAG_TEXT, &a.run.output},   {"to", 0, FLAG_TEXT, &a.to},
        {"dtype", 0, FLAG_TEXT, &a.stored},          {"pack", 0, FLAG_TEXTS, &a.packs},
        {"template", 0, FLAG_TEXT, &a.run.template}, {"image-mode", 0, FLAG_TEXT, &a.run.image_mode},
        {"threads", 0, FLAG_COUNT, &a.run.threads}};
    static const struct {
        const char *name;
        int (*run)(struct adapter_run *a);
    } verbs[] = {{"check", check}, {"merge", adapter_merge}, {"rename", rename_adapter}};
    int go = cli_options(cli, argc, argv, flags, sizeof flags / sizeof flags[0]);
    if (go != GO_ON || (go = cli_arguments(cli, 2, 2, "check, merge or rename, and an adapter's folder")) != GO_ON)
        return go;
    a.run.adapter_dir = cli->args[1];
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, cli->args[0]) != 0)
            continue;
        go = check_options(&a, verbs[i].name);
        if (go == GO_ON)
            go = verbs[i].run(&a);
        run_release(&a.run);
        return go;
    }
    return cli_usage(cli, "no adapter verb '%s': check, merge and rename are", cli->args[0]);
}

const struct command cmd_adapter = {
    .name = "adapter",
    .summary = "check an adapter, rename its tensors, or merge it into its base",
    .help =
        "Example: opatrain adapter check opa --model llava-1.5-7b-hf/\n"
        "         opatrain adapter rename opa --to hf-4.51 -o opa-4.51\n"
        "         opatrain adapter merge opa --model llava-1.5-7b-hf/ -o merged --pack packs/held-out\n\n"
        "Usage: opatrain adapter check DIR --model DIR [--vision-tower DIR]\n"
        "       opatrain adapter rename DIR --to NAMES -o OUT\n"
        "       opatrain adapter merge DIR --model DIR -o OUT [--dtype TYPE] [--pack PACK]...\n\n"
        "check reads a PEFT LoRA adapter in any of its spellings and says which layers of the model it changes. A\n"
        "tensor that fits no layer, half a pair, or an adapter that matches nothing is an error; so are NaN and\n"
        "infinity. A lora_B of zeros is a warning, and where all are zero, so that nothing changes, the exit code is "
        "1;\n"
        "likewise where one layer has none while others of its kind have.\n\n"
        "rename writes the same tensors under the names that another program gives the modules: PEFT passes over\n"
        "those that it does not find. target_modules become a regular expression that fits them.\n\n"
        "merge writes a checkpoint of its own, with the base's files and shards: each weight becomes W + scale B A in\n"
        "float32, rounded once. In 16 bits most of a small change is lost in that rounding; it says how much, and "
        "with\n"
        "a pack how far log-probs are from those of the adapter unmerged, beside how far the adapter moved them.\n"
        "OUT appears when all of it is on the disk; the tower of an original LLaVA goes along as OUT/vision_tower.\n\n"
        "  --model DIR          the checkpoint\n"
        "  --vision-tower DIR   CLIP's folder, for original LLaVA checkpoints whose mm_vision_tower is not there\n"
        "  -o, --output OUT     the new folder\n"
        "  --to NAMES           hf-5, hf-4.52 (transformers 4.52 to 4.57), hf-4.51 (and before) or llava (the "
        "original)\n"
        "  --dtype TYPE         f32, bf16 or f16: store all weights so, instead of each as in the base\n"
        "  --pack PACK          compare the merged checkpoint on the responses of this pack; several may be given\n"
        "  --template NAME      of the comparison, as for score\n"
        "  --image-mode MODE    of the comparison: pad or crop\n"
        "  --threads N          0 (default): all processors that this process may use\n",
    .run = run,
};
