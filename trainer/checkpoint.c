/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checksum.h"
#include "durable.h"
#include "json_fields.h"
#include "safetensors_write.h"

/* ---- folders ---- */

/* The number of "step-000120", or -1. */
static int64_t step_of(const char *name)
{
    char *end;
    if (strncmp(name, "step-", 5) != 0 || name[5] < '0' || name[5] > '9')
        return -1;
    const long long step = strtoll(name + 5, &end, 10);
    return *end == '\0' ? step : -1;
}

static char *step_path(const struct run_folder *f, int64_t step)
{
    char name[40];
    snprintf(name, sizeof name, "step-%06lld", (long long)step);
    return path_join(f->checkpoints, name);
}

/* The highest step below @p below; *count: how many there are below it. */
static int64_t newest(const struct run_folder *f, int64_t below, size_t *count)
{
    int64_t best = -1;
    DIR *dir = opendir(f->checkpoints);
    *count = 0;
    if (dir == NULL)
        return -1;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        const int64_t step = step_of(entry->d_name);
        if (step < 0 || step >= below)
            continue;
        ++*count;
        best = step > best ? step : best;
    }
    closedir(dir);
    return best;
}

int run_folder_open(struct trainer *t, struct run_folder *out, const char *path, size_t keep)
{
    size_t count;
    *out = (struct run_folder){.path = strdup(path), .keep = keep, .step = -1, .lock = -1};
    out->checkpoints = path_join(path, "checkpoints");
    char *result = path_join(path, "adapter_model.safetensors");
    const char *holds = folder_holds(path);
    int status = out->path && out->checkpoints && result ? OPA_OK : trainer_fail_memory(t);
    if (status == OPA_OK && holds != NULL)
        status = trainer_fail(t, OPA_ECREATE, "%s holds %s: choose another -o", path, holds);
    if (status == OPA_OK)
        status = folder_make(t, path);
    if (status == OPA_OK) {
        out->step = newest(out, INT64_MAX, &count);
        out->finished = path_exists(result);
    }
    free(result);
    return status;
}

void run_folder_release(struct run_folder *f)
{
    if (f->path != NULL && f->lock >= 0)
        close(f->lock);
    free(f->path);
    free(f->checkpoints);
    *f = (struct run_folder){0};
}

