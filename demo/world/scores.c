/* SPDX-License-Identifier: Apache-2.0 */
#include "scores.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "lines.h"

struct reading {
    struct cli *cli;
    const char *path, *role;
    score_fn fn;
    void *user;
    double *logprobs;
    size_t capacity;
};

static int read_numbers(struct reading *r, const opa_json *doc, int64_t line, const cJSON *list, size_t *count)
{
    *count = 0;
    for (const cJSON *item = list->child; item != NULL; item = item->next) {
        if (*count == r->capacity) {
            const size_t most = r->capacity ? 2 * r->capacity : 256;
            double *grown = realloc(r->logprobs, most * sizeof *grown);
            if (grown == NULL)
                return cli_error(r->cli, EXIT_IO, "out of memory");
            r->logprobs = grown;
            r->capacity = most;
        }
        if (!opa_json_number(doc, item, &r->logprobs[(*count)++]))
            return cli_error(r->cli, EXIT_DATA, "%s:%lld: a log-prob is no number", r->path, (long long)line);
    }
    return 0;
}

static int on_line(void *user, const opa_json *doc, int64_t line)
{
    struct reading *r = user;
    const cJSON *root = opa_json_root(doc);
    opa_text id;
    size_t count;
    if (!opa_json_text(doc, opa_json_get(root, "id"), &id))
        return cli_error(r->cli, EXIT_DATA, "%s:%lld: no id", r->path, (long long)line);
    const cJSON *list = opa_json_get(opa_json_get(opa_json_get(root, "responses"), r->role), "logprobs");
    if (list == NULL)
        return 0;
    const int result = read_numbers(r, doc, line, list, &count);
    return result != 0 ? result : r->fn(r->user, id, r->logprobs, count);
}

int each_score(struct cli *cli, const char *path, const char *role, score_fn fn, void *user)
{
    struct reading r = {.cli = cli, .path = path, .role = role, .fn = fn, .user = user};
    const int result = each_line(cli, path, on_line, &r);
    free(r.logprobs);
    return result;
}
