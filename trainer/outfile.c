/* SPDX-License-Identifier: Apache-2.0 */
#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable.h"
#include "json_fields.h"
#include "settings.h"

static int io_error(struct trainer *t, const char *path)
{
    return trainer_fail(t, OPA_EIO, "%s: %s", path, strerror(errno));
}

/* ---- settings ---- */

static int compare_settings(struct trainer *t, const struct outfile *out, const char *settings)
{
    struct mapped map;
    char name[SETTINGS_NAME];
    const int status = mapped_open(t, &map, out->resume);
    if (status != OPA_OK)
        return status;
    settings_difference(name, (const char *)map.data, map.size, settings);
    mapped_release(&map);
    if (name[0] == '\0')
        return OPA_OK;
    return trainer_fail(
        t, OPA_ECREATE,
        "%s was begun with another %s and is not done: run it to its end as before, choose another -o, or "
        "remove %s to begin anew",
        out->path, name, out->resume);
}

/* ---- lines that are there ---- */

static int keep_id(struct trainer *t, struct outfile *out, opa_text line)
{
    opa_json *doc;
    if (opa_json_parse(t->opa, &doc, line, NULL, NULL) != OPA_OK)
        return trainer_fail(t, OPA_EDATA, "%s: line %zu is no JSON: remove %s to begin anew", out->path,
                            out->id_count + 1, out->resume);
    char *id = json_strdup_value(doc, opa_json_get(opa_json_root(doc), "id"));
    char **grown = realloc(out->ids, (out->id_count + 1) * sizeof *grown);
    opa_json_free(doc);
    if (grown != NULL)
        out->ids = grown;
    if (grown == NULL || id == NULL) {
        free(id);
        return trainer_fail_memory(t);
    }
    out->ids[out->id_count++] = id;
    return OPA_OK;
}

/* Collect the ids of whole lines; *keep bytes of the file are whole lines. */
static int scan_lines(struct trainer *t, struct outfile *out, size_t *keep)
{
    struct mapped map;
    *keep = 0;
    int status = mapped_open(t, &map, out->path);
    if (status == OPA_ENOENT)
        return OPA_OK;
    while (status == OPA_OK && *keep < map.size) {
        const char *line = (const char *)map.data + *keep, *end = memchr(line, '\n', map.size - *keep);
        if (end == NULL)
            break;
        status = keep_id(t, out, (opa_text){line, (size_t)(end - line)});
        *keep += (size_t)(end - line) + 1;
    }
    mapped_release(&map);
    return status;
}

/* ---- the file ---- */

static int cannot_make(struct trainer *t, const struct outfile *out)
{
    return trainer_fail(t, OPA_ECREATE, "%s: %s", out->path, strerror(errno));
}

/* The lock is beside the stream, so that it outlasts its end: FILE.resume goes while nobody else can look for it. */
static int lock(struct trainer *t, struct outfile *out)
{
    out->lock = open(out->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (out->lock < 0)
        return cannot_make(t, out);
    if (flock(out->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return trainer_fail(t, OPA_EBUSY, "%s: another opatrain is writing there", out->path);
    return OPA_OK;
}

static int begin(struct trainer *t, struct outfile *out, const char *settings)
{
    out->file = fopen(out->path, "wb");
    if (out->file == NULL)
        return cannot_make(t, out);
    return out->resume ? durable_file(t, out->resume, settings, strlen(settings)) : OPA_OK;
}

/* Behind the first @p keep bytes. */
static int go_on(struct trainer *t, struct outfile *out, size_t keep)
{
    out->file = fopen(out->path, "r+b");
    if (out->file == NULL || ftruncate(fileno(out->file), (off_t)keep) != 0 || fseek(out->file, 0, SEEK_END) != 0)
        return io_error(t, out->path);
    return OPA_OK;
}

static int begin_or_go_on(struct trainer *t, struct outfile *out, const char *settings)
{
    size_t keep = 0;
    int status = path_exists(out->resume) ? scan_lines(t, out, &keep) : OPA_OK;
    out->written = keep > 0;
    if (status != OPA_OK)
        return status;
    if (keep == 0)
        return begin(t, out, settings);
    status = compare_settings(t, out, settings);
    return status == OPA_OK ? go_on(t, out, keep) : status;
}

static bool is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

int outfile_open(struct trainer *t, struct outfile *out, const char *path, const char *settings)
{
    *out = (struct outfile){.path = strdup(path), .lock = -1};
    if (out->path == NULL)
        return trainer_fail_memory(t);
    if (is_special(path))
        return begin(t, out, settings);
    const int status = lock(t, out);
    if (status != OPA_OK)
        return status;
    out->resume = malloc(strlen(path) + sizeof ".resume");
    if (out->resume == NULL)
        return trainer_fail_memory(t);
    strcpy(stpcpy(out->resume, path), ".resume");
    return begin_or_go_on(t, out, settings);
}

int outfile_line(struct trainer *t, struct outfile *out, opa_text line)
{
    if (fwrite(line.data, 1, line.size, out->file) != line.size || fputc('\n', out->file) == EOF ||
        fflush(out->file) != 0)
        return io_error(t, out->path);
    out->written = true;
    return OPA_OK;
}

int outfile_finish(struct trainer *t, struct outfile *out)
{
    const bool good = fclose(out->file) == 0;
    out->file = NULL;
    if (!good)
        return io_error(t, out->path);
    return out->resume == NULL || unlink(out->resume) == 0 ? OPA_OK : io_error(t, out->resume);
}

void outfile_release(struct outfile *out)
{
    if (out->file != NULL) {
        fclose(out->file);
        if (!out->written && out->resume != NULL)
            unlink(out->resume);
    }
    if (out->path != NULL && out->lock >= 0)
        close(out->lock);
    for (size_t i = 0; i < out->id_count; i++)
        free(out->ids[i]);
    free(out->ids);
    free(out->path);
    free(out->resume);
    *out = (struct outfile){0};
}
