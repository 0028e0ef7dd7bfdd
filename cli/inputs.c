/* SPDX-License-Identifier: Apache-2.0 */
#include "inputs.h"

#include <stdlib.h>
#include <string.h>

/* All of standard input, owned by the caller. */
static int read_input(struct cli *cli, opa_text *out)
{
    char *bytes;
    size_t size;
    const int result = read_file(cli, &bytes, &size, "-");
    *out = (opa_text){bytes, size};
    return result;
}

static void free_input(opa_text input)
{
    union {
        const char *from;
        char *to;
    } bytes = {input.data};
    free(bytes.to);
}

int recipe_open(struct cli *cli, opa_recipe **out, const char *name)
{
    *out = NULL;
    if (name == NULL || strcmp(name, "-") != 0) {
        const int status = opa_recipe_open(cli->ctx, out, name);
        return status == OPA_OK ? 0 : cli_fail(cli, status, name);
    }
    opa_text json;
    const int result = read_input(cli, &json);
    if (result != 0)
        return result;
    const int status = opa_recipe_parse(cli->ctx, out, json);
    free_input(json);
    return status == OPA_OK ? 0 : cli_fail(cli, status, "standard input");
}

int tokenizer_open(struct cli *cli, opa_tokenizer **out, const char *path)
{
    *out = NULL;
    if (strcmp(path, "-") != 0) {
        const int status = opa_tokenizer_open(cli->ctx, out, path);
        return status == OPA_OK ? 0 : cli_fail(cli, status, path);
    }
    opa_text bytes;
    const int result = read_input(cli, &bytes);
    if (result != 0)
        return result;
    const int status = opa_tokenizer_parse(cli->ctx, out, bytes);
    free_input(bytes);
    return status == OPA_OK ? 0 : cli_fail(cli, status, "standard input");
}
