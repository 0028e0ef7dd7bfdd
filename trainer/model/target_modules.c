/* SPDX-License-Identifier: Apache-2.0 */
#include "model/target_modules.h"

#include <stdio.h>
#include <string.h>

struct expression {
    char *text;
    size_t size;
};

static void append(struct expression *e, const char *text)
{
    const size_t room = TARGET_MODULES_SIZE - e->size;
    const int n = snprintf(e->text + e->size, room, "%s", text);
    e->size += n > 0 && (size_t)n < room ? (size_t)n : 0;
}

static void append_literally(struct expression *e, const char *text)
{
    for (; *text != '\0'; text++)
        append(e, *text == '.' ? "\\." : (const char[]){*text, '\0'});
}

static const char *leaf_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

/* Is there an earlier module of the part with the same last name? */
static bool seen(const struct module_name *modules, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (modules[k].part == modules[i].part && strcmp(leaf_of(modules[k].rest), leaf_of(modules[i].rest)) == 0)
            return true;
    }
    return false;
}

static void append_part(struct expression *e, enum spelling spelling, enum part part, const struct module_name *modules,
                        size_t count)
{
    char path[256];
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        if (modules[i].part != part || seen(modules, i))
            continue;
        if (first) {
            append(e, e->size > 0 ? "|" : "");
            append_literally(e, name_prefix(spelling, part));
            append_literally(e, part == PART_TEXT ? "layers." : ""); /* original LLaVA: "model." is the tower's, too */
        }
        append(e, first ? "(.*\\.)?(" : "|");
        name_spell(path, sizeof path, spelling, part, modules[i].rest);
        append_literally(e, leaf_of(path));
        first = false;
    }
    append(e, first ? "" : ")");
}

void target_modules(char out[TARGET_MODULES_SIZE], enum spelling spelling, const struct module_name *modules,
                    size_t count)
{
    struct expression e = {out, 0};
    out[0] = '\0';
    for (int part = 0; part < PART_COUNT; part++)
        append_part(&e, spelling, (enum part)part, modules, count);
}
