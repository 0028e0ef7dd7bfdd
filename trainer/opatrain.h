/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of opatrain share: the options of all of them, the model that they run, and failures. */
#ifndef OPATRAIN_OPATRAIN_H
#define OPATRAIN_OPATRAIN_H

#include "outfile.h"
#include "packed.h"
#include "program.h"
#include "session.h"
#include "settings.h"

extern const struct command cmd_score, cmd_generate, cmd_sft, cmd_dpo, cmd_doctor, cmd_adapter;

/* One run of a verb. */
struct run {
    struct cli *cli;
    struct trainer t;
    /* options */
    const char *model_dir, *adapter_dir, *vision_tower, *template, *image_mode, *dtype, *memory, *output;
    int64_t threads;
    uint64_t seed;
    bool divided; /* its work is divided between ranks (ranks.h) */
    /* opened */
    struct model *model;
    struct adapter *adapter;
    struct conversation conversation;
    struct prompter prompter;
    struct session session;
    uint64_t memory_limit;    /* bytes; 0: none */
    struct settings settings; /* what the output depends on */
    struct outfile out;       /* unless standard output */
};

enum { RUN_FLAGS = 10 };
/* The flags of all verbs that run a model, into @p flags (room for RUN_FLAGS). */
void run_flags(struct run *run, struct flag *flags);
/* Their part of --help. */
#define MODEL_HELP                                                                                                     \
    "  --model DIR          checkpoint folder (config.json, *.safetensors, tokenizer.json or tokenizer.model)\n"       \
    "  --adapter DIR        PEFT LoRA adapter, applied unmerged\n"                                                     \
    "  --vision-tower DIR   CLIP's folder, for original LLaVA checkpoints whose mm_vision_tower is not there\n"        \
    "  --template NAME      vicuna_v1 (default of LLaVA), llava_hf, qwen (of OneVision), onevision_hf, chatml,\n"      \
    "                       plain (of text models), or a JSON file with before, after and stop\n"                      \
    "  --image-mode MODE    pad (to a square, default of LLaVA-1.5) or crop\n"                                         \
    "  --dtype TYPE         f32 (default) or bf16: of the products; weights stay in their stored type\n"               \
    "  --memory SIZE        refuse to begin, or take smaller batches, where more is needed (8G, 500M)\n"               \
    "  --threads N          0 (default): all processors that this process may use\n"                                   \
    "  --seed N             of everything that is drawn (0)\n"
#define RUN_HELP                                                                                                       \
    MODEL_HELP                                                                                                         \
    "  -o, --output FILE    write there instead of to standard output; a killed run goes on where it was\n"

/* Open everything that the options name. GO_ON or an exit code. Release with run_release(). */
int run_open(struct run *run);
void run_release(struct run *run);
/* A failure of the trainer's part: its message; returns the exit code. */
int run_fail(struct run *run, int status);

/* A line of settings: what the output depends on. */
void run_setting(struct run *run, const char *name, const char *format, ...) OPA_PRINTF(3, 4);
/* The pack's content is a setting. */
void run_setting_pack(struct run *run, const opa_pack *pack);
/* Open -o with the settings so far. GO_ON or an exit code. */
int run_open_output(struct run *run);
/* Write what the writer holds as a line. 0 or an exit code. */
int run_emit(struct run *run, opa_json_writer *w);
/* A number of float32 in the fewest digits that give it back. */
void write_float(opa_json_writer *w, float x);

/* "8G", "500M", "1.5GiB" in bytes. false: none of these. */
bool parse_size(uint64_t *out, const char *text);

#endif
