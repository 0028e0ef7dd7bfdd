/* SPDX-License-Identifier: Apache-2.0 */
#include "json_edit.h"

#include <stdlib.h>
#include <string.h>

#include "json_fields.h"

static int join(struct trainer *t, char **out, size_t *size, const opa_text *pieces, size_t count)
{
    *size = 0;
    for (size_t i = 0; i < count; i++)
        *size += pieces[i].size;
    char *at = *out = malloc(*size + 1);
    if (at == NULL)
        return trainer_fail_memory(t);
    for (size_t i = 0; i < count; i++)
        at = (char *)memcpy(at, pieces[i].data, pieces[i].size) + pieces[i].size;
    *at = '\0';
    return OPA_OK;
}

static opa_text literal(const char *s)
{
    return (opa_text){s, strlen(s)};
}

int json_set_member(struct trainer *t, char **out, size_t *size, opa_text bytes, const char *key, const char *value,
                    bool add, const char *name)
{
    struct json_file file;
    opa_json_place place;
    *out = NULL;
    int status = json_file_parse(t, &file, bytes, name);
    if (status != OPA_OK)
        return status;
    if (opa_json_place_of(file.doc, key, &place)) {
        const opa_span v = place.value;
        const opa_text pieces[] = {{bytes.data, v.begin}, literal(value), {bytes.data + v.end, bytes.size - v.end}};
        status = join(t, out, size, pieces, 3);
    } else if (!add) {
        status = join(t, out, size, &bytes, 1);
    } else {
        const size_t brace = (size_t)((const char *)memchr(bytes.data, '{', bytes.size) - bytes.data) + 1;
        const bool alone = json_count(opa_json_root(file.doc)) == 0;
        const opa_text pieces[] = {{bytes.data, brace},
                                   literal("\""),
                                   literal(key),
                                   literal("\": "),
                                   literal(value),
                                   literal(alone ? "" : ", "),
                                   {bytes.data + brace, bytes.size - brace}};
        status = join(t, out, size, pieces, sizeof pieces / sizeof pieces[0]);
    }
    json_file_release(&file);
    return status;
}
