/* SPDX-License-Identifier: Apache-2.0 */
/* scenes: pictures, and a line about each. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "caption.h"
#include "files.h"
#include "lines.h"
#include "microworld.h"
#include "picture.h"

struct scenes {
    struct cli *cli;
    const char *out;
    uint64_t seed;
    int64_t first, count, captions, fillers, questions;
    bool raw;
    FILE *lines, *asked, *pixels; /* scenes.jsonl; questions.jsonl or NULL; pictures.u8 or NULL */
    opa_json_writer *w;
};

static void key_string(opa_json_writer *w, const char *key, const char *value)
{
    opa_json_write_key(w, key);
    opa_json_write_string(w, value);
}

static void key_integer(opa_json_writer *w, const char *key, int64_t value)
{
    opa_json_write_key(w, key);
    opa_json_write_integer(w, value);
}

static void write_object(opa_json_writer *w, const struct object *o)
{
    int row, column;
    picture_centre(&row, &column, o);
    opa_json_begin_object(w);
    key_string(w, "object", kind_names[o->kind]);
    key_string(w, "colour", colour_names[o->colour]);
    key_string(w, "place", place_names[o->column]);
    key_integer(w, "size", o->size);
    opa_json_write_key(w, "far");
    opa_json_write_bool(w, o->far);
    opa_json_write_key(w, "centre");
    opa_json_begin_array(w);
    opa_json_write_integer(w, row);
    opa_json_write_integer(w, column);
    opa_json_end_array(w);
    opa_json_end_object(w);
}

static void write_question(opa_json_writer *w, const struct question *q)
{
    opa_json_begin_object(w);
    key_string(w, "question", q->text);
    key_string(w, "answer", q->answer);
    key_string(w, "about", about_names[q->about]);
    opa_json_end_object(w);
}

static void write_texts(struct scenes *s, const struct scene *scene)
{
    struct answer answer;
    struct question question;
    caption_truth(&answer, scene);
    opa_json_write_key(s->w, "truth");
    opa_json_write_text(s->w, (opa_text){answer.text, answer.size});
    opa_json_write_key(s->w, "captions");
    opa_json_begin_array(s->w);
    for (int64_t i = 0; i < s->captions; i++) {
        caption_web(&answer, scene, (int)s->fillers, (uint64_t)i);
        opa_json_write_text(s->w, (opa_text){answer.text, answer.size});
    }
    opa_json_end_array(s->w);
    opa_json_write_key(s->w, "questions");
    opa_json_begin_array(s->w);
    for (int64_t i = 0; i < s->questions; i++) {
        question_draw(&question, scene, (uint64_t)i);
        write_question(s->w, &question);
    }
    opa_json_end_array(s->w);
}

static int write_line(struct scenes *s, const struct scene *scene, const char *image)
{
    char id[SCENE_ID_SIZE];
    opa_json_writer *w = s->w;
    opa_json_begin_object(w);
    key_string(w, "id", scene_id(id, scene));
    key_string(w, "image", image);
    key_string(w, "prompt", QUESTION_OF_ALL);
    key_string(w, "context", context_names[scene->context]);
    opa_json_write_key(w, "objects");
    opa_json_begin_array(w);
    for (int i = 0; i < scene->count; i++)
        write_object(w, &scene->objects[i]);
    opa_json_end_array(w);
    write_texts(s, scene);
    opa_json_end_object(w);
    return put_json_line(s->cli, s->lines, "scenes.jsonl", w);
}

/* Each question as opatrain generate --prompts wants it. */
static int write_prompts(struct scenes *s, const struct scene *scene, const char *image)
{
    char id[QUESTION_ID_SIZE];
    struct question question;
    int result = 0;
    for (int64_t i = 0; i < s->questions && result == 0; i++) {
        question_draw(&question, scene, (uint64_t)i);
        opa_json_begin_object(s->w);
        key_string(s->w, "id", question_id(id, scene, (uint64_t)i));
        key_string(s->w, "image", image);
        key_string(s->w, "prompt", question.text);
        opa_json_end_object(s->w);
        result = put_json_line(s->cli, s->asked, "questions.jsonl", s->w);
    }
    return result;
}

static int write_png(struct scenes *s, const char *name, const uint8_t pixels[PICTURE_BYTES])
{
    size_t size;
    uint8_t *png = picture_png(&size, pixels);
    if (png == NULL)
        return cli_error(s->cli, EXIT_IO, "out of memory");
    FILE *file = create_file(s->cli, s->out, name);
    int result = EXIT_CREATE;
    if (file != NULL) {
        fwrite(png, 1, size, file);
        result = close_file(s->cli, file, name, 0);
    }
    free(png);
    return result;
}

