/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: this machine, what it can do, and what a model will need, before anything long begins. */
#include <string.h>
#include <unistd.h>

#include "opatrain.h"
#include "ops/blas.h"
#include "ops/cpu.h"
#include "plan.h"

/* A sample as the paper's data has them: a prompt of 64 tokens, three responses of 150, two of them under a masked image. */
enum { PROMPT = 64, RESPONSE = 150, CLEAN = 3, MASKED = 2, ANSWER = 896, BATCH = 8 };

static double gib(uint64_t bytes)
{
    return (double)bytes / (double)(1 << 30);
}

static void print_machine(struct run *run, const ops_speed *speed, bool bf16)
{
    struct cli *cli = run->cli;
    ops_cpu cpu;
    ops_cpu_describe(&cpu);
    const double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    out_printf(cli, "processor   %s (%s)\n", cpu.name, cpu.features);
    out_printf(cli, "threads     %d of %d processors\n", ops_threads(run->t.ops), cpu.processors);
    out_printf(cli, "kernels     %s, OpenBLAS core type %s\n", ops_isa(run->t.ops), ops_blas_core());
    out_printf(cli, "            %s\n", ops_blas_config());
    out_printf(cli, "memory      %.1f GiB, read at %.1f GB/s\n", memory / (double)(1 << 30), speed->memory);
    out_printf(cli, "products    %.0f GFLOP/s with float32 weights, %.0f with bf16 weights%s (1024 x 4096 x 4096)\n",
               speed->gemm_f32, speed->gemm_bf16, bf16 ? " under --dtype bf16" : "");
}

static void print_plan(struct cli *cli, const char *what, const struct plan *plan)
{
    out_printf(cli, "%-11s %.2f GiB: weights %.2f, adapter %.2f, activations %.2f, keys and values %.2f\n", what,
               gib(plan->total), gib(plan->weights), gib(plan->adapter), gib(plan->activations), gib(plan->cache));
}

static const char *family_name(enum family family)
{
    static const char *const names[] = {
        [FAMILY_LLAMA] = "LLaMA or Qwen2", [FAMILY_LLAVA] = "LLaVA-1.5", [FAMILY_ONEVISION] = "LLaVA-OneVision"};
    return names[family];
}

static void print_model(struct run *run, const ops_speed *speed)
{
    struct cli *cli = run->cli;
    const struct model *m = run->model;
    const struct llama_config *c = &m->config.text;
    const bool image = model_sees(m);
    const uint64_t layers = plan_layer_parameters(c), head = plan_head_parameters(c);
    out_printf(cli, "\nmodel       %s: %s, %.2f billion parameters in the language model, weights %s\n", run->model_dir,
               family_name(m->config.family), (double)(layers + head * (c->tied ? 1 : 2)) / 1e9,
               ops_dtype_name(m->llama.layers[0].q.w.dtype));
    const size_t rows = model_image_rows(m), images = image ? 2 : 1, under = image ? CLEAN + MASKED : CLEAN;
    const size_t tokens = PROMPT + images * rows + under * RESPONSE;
    const struct plan score = plan_score(m, run->adapter, tokens, under * RESPONSE, images);
    print_plan(cli, "score", &score);
    const double gemm =
        1e9 * (c->layers && m->llama.layers[0].q.w.dtype == OPS_F32 ? speed->gemm_f32 : speed->gemm_bf16);
    const double flop = 2.0 * ((double)layers * (double)tokens + (double)head * (double)(under * RESPONSE));
    out_printf(cli, "            a sample of %zu tokens takes at least %.1f s of products: at most %.0f tokens/s\n",
               tokens, flop / gemm, (double)tokens * gemm / flop);
    const struct plan generate = plan_generate(m, run->adapter, BATCH, PROMPT + rows, ANSWER);
    print_plan(cli, "generate", &generate);
    const double bytes = (double)(layers + head) * (double)ops_dtype_size(m->llama.layers[0].q.w.dtype);
    out_printf(
        cli,
        "            a step reads %.2f GB of weights: at most %.1f tokens/s for one prompt, %d times that for %d\n",
        bytes / 1e9, speed->memory * 1e9 / bytes, BATCH, BATCH);
}

static int examine(struct run *run)
{
    ops_speed speed;
    if (run->t.ops == NULL && ops_context_new(&run->t.ops, (int)run->threads) != 0)
        return cli_error(run->cli, EXIT_IO, "out of memory");
    const bool bf16 = ops_context_allow_bf16(run->t.ops, true);
    if (ops_cpu_measure(run->t.ops, &speed) != 0)
        return cli_error(run->cli, EXIT_IO, "out of memory");
    print_machine(run, &speed, bf16);
    if (run->model != NULL)
        print_model(run, &speed);
    return EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct run r = {.cli = cli};
    const struct flag flags[] = {{"model", 0, FLAG_TEXT, &r.model_dir},
                                 {"adapter", 0, FLAG_TEXT, &r.adapter_dir},
                                 {"vision-tower", 0, FLAG_TEXT, &r.vision_tower},
                                 {"threads", 0, FLAG_COUNT, &r.threads}};
    int go = cli_options(cli, argc, argv, flags, 4);
    if (go != GO_ON || (go = cli_arguments(cli, 0, 0, "options only")) != GO_ON)
        return go;
    if (r.threads > 1024)
        return cli_usage(cli, "--threads: at most 1024");
    if (r.model_dir != NULL)
        go = run_open(&r);
    else if (r.adapter_dir != NULL)
        go = cli_usage(cli, "--adapter goes with --model");
    if (go == GO_ON)
        go = examine(&r);
    run_release(&r);
    return go;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .summary = "this machine's speed, and what a model will need of it",
    .help = "Example: opatrain doctor --model llava-1.5-7b-hf/\n\n"
            "Usage: opatrain doctor [--model DIR [--adapter DIR]] [--threads N]\n\n"
            "Prints the processor, the kernels and OpenBLAS's core type that run on it, and the measured speed of "
            "products\n"
            "and memory (1 to 3 seconds). With a model: the memory that scoring and generating will take, and the "
            "tokens a\n"
            "second that these speeds allow at most, for a sample as the paper's data have them.\n\n"
            "  --model DIR          a checkpoint\n"
            "  --adapter DIR        PEFT LoRA adapter\n"
            "  --vision-tower DIR   CLIP's folder, for original LLaVA checkpoints whose mm_vision_tower is not there\n"
            "  --threads N          0 (default): all processors that this process may use\n",
    .run = run,
};
