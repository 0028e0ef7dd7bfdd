/* SPDX-License-Identifier: Apache-2.0 */
#include "answers.h"

#include <stdlib.h>
#include <string.h>

#include "lines.h"

struct answering {
    struct cli *cli;
    const char *path;
    answer_fn answer;
    void *user;
};

static int answer_of_line(void *user, const opa_json *doc, int64_t line)
{
    const struct answering *a = user;
    const struct cJSON *root = opa_json_root(doc);
    opa_text id, text;
    if (opa_json_text(doc, opa_json_get(root, "id"), &id) && opa_json_text(doc, opa_json_get(root, "text"), &text))
        return a->answer(a->user, id, text, line);
    return cli_error(a->cli, EXIT_DATA, "%s:%lld: no answer with an id and a text, as opatrain generate writes them",
                     a->path, (long long)line);
}

int each_answer(struct cli *cli, const char *path, answer_fn answer, void *user)
{
    struct answering answering = {cli, path, answer, user};
    return each_line(cli, path, answer_of_line, &answering);
}

struct reading {
    struct cli *cli;
    struct answers *out;
    const char *path;
};

static int add(struct reading *r, opa_text id, opa_text text, const struct scene *scene)
{
    struct answers *a = r->out;
    if (a->count == a->capacity) {
        const size_t most = a->capacity ? 2 * a->capacity : 1024;
        struct said *grown = realloc(a->of, most * sizeof *grown);
        if (grown == NULL)
            return cli_error(r->cli, EXIT_IO, "out of memory");
        a->of = grown;
        a->capacity = most;
    }
    struct said *said = &a->of[a->count];
    *said = (struct said){.id = strndup(id.data, id.size), .bytes = malloc(text.size + 1), .scene = *scene};
    a->count++;
    if (said->id == NULL || said->bytes == NULL)
        return cli_error(r->cli, EXIT_IO, "out of memory");
    memcpy(said->bytes, text.data, text.size);
    said->text = (opa_text){said->bytes, text.size};
    return 0;
}

static int on_answer(void *user, opa_text id, opa_text text, int64_t line)
{
    struct reading *r = user;
    struct scene scene;
    if (!scene_of_id(&scene, id))
        return cli_error(r->cli, EXIT_DATA,
                         "%s:%lld: '%.*s' is no picture of this world: scene-SEED-NUMBER was expected", r->path,
                         (long long)line, (int)id.size, id.data);
    return add(r, id, text, &scene);
}

int answers_read(struct cli *cli, struct answers *out, const char *path)
{
    struct reading reading = {cli, out, path};
    return each_answer(cli, path, on_answer, &reading);
}

void answers_release(struct answers *a)
{
    for (size_t i = 0; i < a->count; i++) {
        free(a->of[i].id);
        free(a->of[i].bytes);
    }
    free(a->of);
    *a = (struct answers){0};
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct said *)a)->id, ((const struct said *)b)->id);
}

void answers_sort(struct answers *a)
{
    if (a->count > 0)
        qsort(a->of, a->count, sizeof *a->of, by_id);
}

struct measures answers_measure(const struct answers *a)
{
    struct tally tally = {0};
    for (size_t i = 0; i < a->count; i++)
        tally_add(&tally, &a->of[i].scene, a->of[i].text);
    return tally_measures(&tally);
}

bool answers_outcomes(struct outcome *out, const struct answers *a, const struct answers *order)
{
    for (size_t i = 0; i < order->count; i++) {
        const struct said *said = answers_find(a, text_of(order->of[i].id));
        struct tally unused = {0};
        if (said == NULL)
            return false;
        out[i] = tally_add(&unused, &said->scene, said->text);
    }
    return true;
}

const struct said *answers_find(const struct answers *a, opa_text id)
{
    size_t low = 0, high = a->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = text_compare(text_of(a->of[middle].id), id);
        if (order == 0)
            return &a->of[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
