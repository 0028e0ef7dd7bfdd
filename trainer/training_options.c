/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
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

/* One reading of the file, passed to its steps. */
struct reading {
    struct trainer *t;
    const char *path;
    const opa_json *doc;
    const struct flag *flags;
    size_t flag_count;
};

/* The option of a member's name, in which '_' stands for '-', too. NULL: none that a file can give. */
static const struct flag *flag_of(const struct reading *r, opa_text key)
{
    char name[64];
    size_t n = 0;
    for (; n < key.size && n < sizeof name - 1; n++)
        name[n] = (char)(key.data[n] == '_' ? '-' : key.data[n]);
    name[n] = '\0';
    for (size_t i = 0; n == key.size && i < r->flag_count; i++) {
        if (strlen(r->flags[i].name) == n && memcmp(r->flags[i].name, name, n) == 0)
            return strcmp(name, "config") == 0 ? NULL : &r->flags[i];
    }
    return NULL;
}

static int refuse(const struct reading *r, const struct flag *flag, const char *why)
{
    return trainer_fail(r->t, OPA_EINVAL, "%s: %s: %s", r->path, flag->name, why);
}

/* What stands behind "--NAME=". Whole numbers may be written as 16.0 or 1e1. */
static int read_value(const struct reading *r, char out[1024], const struct flag *flag, const struct cJSON *member)
{
    opa_text text;
    double x;
    if (json_is_object(member) || json_is_array(member))
        return refuse(r, flag, "neither a number, a text, true nor false");
    if (opa_json_text(r->doc, member, &text)) {
        if (memchr(text.data, '\0', text.size) != NULL)
            return refuse(r, flag, "a text with a NUL");
        if (text.size >= 1024)
            return refuse(r, flag, "a text of more than 1,023 bytes");
        snprintf(out, 1024, "%.*s", (int)text.size, text.data);
        return OPA_OK;
    }
    if (!opa_json_lexeme(r->doc, member, &text))
        return refuse(r, flag, "wants a value, not true or false");
    const bool whole =
        flag->kind == FLAG_COUNT && opa_json_number(r->doc, member, &x) && x == floor(x) && fabs(x) < 1e15;
    if (whole)
        snprintf(out, 1024, "%.0f", x);
    else
        snprintf(out, 1024, "%.*s", (int)(text.size < 1023 ? text.size : 1023), text.data);
    return OPA_OK;
}

/* "--NAME=VALUE" of a member; *out NULL: a switch that is false, or null, which gives nothing. */
static int make_argument(const struct reading *r, char **out, const struct cJSON *member)
{
    const opa_text key = opa_json_key(r->doc, member);
    const struct flag *flag = flag_of(r, key);
    char value[1024], line[1100];
    int status = OPA_OK;
    *out = NULL;
    if (flag == NULL)
        return trainer_fail(r->t, OPA_EINVAL, "%s: '%.*s' is no option that a file can give", r->path,
                            (int)(key.size < 60 ? key.size : 60), key.data);
    if (opa_json_is_null(member))
        return OPA_OK;
    if (flag->kind == FLAG_SWITCH) {
        if (!json_is_true(member))
            return json_is_false(member) ? OPA_OK : refuse(r, flag, "neither true nor false");
        snprintf(line, sizeof line, "--%s", flag->name);
    } else {
        status = read_value(r, value, flag, member);
        snprintf(line, sizeof line, "--%s=%s", flag->name, status == OPA_OK ? value : "");
    }
    if (status == OPA_OK && (*out = strdup(line)) == NULL)
        status = trainer_fail_memory(r->t);
    return status;
}

static int make_arguments(const struct reading *r, struct config_arguments *out)
{
    const struct cJSON *root = opa_json_root(r->doc);
    out->argv = calloc(json_count(root) + 2, sizeof *out->argv);
    int status = out->argv ? OPA_OK : trainer_fail_memory(r->t);
    for (const struct cJSON *member = json_first(root); member != NULL && status == OPA_OK;
         member = json_next(member)) {
        status = make_argument(r, &out->argv[1 + out->count], member);
        out->count += out->argv[1 + out->count] != NULL;
    }
    return status;
}

/* As if they stood on the command line; what is said of them names the file. */
static int set_flags(struct cli *cli, const struct reading *r, struct config_arguments *c, char *program)
{
    char said[1024] = "", *const before = cli->held;
    const size_t size = cli->held_size;
    c->argv[0] = program;
    cli->held = said;
    cli->held_size = sizeof said;
    const int go = cli_options(cli, 1 + c->count, c->argv, r->flags, r->flag_count);
    cli->held = before;
    cli->held_size = size;
    c->argv[0] = NULL;
    return go == GO_ON ? GO_ON : cli_error(cli, go, "--config %s: %s", r->path, said);
}

int config_arguments(struct cli *cli, struct trainer *t, struct config_arguments *out, int argc, char **argv,
                     const struct flag *flags, size_t flag_count)
{
    struct reading r = {.t = t, .path = find_config(argc, argv), .flags = flags, .flag_count = flag_count};
    struct json_file file = {.doc = NULL};
    char *bytes;
    size_t size;
    *out = (struct config_arguments){.argv = NULL};
    if (r.path == NULL)
        return GO_ON;
    int go = read_file(cli, &bytes, &size, r.path);
    if (go != 0)
        return go;
    t->opa = cli->ctx;
    int status = json_file_parse_exact(t, &file, (opa_text){bytes, size}, r.path);
    r.doc = file.doc;
    if (status == OPA_OK)
        status = make_arguments(&r, out);
    go = status == OPA_OK ? set_flags(cli, &r, out, argv[0])
                          : cli_error(cli, cli_exit_of(status), "--config: %s", t->message);
    json_file_release(&file);
    free(bytes);
    return go;
}

void config_arguments_release(struct config_arguments *c)
{
    for (int i = 0; i < c->count; i++)
        free(c->argv[1 + i]);
    free(c->argv);
    *c = (struct config_arguments){0};
}