static int one_scene(struct scenes *s, uint32_t number)
{
    struct scene scene;
    uint8_t pixels[PICTURE_BYTES];
    char id[SCENE_ID_SIZE], name[SCENE_ID_SIZE + 4];
    scene_draw(&scene, s->seed, number);
    picture_draw(pixels, &scene);
    snprintf(name, sizeof name, "%s.png", scene_id(id, &scene));
    if (s->pixels != NULL)
        fwrite(pixels, 1, sizeof pixels, s->pixels);
    int result = s->pixels != NULL ? 0 : write_png(s, name, pixels);
    if (result == 0)
        result = write_line(s, &scene, s->pixels ? NULL : name);
    return result == 0 && s->asked != NULL ? write_prompts(s, &scene, name) : result;
}

static int all_scenes(struct scenes *s)
{
    struct progress progress;
    int result = 0;
    progress_start(&progress, s->cli);
    for (int64_t i = 0; i < s->count && result == 0; i++) {
        result = one_scene(s, (uint32_t)(s->first + i));
        progress_show(&progress,
                      &(opa_progress){.stage = "draw", .items = i + 1, .items_total = s->count, .bytes_total = -1});
    }
    progress_clear(s->cli);
    return result;
}

static int open_and_draw(struct scenes *s)
{
    if (mkdir(s->out, 0777) != 0 && errno != EEXIST)
        return cli_error(s->cli, EXIT_CREATE, "%s: %s", s->out, strerror(errno));
    if ((s->lines = create_file(s->cli, s->out, "scenes.jsonl")) == NULL)
        return EXIT_CREATE;
    int result = 0;
    if (s->raw && (s->pixels = create_file(s->cli, s->out, "pictures.u8")) == NULL)
        result = EXIT_CREATE;
    if (!s->raw && s->questions > 0 && (s->asked = create_file(s->cli, s->out, "questions.jsonl")) == NULL)
        result = EXIT_CREATE;
    if (result == 0 && opa_json_writer_new(s->cli->ctx, &s->w) != OPA_OK)
        result = cli_error(s->cli, EXIT_IO, "out of memory");
    if (result == 0)
        result = all_scenes(s);
    opa_json_writer_free(s->w);
    if (s->pixels != NULL)
        result = close_file(s->cli, s->pixels, "pictures.u8", result);
    if (s->asked != NULL)
        result = close_file(s->cli, s->asked, "questions.jsonl", result);
    return close_file(s->cli, s->lines, "scenes.jsonl", result);
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct scenes s = {.cli = cli, .seed = 200, .count = 1, .fillers = FILLERS};
    const struct flag flags[] = {
        {"seed", 0, FLAG_U64, &s.seed},           {"first", 0, FLAG_COUNT, &s.first},
        {"count", 0, FLAG_COUNT, &s.count},       {"output", 'o', FLAG_TEXT, &s.out},
        {"captions", 0, FLAG_COUNT, &s.captions}, {"questions", 0, FLAG_COUNT, &s.questions},
        {"fillers", 0, FLAG_COUNT, &s.fillers},   {"raw", 0, FLAG_SWITCH, &s.raw},
    };
    int go = cli_options(cli, argc, argv, flags, sizeof flags / sizeof *flags);
    if (go != GO_ON || (go = cli_arguments(cli, 0, 0, "options only")) != GO_ON)
        return go;
    if (s.out == NULL)
        return cli_usage(cli, "where to? give -o DIR");
    if (s.first + s.count > SCENES_MOST)
        return cli_usage(cli, "--first, --count: a world has %d scenes", SCENES_MOST);
    if (s.fillers > 100)
        return cli_usage(cli, "--fillers: %lld is more than 100 per cent", (long long)s.fillers);
    return open_and_draw(&s);
}

const struct command cmd_scenes = {
    .name = "scenes",
    .summary = "draw pictures, with what is in them",
    .help =
        "Example: microworld scenes --seed 200 --count 2400 -o pictures/\n"
        "         microworld scenes --seed 100 --count 40000 --captions 8 --questions 4 --raw -o train/\n\n"
        "Usage: microworld scenes [--seed N] [--first N] [--count N] -o DIR\n\n"
        "Writes DIR/ID.png, 56 x 56, and DIR/scenes.jsonl, a line a scene: id, image and prompt, as opatrain generate\n"
        "--prompts wants them, and the truth: context, objects, a true description.\n\n"
        "  --seed N          which world (200)\n"
        "  --first N         the number of the first scene (0); seed and number say all about a scene\n"
        "  --count N         how many (1)\n"
        "  -o, --output DIR  where to; made when it is not there\n"
        "  --captions N      for each scene, N captions as the web writes them (0)\n"
        "  --fillers PERCENT how often a caption that ran out of what there is goes on with what is not (70)\n"
        "  --questions N     for each scene, N questions of yes or no with true answers, in turn about what is\n"
        "                    there and what is not (0); also DIR/questions.jsonl, a prompt each, unless --raw\n"
        "  --raw             one file pictures.u8 instead of PNG files: bytes of [count][56][56][3]\n",
    .run = run,
};
