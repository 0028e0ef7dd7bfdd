/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "json_fields.h"
#include "training.h"

void training_flags(struct training *tr, struct flag *flags)
{
    struct training_options *o = &tr->options;
    const struct flag own[TRAINING_FLAGS - RUN_FLAGS] = {
        {"config", 0, FLAG_TEXT, &o->config},
        {"targets", 0, FLAG_TEXT, &o->targets},
        {"rank", 0, FLAG_COUNT, &o->rank},
        {"alpha", 0, FLAG_REAL, &o->alpha},
        {"epochs", 0, FLAG_COUNT, &o->epochs},
        {"batch", 0, FLAG_COUNT, &o->batch},
        {"micro-tokens", 0, FLAG_COUNT, &o->micro_tokens},
        {"lr", 0, FLAG_REAL, &o->lr},
        {"schedule", 0, FLAG_TEXT, &o->schedule},
        {"warmup", 0, FLAG_REAL, &o->warmup},
        {"weight-decay", 0, FLAG_REAL, &o->weight_decay},
        {"clip", 0, FLAG_REAL, &o->clip},
        {"bf16-moments", 0, FLAG_SWITCH, &o->bf16_moments},
        {"eval", 0, FLAG_TEXT, &o->eval},
        {"save-every", 0, FLAG_COUNT, &o->save_every},
        {"keep", 0, FLAG_COUNT, &o->keep},
    };
    run_flags(&tr->run, flags);
    memcpy(flags + RUN_FLAGS, own, sizeof own);
}

/* ---- --config ---- */

/* The value of --config in the arguments, or NULL. The last one counts. */
static const char *find_config(int argc, char **argv)
{
    const char *path = NULL;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--config=", 9) == 0)
            path = argv[i] + 9;
        else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            path = argv[++i];
    }
    return path;
}

/* "--NAME=VALUE" of a member; *out NULL: a switch that is false. */
static int make_argument(struct trainer *t, char **out, const struct json_file *file, const struct cJSON *member,
                         const char *path)
{
    const opa_text key = opa_json_key(file->doc, member);
    struct fields f = {t, file->doc, opa_json_root(file->doc), path, OPA_OK};
    char name[64];
    opa_text value = {NULL, 0};
    snprintf(name, sizeof name, "%.*s", (int)(key.size < 60 ? key.size : 60), key.data);
    *out = NULL;
    if (!opa_json_text(file->doc, member, &value) && !opa_json_lexeme(file->doc, member, &value)) {
        if (!fields_bool(&f, name, false))
            return f.status;
    }
    for (char *c = name; *c != '\0'; c++)
        *c = *c == '_' ? '-' : *c;
    const size_t size = strlen(name) + value.size + 4;
    *out = malloc(size);
    if (*out == NULL)
        return trainer_fail_memory(t);
    snprintf(*out, size, value.data ? "--%s=%.*s" : "--%s", name, (int)value.size, value.data);
    return OPA_OK;
}

static int add_members(struct trainer *t, struct config_arguments *out, const char *path)
{
    for (const struct cJSON *member = json_first(opa_json_root(out->file->doc)); member != NULL;
         member = json_next(member)) {
        char *argument;
        const int status = make_argument(t, &argument, out->file, member, path);
        if (status != OPA_OK)
            return status;
        if (argument != NULL)
            out->argv[out->argc++] = out->made[out->made_count++] = argument;
    }
    return OPA_OK;
}

static int read_config(struct trainer *t, struct config_arguments *out, int argc, const char *path)
{
    const int status = json_file_open(t, out->file, path);
    if (status != OPA_OK)
        return status;
    const size_t members = json_count(opa_json_root(out->file->doc));
    out->argv = calloc((size_t)argc + members + 2, sizeof *out->argv);
    out->made = calloc(members + 1, sizeof *out->made);
    return out->argv && out->made ? OPA_OK : trainer_fail_memory(t);
}

int config_arguments(struct cli *cli, struct trainer *t, struct config_arguments *out, int argc, char **argv)
{
    const char *path = find_config(argc, argv);
    *out = (struct config_arguments){.argv = argv, .argc = argc};
    if (path == NULL)
        return GO_ON;
    t->opa = cli->ctx;
    out->file = calloc(1, sizeof *out->file);
    out->argv = NULL;
    out->argc = 0;
    int status = out->file ? read_config(t, out, argc, path) : trainer_fail_memory(t);
    if (status == OPA_OK) {
        out->argv[out->argc++] = argv[0];
        status = add_members(t, out, path);
    }
    if (status != OPA_OK)
        return cli_error(cli, cli_exit_of(status), "--config: %s", t->message);
    for (int i = 1; i < argc; i++)
        out->argv[out->argc++] = argv[i];
    return GO_ON;
}

void config_arguments_release(struct config_arguments *c)
{
    for (int i = 0; i < c->made_count; i++)
        free(c->made[i]);
    if (c->file != NULL) {
        free(c->argv);
        json_file_release(c->file);
    }
    free(c->made);
    free(c->file);
    *c = (struct config_arguments){0};
}
