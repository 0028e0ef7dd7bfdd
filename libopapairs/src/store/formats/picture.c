/* SPDX-License-Identifier: Apache-2.0 */
#include "store/formats/picture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/context.h"
#include "base/findings.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "store/formats/fields.h"

void opa_picture_none(opa_incoming *in)
{
    in->image = (opa_text){0};
    opa_sha256_of(in->image_sha256, "", 0);
}

/* Memory for @p size bytes: of the batch, which is used again and again, or the record's own. */
static char *room_for(opa_reader *reader, opa_incoming *in, size_t size)
{
    if (size <= reader->room_left)
        return reader->room;
    free(in->owned);
    in->owned = malloc(size ? size : 1);
    return in->owned;
}

/* The first @p size bytes of the memory from room_for() are in use. */
static void keep_room(opa_reader *reader, const char *memory, size_t size)
{
    if (memory == reader->room) {
        reader->room += size;
        reader->room_left -= size;
    }
}

/* The kind that the name's extension promises, against the bytes. */
static int compare_name(opa_reader *reader, opa_incoming *in, const char *field)
{
    char tail[16];
    const size_t n = in->image_name.size < sizeof tail - 1 ? in->image_name.size : sizeof tail - 1;
    if (n == 0)
        return OPA_OK;
    memcpy(tail, in->image_name.data + in->image_name.size - n, n);
    tail[n] = '\0';
    const opa_image_format promised = opa_image_format_of_name(tail);
    if (promised == OPA_IMAGE_NONE || in->image_format == OPA_IMAGE_NONE || promised == in->image_format)
        return OPA_OK;
    const int status =
        opa_findings_add(&in->findings, OPA_F_IMAGE_EXTENSION, 0, field, "the name promises %s, the bytes are %s",
                         opa_image_format_name(promised), opa_image_format_name(in->image_format));
    return status == OPA_OK ? OPA_OK : opa_fail_memory(reader->ctx);
}

/* A probe knows no record: its findings get the field and the line that the image came from. */
static int place_findings(opa_reader *reader, opa_incoming *in, size_t first, const char *field)
{
    opa_json_place place = {.line = 0};
    if (first == in->findings.count || !opa_json_place_of(in->doc, field, &place))
        place.line = 0;
    for (size_t i = first; i < in->findings.count; i++) {
        opa_finding *f = &in->findings.items[i];
        f->line = place.line;
        free(f->field);
        if (!(f->field = strdup(field)))
            return opa_fail_memory(reader->ctx);
    }
    return OPA_OK;
}

/* Look at in->image and hash it. */
static int examine(opa_reader *reader, opa_incoming *in, const char *field)
{
    opa_image_info info;
    const size_t first = in->findings.count;
    int status = opa_image_probe(reader->ctx, &info, in->image, &in->findings);
    if (status == OPA_ENOMEM)
        return status;
    in->image_format = info.format;
    in->image_width = info.width;
    in->image_height = info.height;
    opa_sha256_of(in->image_sha256, in->image.data, in->image.size);
    status = compare_name(reader, in, field);
    return status == OPA_OK ? place_findings(reader, in, first, field) : status;
}

/* Does the text stand in the record as it is, without escapes? Then it can be cut out and put back. */
static bool stands_in(opa_span *out, opa_text bytes, opa_text text)
{
    const uintptr_t base = (uintptr_t)bytes.data, at = (uintptr_t)text.data;
    if (at < base || at - base > bytes.size || text.size > bytes.size - (at - base))
        return false;
    *out = (opa_span){at - base, at - base + text.size};
    return true;
}

static bool left_alone(const opa_reader *reader, opa_incoming *in)
{
    if (reader->known_image)
        memcpy(in->image_sha256, reader->known_image, OPA_SHA256_SIZE);
    return reader->known_image != NULL;
}

int opa_picture_base64(opa_reader *reader, opa_incoming *in, const struct cJSON *value, const char *field)
{
    opa_text text;
    unsigned form = 0;
    size_t size;
    if (left_alone(reader, in))
        return OPA_OK;
    if (!value || opa_json_is_null(value) || (opa_json_text(in->doc, value, &text) && text.size == 0))
        return opa_field_finding(reader, in, OPA_F_IMAGE_MISSING, field,
                                 "the record has a place for an image, but none");
    if (!opa_json_text(in->doc, value, &text))
        return opa_field_finding(reader, in, OPA_F_IMAGE_BASE64, field, "not base64: not even a text");
    char *memory = room_for(reader, in, OPA_BASE64_DECODED(text.size));
    if (!memory)
        return opa_fail_memory(reader->ctx);
    if (!opa_base64_decode(memory, &size, text, &form))
        return opa_field_finding(reader, in, OPA_F_IMAGE_BASE64, field, "not base64");
    keep_room(reader, memory, size);
    in->image = (opa_text){memory, size};
    if (form == 0 && size > 0 && !stands_in(&in->cut, in->bytes, text))
        in->cut = (opa_span){0, 0};
    if (form != 0) {
        const int status = opa_field_finding(reader, in, OPA_F_IMAGE_BASE64_FORM, field,
                                             form & OPA_BASE64_DATA_URL   ? "base64 in a data URL"
                                             : form & OPA_BASE64_SPACE    ? "base64 with white space"
                                             : form & OPA_BASE64_URL_SAFE ? "base64 in the URL-safe alphabet"
                                                                          : "base64 whose end is not canonical");
        if (status != OPA_OK)
            return status;
    }
    return examine(reader, in, field);
}

