/* SPDX-License-Identifier: Apache-2.0 */
/* expert: corrects a model's answers, and writes them in the released rollout format. */
#include <stdlib.h>
#include <string.h>

#include "answers.h"
#include "caption.h"
#include "expert.h"
#include "files.h"
#include "lines.h"
#include "microworld.h"
#include "picture.h"

struct expert_run {
    struct cli *cli;
    const char *out;
    FILE *file;
    opa_json_writer *w;
    int64_t sentences, wrong; /* seen, and not as they should be */
};

static void key_text(opa_json_writer *w, const char *key, const char *data, size_t size)
{
    opa_json_write_key(w, key);
    opa_json_write_text(w, (opa_text){data, size});
}

static void write_correction(opa_json_writer *w, const struct correction *c)
{
    char change[2 * 96 + 8];
    opa_json_begin_object(w);
    key_text(w, "copied_content", c->copied.data, c->copied.size);
    opa_json_write_key(w, "score");
    opa_json_write_integer(w, c->score);
    key_text(w, "error_type", c->type, strlen(c->type));
    opa_json_write_key(w, "object");
    opa_json_begin_array(w);
    if (c->change[0][0] != '\0') {
        snprintf(change, sizeof change, "%s -> %s", c->change[0], c->change[1]);
        opa_json_write_string(w, change);
    }
    opa_json_end_array(w);
    key_text(w, "rewritten_content", c->rewritten, strlen(c->rewritten));
    key_text(w, "reason", c->reason, strlen(c->reason));
    opa_json_end_object(w);
}

static void write_report(struct expert_run *x, const struct corrections *corrections, const struct answer *truth)
{
    char place[24];
    opa_json_write_key(x->w, "AI_json_report");
    opa_json_begin_object(x->w);
    key_text(x->w, "image_description", truth->text, truth->size);
    for (size_t i = 0; i < corrections->count; i++) {
        snprintf(place, sizeof place, "%zu", i);
        opa_json_write_key(x->w, place);
        write_correction(x->w, &corrections->of[i]);
        x->sentences++;
        x->wrong += corrections->of[i].score < 4;
    }
    opa_json_end_object(x->w);
}

static int write_joined(struct expert_run *x, const char *key, const struct corrections *c, bool rewritten,
                        opa_text answer)
{
    char *text = corrections_joined(c, rewritten, answer);
    if (text == NULL)
        return cli_error(x->cli, EXIT_IO, "out of memory");
    key_text(x->w, key, text, strlen(text));
    free(text);
    return 0;
}

static int write_picture(struct expert_run *x, const struct scene *scene)
{
    char *text = picture_base64(scene);
    if (text == NULL)
        return cli_error(x->cli, EXIT_IO, "out of memory");
    key_text(x->w, "image_bytes", text, strlen(text));
    free(text);
    return 0;
}

static int write_record(struct expert_run *x, const struct said *said, const struct corrections *corrections)
{
    struct answer truth;
    char id[SCENE_ID_SIZE], image[SCENE_ID_SIZE + 4], standard[ANSWER_SIZE + 8];
    opa_json_writer *w = x->w;
    caption_truth(&truth, &said->scene);
    snprintf(image, sizeof image, "%s.png", scene_id(id, &said->scene));
    snprintf(standard, sizeof standard, "%s%.*s", said->text.size > 0 && said->text.data[0] == ' ' ? " " : "",
             (int)truth.size, truth.text);
    opa_json_begin_object(w);
    opa_json_write_key(w, "query");
    opa_json_write_string(w, "<image>\n" QUESTION_OF_ALL);
    opa_json_write_key(w, "image_id");
    opa_json_write_string(w, image);
    key_text(w, "standard_response", standard, strlen(standard));
    key_text(w, "original_generate_response", said->text.data, said->text.size);
    int result = write_joined(x, "AI_generate_response", corrections, false, said->text);
    if (result == 0)
        result = write_joined(x, "AI_pseudo_response", corrections, true, said->text);
    write_report(x, corrections, &truth);
    if (result == 0)
        result = write_picture(x, &said->scene);
    opa_json_end_object(w);
    return result;
}

static int correct_one(struct expert_run *x, const struct said *said)
{
    struct corrections corrections;
    int result = 0;
    if (expert_correct(&corrections, &said->scene, said->text) != OPA_OK)
        result = cli_error(x->cli, EXIT_IO, "out of memory");
    if (result == 0)
        result = write_record(x, said, &corrections);
    corrections_release(&corrections);
    return result == 0 ? put_json_line(x->cli, x->file, x->out, x->w) : result;
}

static int correct_all(struct expert_run *x, const struct answers *answers)
{
    char a[32], b[32];
    int result = 0;
    fputs("[\n", x->file);
    for (size_t i = 0; i < answers->count && result == 0; i++) {
        if (i > 0)
            fputs(",\n", x->file);
        result = correct_one(x, &answers->of[i]);
    }
    fputs("]\n", x->file);
    if (result == 0)
        cli_note(x->cli, "%zu answers, %s sentences, %s of them corrected", answers->count, thousands(a, x->sentences),
                 thousands(b, x->wrong));
    return result;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct expert_run x = {.cli = cli};
    struct answers answers = {0};
    const struct flag flags[] = {{"output", 'o', FLAG_TEXT, &x.out}};
    int go = cli_options(cli, argc, argv, flags, 1);
    if (go != GO_ON || (go = cli_arguments(cli, 1, 1, "a file of answers")) != GO_ON)
        return go;
    if (x.out == NULL)
        return cli_usage(cli, "where to? give -o FILE, a step0_rank0.json");
    int result = answers_read(cli, &answers, cli->args[0]);
    if (result == 0 && opa_json_writer_new(cli->ctx, &x.w) != OPA_OK)
        result = cli_error(cli, EXIT_IO, "out of memory");
    if (result == 0 && (x.file = create_file(cli, NULL, x.out)) == NULL)
        result = EXIT_CREATE;
    if (x.file != NULL)
        result = close_file(cli, x.file, x.out, correct_all(&x, &answers));
    opa_json_writer_free(x.w);
    answers_release(&answers);
    return result;
}

const struct command cmd_expert = {
    .name = "expert",
    .summary = "correct a model's answers, sentence by sentence",
    .help =
        "Example: microworld expert rollouts.jsonl -o step0_rank0.json\n\n"
        "Usage: microworld expert ANSWERS -o FILE\n\n"
        "Reads the lines of opatrain generate about pictures of this world and writes what the expert of OPA-DPO\n"
        "would: records in the released rollout format, which opapairs import reads. The expert knows the scene by\n"
        "its id. It keeps what is right, puts a wrong colour or place right in the sentence, and replaces what is not\n"
        "there by something that is, in words of its own, or deletes it.\n\n"
        "  -o, --output FILE  step0_rank0.json or the like\n",
    .run = run,
};
