/* SPDX-License-Identifier: Apache-2.0 */
#include "prompts.h"

#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

#include "json_fields.h"

void prompt_release(struct prompt *p)
{
    free(p->id);
    free(p->text);
    free(p->image);
    free(p->image_json);
    *p = (struct prompt){0};
}

/* Bytes and a NUL; NULL: out of memory. */
static char *copy_bytes(const char *data, size_t size)
{
    char *copy = malloc(size + 1);
    if (copy != NULL) {
        memcpy(copy, data, size);
        copy[size] = '\0';
    }
    return copy;
}

/* ---- {"bytes":"<base64>"} ---- */

static char *bytes_json(const char *data, size_t size)
{
    static const char head[] = "{\"bytes\":\"";
    const size_t length = BASE64_ENCODE_RAW_LENGTH(size);
    char *out = malloc(sizeof head + length + 2);
    if (out == NULL)
        return NULL;
    char *at = stpcpy(out, head);
    base64_encode_raw(at, size, (const uint8_t *)data);
    strcpy(at + length, "\"}");
    return out;
}

/* The bytes, as bytes_json() writes them: @p out has room for text.size / 4 * 3 of them. false: no base64. */
static bool decode_bytes(char *out, size_t *size, opa_text text)
{
    struct base64_decode_ctx ctx;
    const size_t pads =
        text.size < 4 ? 0 : (size_t)(text.data[text.size - 1] == '=') + (text.data[text.size - 2] == '=');
    *size = text.size / 4 * 3; /* what is there */
    base64_decode_init(&ctx);
    /* Nettle passes over white space, which makes fewer bytes. */
    return text.size % 4 == 0 && base64_decode_update(&ctx, size, (uint8_t *)out, text.size, text.data) &&
           base64_decode_final(&ctx) && *size == text.size / 4 * 3 - pads;
}

/* ---- packs ---- */

int prompts_open_pack(struct trainer *t, struct prompts *out, const char *path)
{
    *out = (struct prompts){.t = t, .path = path};
    const int status = opa_pack_open(t->opa, &out->pack, path);
    if (status != OPA_OK)
        return trainer_fail_library(t, status, path);
    out->count = opa_pack_count(out->pack);
    return OPA_OK;
}

static int next_of_pack(struct prompts *p, struct prompt *out)
{
    if (p->next == p->count)
        return OPA_END;
    const int status = packed_read(p->t, &p->sample, p->pack, p->next++);
    out->id = p->sample.id ? strdup(p->sample.id) : NULL;
    if (status != OPA_OK)
        return status == OPA_ERECORD ? status : trainer_fail_about(p->t, status, p->path);
    const opa_text text = p->sample.prompt, image = p->sample.image;
    out->text = copy_bytes(text.data, text.size);
    out->text_size = text.size;
    out->image = image.data ? copy_bytes(image.data, image.size) : NULL;
    out->image_size = image.size;
    out->image_json = image.data ? bytes_json(image.data, image.size) : strdup("null");
    const bool good = out->id && out->text && out->image_json && (image.data == NULL || out->image);
    return good ? OPA_OK : trainer_fail_memory(p->t);
}

/* ---- files ---- */

static int count_records(struct prompts *p)
{
    opa_json_record record;
    int status = opa_json_stream_open(p->t->opa, &p->stream, p->path, NULL, NULL);
    while (status == OPA_OK || status == OPA_ERECORD) {
        status = opa_json_stream_next(p->stream, &record);
        p->count += status == OPA_OK || status == OPA_ERECORD;
    }
    opa_json_stream_free(p->stream);
    p->stream = NULL;
    return status == OPA_END ? OPA_OK : trainer_fail_library(p->t, status, p->path);
}

int prompts_open_file(struct trainer *t, struct prompts *out, const char *path, const char *images)
{
    *out = (struct prompts){.t = t, .path = path, .images = images};
    const char *slash = strrchr(path, '/');
    out->folder = slash ? copy_bytes(path, (size_t)(slash - path) + (slash == path)) : strdup(".");
    int status = out->folder ? OPA_OK : trainer_fail_memory(t);
    if (status == OPA_OK && strcmp(path, "-") != 0)
        status = count_records(out);
    if (status != OPA_OK)
        return status;
    status = opa_json_stream_open(t->opa, &out->stream, path, NULL, NULL);
    return status == OPA_OK ? OPA_OK : trainer_fail_library(t, status, path);
}