/* ---- files ---- */

/* Bytes of a path in a message. */
#define PATH_SHOWN 200

/* Is it the image itself, without {"bytes": ...} around it? Longer than the name of a file, and letters of base64 alone. */
static bool looks_encoded(opa_text text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_\r\n";
    if (text.size > 5 && memcmp(text.data, "data:", 5) == 0)
        return true;
    for (size_t i = 0; i < text.size; i++)
        if (!memchr(letters, text.data[i], sizeof letters - 1))
            return false;
    return text.size > 255;
}

static int no_file(opa_reader *reader, opa_incoming *in, const char *field, const char *path, const char *why)
{
    const opa_text text = {path, strlen(path)};
    const size_t shown = opa_utf8_cut(text, PATH_SHOWN);
    const bool encoded = looks_encoded(in->image_name);
    const int status = opa_findings_add(&in->findings, OPA_F_IMAGE_FILE, 0, field, "cannot read %.*s%s: %s%s",
                                        (int)shown, path, shown < text.size ? "..." : "", why,
                                        encoded ? "; base64 is written {\"bytes\": \"...\"}" : "");
    return status == OPA_OK ? OPA_OK : opa_fail_memory(reader->ctx);
}

/* All of the file into memory. NULL and *why: it cannot be; NULL and no reason: out of memory. */
static char *read_all(opa_reader *reader, opa_incoming *in, int fd, size_t size, const char **why)
{
    char *memory = room_for(reader, in, size);
    if (!memory)
        return NULL;
    for (size_t got = 0; got < size;) {
        const ssize_t n = read(fd, memory + got, size - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            *why = n < 0 ? strerror(errno) : "it became shorter while it was read";
            return NULL;
        }
        got += (size_t)n;
    }
    return memory;
}

static int read_file(opa_reader *reader, opa_incoming *in, const char *path, const char *field)
{
    struct stat info;
    const char *why = NULL;
    /* O_NONBLOCK: a pipe does not hold us up. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return no_file(reader, in, field, path, strerror(errno));
    char *memory = NULL;
    if (fstat(fd, &info) != 0)
        why = strerror(errno);
    else if (!S_ISREG(info.st_mode))
        why = "not a regular file";
    else if ((uintmax_t)info.st_size > OPA_PICTURE_MAX)
        why = "larger than 256 MiB";
    else
        memory = read_all(reader, in, fd, (size_t)info.st_size, &why);
    close(fd);
    if (!memory)
        return why ? no_file(reader, in, field, path, why) : opa_fail_memory(reader->ctx);
    keep_room(reader, memory, (size_t)info.st_size);
    in->image = (opa_text){memory, (size_t)info.st_size};
    in->image_linked = true;
    return examine(reader, in, field);
}

int opa_picture_file(opa_reader *reader, opa_incoming *in, const char *field)
{
    opa_buffer path = {0};
    int status;
    if (left_alone(reader, in))
        return OPA_OK;
    if (in->image_name.size == 0 || memchr(in->image_name.data, '\0', in->image_name.size))
        return no_file(reader, in, field, "the image", "its path is no path");
    if (in->image_name.data[0] != '/' && reader->images)
        opa_buffer_printf(&path, "%s/", reader->images);
    opa_buffer_add_text(&path, in->image_name);
    status = path.failed ? opa_fail_memory(reader->ctx) : read_file(reader, in, path.data, field);
    opa_buffer_release(&path);
    return status;
}

int opa_picture_take(opa_reader *reader, opa_incoming *in, const struct cJSON *record)
{
    const struct cJSON *value = opa_json_get(record, "image");
    opa_picture_none(in);
    if (!value || opa_json_is_null(value))
        return OPA_OK;
    in->image_expected = true;
    if (opa_json_text(in->doc, value, &in->image_name))
        return opa_picture_file(reader, in, "image");
    const struct cJSON *bytes = opa_json_get(value, "bytes");
    if (bytes)
        return opa_picture_base64(reader, in, bytes, "image");
    const int status =
        opa_field_finding(reader, in, OPA_F_FIELD_TYPE, "image", "an image is a path or {\"bytes\": base64}");
    return status == OPA_OK ? OPA_ERECORD : status;
}
