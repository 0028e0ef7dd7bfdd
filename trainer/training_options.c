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

/* A member's name as an option's: of lower-case letters, digits, '-' and '_', which stands for '-'. */
static bool read_name(char out[64], opa_text key)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t n = 0;
    for (; n < key.size && n < 63 && key.data[n] != '\0' && strchr(letters, key.data[n]) != NULL; n++)
        out[n] = (char)(key.data[n] == '_' ? '-' : key.data[n]);
    out[n] = '\0';
    return n > 0 && n == key.size && out[0] != '-' && strcmp(out, "config") != 0;
}

static bool takes_value(const struct config_arguments *c, const char *name)
{
    for (size_t i = 0; i < c->flag_count; i++) {
        if (strcmp(c->flags[i].name, name) == 0)
            return c->flags[i].kind != FLAG_SWITCH;
    }
    return false; /* an unknown one is refused with the others of the command line */
}

/* What stands behind "--NAME": "=VALUE", or "" for a switch that is true; *given: anything does. */
static int read_value(struct trainer *t, opa_text *out, bool *given, const struct config_arguments *c,
                      const struct cJSON *member, const char *name)
{
    struct fields f = {t, c->file->doc, opa_json_root(c->file->doc), c->path, OPA_OK};
    *out = (opa_text){NULL, 0};
    *given = !opa_json_is_null(member);
    if (!*given)
        return OPA_OK;
    if (opa_json_text(c->file->doc, member, out) || opa_json_lexeme(c->file->doc, member, out)) {
        if (memchr(out->data, '\0', out->size) != NULL)
            fields_fail(&f, OPA_EDATA, "%s: a text with a NUL", name);
        return f.status;
    }
    if (json_is_object(member) || json_is_array(member))
        fields_fail(&f, OPA_EDATA, "%s: neither a number, a text, true nor false", name);
    else if (takes_value(c, name))
        fields_fail(&f, OPA_EDATA, "%s: wants a value, not true or false", name);
    else
        *given = json_is_true(member);
    return f.status;
}

/* "--NAME=VALUE" of a member; *out NULL: a switch that is false, or null. */
static int make_argument(struct trainer *t, char **out, const struct config_arguments *c, const struct cJSON *member)
{
    const opa_text key = opa_json_key(c->file->doc, member);
    char name[64];
    opa_text value;
    bool given;
    *out = NULL;
    if (!read_name(name, key))
        return trainer_fail(t, OPA_EDATA, "%s: '%.*s' is no option that a file can give", c->path,
                            (int)(key.size < 60 ? key.size : 60), key.data);
    const int status = read_value(t, &value, &given, c, member, name);
    if (status != OPA_OK || !given)
        return status;
    const size_t size = strlen(name) + value.size + 4;
    *out = malloc(size);
    if (*out == NULL)
        return trainer_fail_memory(t);
    snprintf(*out, size, value.data ? "--%s=%.*s" : "--%s", name, (int)value.size, value.data);
    return OPA_OK;
}

static int add_members(struct trainer *t, struct config_arguments *out)
{
    for (const struct cJSON *member = json_first(opa_json_root(out->file->doc)); member != NULL;
         member = json_next(member)) {
        char *argument;
        const int status = make_argument(t, &argument, out, member);
        if (status != OPA_OK)
            return status;
        if (argument != NULL)
            out->argv[out->argc++] = out->made[out->made_count++] = argument;
    }
    return OPA_OK;
}

static int read_config(struct trainer *t, struct config_arguments *out, int argc)
{
    const int status = json_file_open_exact(t, out->file, out->path);
    if (status != OPA_OK)
        return status;
    const size_t members = json_count(opa_json_root(out->file->doc));
    out->argv = calloc((size_t)argc + members + 2, sizeof *out->argv);
    out->made = calloc(members + 1, sizeof *out->made);
    return out->argv && out->made ? OPA_OK : trainer_fail_memory(t);
}

int config_arguments(struct cli *cli, struct trainer *t, struct config_arguments *out, int argc, char **argv,
                     const struct flag *flags, size_t flag_count)
{
    *out = (struct config_arguments){
        .path = find_config(argc, argv), .flags = flags, .flag_count = flag_count, .argv = argv, .argc = argc};
    if (out->path == NULL)
        return GO_ON;
    t->opa = cli->ctx;
    out->file = calloc(1, sizeof *out->file);
    out->argv = NULL;
    out->argc = 0;
    int status = out->file ? read_config(t, out, argc) : trainer_fail_memory(t);
    if (status == OPA_OK) {
        out->argv[out->argc++] = argv[0];
        status = add_members(t, out);
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