static int load_image(struct prompts *p, struct prompt *out, const char *name)
{
    struct mapped map;
    char *path = path_join(p->images ? p->images : p->folder, name);
    if (path == NULL)
        return trainer_fail_memory(p->t);
    int status = mapped_open(p->t, &map, path);
    free(path);
    if (status != OPA_OK)
        return status == OPA_ENOMEM ? status : OPA_ERECORD; /* the message names the file */
    out->image = copy_bytes((const char *)map.data, map.size);
    out->image_size = map.size;
    mapped_release(&map);
    return out->image ? OPA_OK : trainer_fail_memory(p->t);
}

/* An image that stands in the record itself. */
static int take_bytes(struct prompts *p, struct prompt *out, opa_text text)
{
    out->image = malloc(text.size / 4 * 3 + 1);
    if (out->image == NULL)
        return trainer_fail_memory(p->t);
    if (!decode_bytes(out->image, &out->image_size, text) || out->image_size == 0)
        return trainer_fail(p->t, OPA_ERECORD, "image.bytes is no base64");
    out->image_json = bytes_json(out->image, out->image_size);
    return out->image_json ? OPA_OK : trainer_fail_memory(p->t);
}

/* An image by its path, which the output repeats. */
static int take_path(struct prompts *p, struct prompt *out, opa_text name)
{
    opa_json_writer *w;
    opa_text json;
    if (opa_json_writer_new(p->t->opa, &w) != OPA_OK)
        return trainer_fail_memory(p->t);
    opa_json_write_text(w, name);
    if (opa_json_writer_finish(w, &json) == OPA_OK)
        out->image_json = copy_bytes(json.data, json.size);
    opa_json_writer_free(w);
    char *path = json_strdup(name);
    const int status = path && out->image_json ? load_image(p, out, path) : trainer_fail_memory(p->t);
    free(path);
    return status;
}

static int take_image(struct prompts *p, struct prompt *out, const opa_json *doc, const struct cJSON *value)
{
    opa_text text;
    if (value == NULL || opa_json_is_null(value)) {
        out->image_json = strdup("null");
        return out->image_json ? OPA_OK : trainer_fail_memory(p->t);
    }
    if (opa_json_text(doc, value, &text))
        return take_path(p, out, text);
    if (json_is_object(value) && opa_json_text(doc, opa_json_get(value, "bytes"), &text))
        return take_bytes(p, out, text);
    return trainer_fail(p->t, OPA_ERECORD, "image is neither a path nor {\"bytes\":\"<base64>\"}");
}

/* The id: a text, or a number's digits. */
static char *take_id(const opa_json *doc, const struct cJSON *root)
{
    const struct cJSON *value = opa_json_get(root, "id");
    opa_text text;
    if (value != NULL && (opa_json_text(doc, value, &text) || opa_json_lexeme(doc, value, &text)) && text.size > 0)
        return json_strdup(text);
    return NULL;
}

static int take_record(struct prompts *p, struct prompt *out, const opa_json *doc)
{
    const struct cJSON *root = opa_json_root(doc);
    opa_text text;
    out->id = take_id(doc, root);
    if (out->id == NULL)
        return trainer_fail(p->t, OPA_ERECORD, "no id");
    if (!opa_json_text(doc, opa_json_get(root, "prompt"), &text))
        return trainer_fail(p->t, OPA_ERECORD, "no prompt");
    out->text = copy_bytes(text.data, text.size);
    out->text_size = text.size;
    if (out->text == NULL)
        return trainer_fail_memory(p->t);
    return take_image(p, out, doc, opa_json_get(root, "image"));
}

static int next_of_file(struct prompts *p, struct prompt *out)
{
    opa_json_record record;
    opa_json *doc;
    int status = opa_json_stream_next(p->stream, &record);
    if (status == OPA_END)
        return status;
    p->next++;
    if (status == OPA_OK) {
        opa_json_options options = OPA_JSON_OPTIONS_INIT;
        options.first_line = record.line;
        status = opa_json_parse(p->t->opa, &doc, record.bytes, &options, NULL);
    }
    if (status == OPA_EDATA || status == OPA_ERECORD)
        return trainer_fail_library(p->t, OPA_ERECORD, NULL);
    if (status != OPA_OK)
        return trainer_fail_library(p->t, status, p->path);
    status = take_record(p, out, doc);
    opa_json_free(doc);
    return status;
}

int prompts_next(struct prompts *p, struct prompt *out)
{
    *out = (struct prompt){0};
    return p->pack ? next_of_pack(p, out) : next_of_file(p, out);
}

void prompts_release(struct prompts *p)
{
    packed_release(&p->sample);
    opa_pack_free(p->pack);
    opa_json_stream_free(p->stream);
    free(p->folder);
    *p = (struct prompts){0};
}
