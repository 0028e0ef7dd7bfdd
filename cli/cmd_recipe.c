/* SPDX-License-Identifier: Apache-2.0 */
#include "inputs.h"

#include <string.h>

/* Bytes from a bracket to its partner, both included. */
static size_t bracket_span(const char *s, size_t size)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        if (quoted && s[i] == '\\')
            i++;
        else if (s[i] == '"')
            quoted = !quoted;
        else if (!quoted && (s[i] == '{' || s[i] == '['))
            depth++;
        else if (!quoted && (s[i] == '}' || s[i] == ']') && --depth == 0)
            return i + 1;
    }
    return size;
}

/* Documents come on one line; people edit recipes. What fits a line stays on it. @p json is valid. */
static void print_indented(struct cli *cli, opa_text json)
{
    enum { LINE = 100, STEP = 2 };
    size_t depth = 0, flat_until = 0;
    bool quoted = false;
    for (size_t i = 0; i < json.size; i++) {
        const char c = json.data[i];
        const bool open = !quoted && (c == '{' || c == '['), close = !quoted && (c == '}' || c == ']');
        if (open && i >= flat_until && i > 0) {
            const size_t span = bracket_span(json.data + i, json.size - i);
            flat_until = depth * STEP + span <= LINE ? i + span : flat_until;
        }
        const bool broken = i >= flat_until;
        depth += open && broken;
        depth -= close && broken && depth > 0;
        if (close && broken)
            out_printf(cli, "\n%*s", (int)(depth * STEP), "");
        out_bytes(cli, &c, 1);
        if ((open || (c == ',' && !quoted)) && broken)
            out_printf(cli, "\n%*s", (int)(depth * STEP), "");
        else if (!quoted && (c == ':' || c == ','))
            out_bytes(cli, " ", 1);
        if (quoted && c == '\\')
            out_bytes(cli, &json.data[++i], 1);
        else if (c == '"')
            quoted = !quoted;
    }
    out_bytes(cli, "\n", 1);
}

static int list(struct cli *cli)
{
    size_t count;
    const opa_recipe_builtin *recipes = opa_recipe_builtins(&count);
    for (size_t i = 0; i < count; i++)
        out_printf(cli, "%-18s %s%s\n", recipes[i].name, recipes[i].description, i == 0 ? " (the default)" : "");
    return EXIT_DONE;
}

static int print_file(struct cli *cli, const char *path)
{
    opa_recipe *recipe;
    const int result = recipe_open(cli, &recipe, path);
    if (result != 0)
        return result;
    print_indented(cli, opa_recipe_json(recipe));
    opa_recipe_free(recipe);
    return EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
    int go = cli_options(cli, argc, argv, NULL, 0);
    if (go != GO_ON || (go = cli_arguments(cli, 0, 1, "at most one recipe")) != GO_ON)
        return go;
    if (cli->arg_count == 0)
        return list(cli);
    size_t count;
    const opa_recipe_builtin *recipes = opa_recipe_builtins(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(recipes[i].name, cli->args[0]) != 0)
            continue;
        print_indented(cli, text_of(recipes[i].json));
        return EXIT_DONE;
    }
    return print_file(cli, cli->args[0]);
}

const struct command cmd_recipe = {
    .name = "recipe",
    .summary = "list the built-in recipes, or print one",
    .help = "Example: opapairs recipe opa-dpo > mine.json   # change it, and pack with --recipe mine.json\n\n"
            "Usage: opapairs recipe [NAME|FILE]\n\n"
            "Without a name lists the built-in recipes; with a built-in one prints its document; with a file\n"
            "('-': standard input) checks it and prints it with every default written out. 'opapairs schema recipe' "
            "explains the\n"
            "fields.\n",
    .run = run,
};