int run_folder_lock(struct trainer *t, struct run_folder *f)
{
    f->lock = open(f->path, O_RDONLY | O_CLOEXEC);
    if (f->lock >= 0 && flock(f->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return trainer_fail(t, OPA_EBUSY, "%s: another opatrain is writing there", f->path);
    return OPA_OK;
}

/* Only the newest stay. A kill in here leaves older ones, whole or not, that nobody reads. */
static void prune(const struct run_folder *f)
{
    size_t count;
    int64_t step = newest(f, INT64_MAX, &count);
    for (size_t kept = 0; step >= 0; kept++) {
        char *path = kept >= f->keep ? step_path(f, step) : NULL;
        if (path != NULL)
            folder_remove(path);
        free(path);
        step = newest(f, step, &count);
    }
}

/* ---- the optimiser's file ---- */

static ops_matrix moment(const struct optimiser *o, const void *data)
{
    return (ops_matrix){data, 1, o->count, o->count, o->options.bf16_moments ? OPS_BF16 : OPS_F32};
}

static int save_optimiser(struct trainer *t, const char *dir, const struct optimiser *o)
{
    struct tensor_out tensors[] = {{"m", moment(o, o->m), true}, {"v", moment(o, o->v), true}};
    static const struct tensor_note format = {"format", "pt"};
    char *path = path_join(dir, "optimiser.safetensors");
    const int status = path ? safetensors_write(t, path, tensors, 2, &format, 1) : trainer_fail_memory(t);
    free(path);
    return status;
}

static int copy_moments(struct trainer *t, const char *path, struct optimiser *o, const struct safetensors *st)
{
    const struct tensor *m = safetensors_find(st, "m"), *v = safetensors_find(st, "v");
    const size_t bytes = optimiser_moment_bytes(o);
    if (m == NULL || v == NULL || m->size != bytes || v->size != bytes)
        return trainer_fail(t, OPA_EDATA, "%s: moments of another run", path);
    memcpy(o->m, m->data, bytes);
    memcpy(o->v, v->data, bytes);
    return OPA_OK;
}

static int load_optimiser(struct trainer *t, const char *dir, struct optimiser *o)
{
    struct safetensors *st = NULL;
    char *path = path_join(dir, "optimiser.safetensors");
    int status = path ? safetensors_open(t, &st, path, "") : trainer_fail_memory(t);
    if (status == OPA_OK)
        status = copy_moments(t, path, o, st);
    safetensors_free(st);
    free(path);
    return status;
}

/* ---- state.json ---- */

static const char *const summed[] = {"adapter_config.json", "adapter_model.safetensors", "optimiser.safetensors"};
enum { SUMMED = sizeof summed / sizeof *summed, SUM_SIZE = 17, STATE_SIZE = 400 };

struct state {
    int64_t step;
    struct run_sizes sizes;
    char sums[SUMMED][SUM_SIZE]; /* of the files beside it: their own formats would not notice a bit that fell over */
};

static void write_sum(char out[SUM_SIZE], uint64_t sum)
{
    snprintf(out, SUM_SIZE, "%016llx", (unsigned long long)sum);
}

/* All of the document but its own sum, which is of these bytes, and the closing bracket. */
static size_t write_state(char out[STATE_SIZE], const struct state *s)
{
    const int n =
        snprintf(out, STATE_SIZE,
                 "{\"step\":%lld,\"log\":%llu,\"eval\":%llu,\"sums\":{\"%s\":\"%s\",\"%s\":\"%s\",\"%s\":\"%s\"}",
                 (long long)s->step, (unsigned long long)s->sizes.log, (unsigned long long)s->sizes.eval, summed[0],
                 s->sums[0], summed[1], s->sums[1], summed[2], s->sums[2]);
    return (size_t)n;
}

/* Read in pieces: a mapping would count as memory, and end the program where the disk fails. */
static int sum_of(struct trainer *t, char out[SUM_SIZE], const char *dir, const char *name)
{
    enum { PIECE = 1 << 20 };
    char *path = path_join(dir, name), *piece = malloc(PIECE);
    int status = path && piece ? OPA_OK : trainer_fail_memory(t);
    FILE *file = status == OPA_OK ? fopen(path, "rb") : NULL;
    uint64_t sum = 0;
    if (file != NULL) {
        for (size_t n; (n = fread(piece, 1, PIECE, file)) > 0;)
            sum = checksum(sum, piece, n);
        if (ferror(file))
            status = trainer_fail(t, OPA_EIO, "%s: %s", path, strerror(errno));
        fclose(file);
    } else if (status == OPA_OK) {
        status = trainer_fail(t, errno == ENOENT ? OPA_ENOENT : OPA_EIO, "%s: %s", path, strerror(errno));
    }
    write_sum(out, sum);
    free(piece);
    free(path);
    return status;
}

static int save_state(struct trainer *t, const char *dir, int64_t step, struct run_sizes sizes)
{
    struct state state = {.step = step, .sizes = sizes};
    char text[STATE_SIZE + 40], sum[SUM_SIZE];
    char *path = path_join(dir, "state.json");
    int status = path ? OPA_OK : trainer_fail_memory(t);
    for (size_t i = 0; i < SUMMED && status == OPA_OK; i++)
        status = sum_of(t, state.sums[i], dir, summed[i]);
    if (status == OPA_OK) {
        size_t n = write_state(text, &state);
        write_sum(sum, checksum(0, text, n));
        n += (size_t)snprintf(text + n, sizeof text - n, ",\"sum\":\"%s\"}\n", sum);
        status = durable_file(t, path, text, n);
    }
    free(path);
    return status;
}

static bool read_sum(char out[SUM_SIZE], struct fields *fields, const char *key)
{
    const opa_text said = fields_text(fields, key, "");
    snprintf(out, SUM_SIZE, "%.*s", (int)(said.size < SUM_SIZE ? said.size : SUM_SIZE - 1), said.data);
    return said.size == SUM_SIZE - 1;
}

static int read_state(struct trainer *t, struct state *out, const char *path)
{
    struct json_file file;
    int status = json_file_open(t, &file, path);
    if (status != OPA_OK)
        return status;
    struct fields fields = json_file_fields(t, &file, path), sums = fields_object(&fields, "sums", "sums");
    char said[SUM_SIZE], text[STATE_SIZE], sum[SUM_SIZE];
    *out = (struct state){.step = fields_integer(&fields, "step", -1, 0, INT64_MAX),
                          .sizes = {(uint64_t)fields_integer(&fields, "log", -1, 0, INT64_MAX),
                                    (uint64_t)fields_integer(&fields, "eval", -1, 0, INT64_MAX)}};
    bool whole = read_sum(said, &fields, "sum");
    for (size_t i = 0; i < SUMMED; i++)
        whole = read_sum(out->sums[i], &sums, summed[i]) && whole;
    status = fields.status != OPA_OK ? fields.status : sums.status;
    write_sum(sum, checksum(0, text, write_state(text, out)));
    if (status == OPA_OK && (!whole || strcmp(sum, said) != 0))
        status = trainer_fail(t, OPA_EDATA, "%s: not as it was written", path);
    json_file_release(&file);
    return status;
}

static int load_state(struct trainer *t, const char *dir, struct run_folder *f, struct optimiser *o)
{
    struct state state;
    char sum[SUM_SIZE];
    char *path = path_join(dir, "state.json");
    int status = path ? read_state(t, &state, path) : trainer_fail_memory(t);
    for (size_t i = 0; i < SUMMED && status == OPA_OK; i++) {
        status = sum_of(t, sum, dir, summed[i]);
        if (status == OPA_OK && strcmp(sum, state.sums[i]) != 0)
            status = trainer_fail(t, OPA_EDATA, "%s/%s: not as it was written", dir, summed[i]);
    }
    if (status == OPA_OK && state.step != f->step)
        status = trainer_fail(t, OPA_EDATA, "%s: it says update %lld, its folder %lld: it is not this checkpoint's",
                              path, (long long)state.step, (long long)f->step);
    if (status == OPA_OK) {
        o->updates = state.step;
        f->sizes = state.sizes;
    }
    free(path);
    return status;
}

/* ---- checkpoints ---- */

static int save_parts(struct trainer *t, const char *dir, int64_t step, struct run_sizes sizes,
                      const struct adapter_out *adapter, const struct optimiser *optimiser)
{
    int status = folder_make(t, dir);
    if (status == OPA_OK)
        status = adapter_write(t, dir, adapter);
    if (status == OPA_OK)
        status = save_optimiser(t, dir, optimiser);
    if (status == OPA_OK)
        status = save_state(t, dir, step, sizes);
    return status;
}

int checkpoint_save(struct trainer *t, struct run_folder *f, int64_t step, struct run_sizes sizes,
                    const struct adapter_out *adapter, const struct optimiser *optimiser)
{
    char *new = path_join(f->checkpoints, "new"), *path = step_path(f, step);
    int status = new &&path ? folder_make(t, f->checkpoints) : trainer_fail_memory(t);
    if (status == OPA_OK) {
        folder_remove(new);
        status = save_parts(t, new, step, sizes, adapter, optimiser);
        if (status == OPA_OK)
            status = durable_rename(t, new, path);
        else
            folder_remove(new); /* on a full disk its bytes are wanted back */
    }
    if (status == OPA_OK) {
        f->step = step;
        prune(f);
    }
    free(new);
    free(path);
    return status;
}

/* The checkpoint's matrices into the arena. */
static int copy_values(struct trainer *t, const char *dir, struct params *params, const struct adapter *from)
{
    for (size_t i = 0; i < params->list_count; i++) {
        const struct param *p = &params->list[i];
        const ops_matrix *m = p->is_b ? &from->of[p->id].b : &from->of[p->id].a;
        if (m->data == NULL || m->rows != p->rows || m->cols != p->cols || m->dtype != OPS_F32)
            return trainer_fail(t, OPA_EDATA, "%s: an adapter of another run", dir);
        memcpy(params->value + p->offset, m->data, p->rows * p->cols * sizeof(float));
    }
    return OPA_OK;
}

static int load(struct trainer *t, const char *dir, struct run_folder *f, const struct model *model,
                struct params *params, struct optimiser *optimiser)
{
    struct adapter *adapter = NULL;
    struct trainer quiet = *t; /* whether B is still zero was said when the run began */
    quiet.note = NULL;
    int status = load_state(t, dir, f, optimiser);
    if (status == OPA_OK && (status = adapter_open(&quiet, &adapter, dir, model)) != OPA_OK)
        memcpy(t->message, quiet.message, sizeof t->message);
    if (status == OPA_OK)
        status = copy_values(t, dir, params, adapter);
    if (status == OPA_OK)
        status = load_optimiser(t, dir, optimiser);
    adapter_free(adapter);
    return status;
}

/* A checkpoint of damaged files makes room for the one that its update will make again. */
static int put_aside(struct trainer *t, const char *dir)
{
    char *aside = malloc(strlen(dir) + sizeof ".damaged");
    if (aside == NULL)
        return trainer_fail_memory(t);
    strcpy(stpcpy(aside, dir), ".damaged");
    folder_remove(aside);
    const int status = durable_rename(t, dir, aside);
    free(aside);
    return status;
}

/* The last one that there was is damaged, too. */
static int no_checkpoint(struct trainer *t, const struct run_folder *f)
{
    char why[700];
    snprintf(why, sizeof why, "%.690s", t->message);
    return trainer_fail(t, OPA_EDATA,
                        "%s: no checkpoint that can be read (%s): remove the folder checkpoints in it, and --resume "
                        "begins anew",
                        f->path, why);
}

int checkpoint_load(struct trainer *t, struct run_folder *f, const struct model *model, struct params *params,
                    struct optimiser *optimiser)
{
    for (;;) {
        size_t count;
        char *dir = step_path(f, f->step);
        int status = dir ? load(t, dir, f, model, params, optimiser) : trainer_fail_memory(t);
        const bool damaged = status == OPA_EDATA || status == OPA_ENOENT;
        const int64_t older = damaged ? newest(f, f->step, &count) : -1;
        if (older >= 0) {
            trainer_note(
                t, "the checkpoint of update %lld is damaged and put aside (%.600s): that of update %lld is taken",
                (long long)f->step, t->message, (long long)older);
            status = put_aside(t, dir);
            f->step = older;
        }
        free(dir);
        if (damaged && older < 0)
            return no_checkpoint(t, f);
        if (older < 0 || status != OPA_OK)
            return status;
    }
}

int run_folder_finish(struct trainer *t, struct run_folder *f, const struct adapter_out *adapter)
{
    const int status = adapter_write(t, f->path, adapter);
    f->finished = status == OPA_OK;
    return status;
}
