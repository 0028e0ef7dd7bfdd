/* SPDX-License-Identifier: Apache-2.0 */
#include "keyed.h"

#include <string.h>

#include "durable.h"
#include "settings.h"

int keyed_begin(struct trainer *t, const char *path, const struct keyed_kind *kind, const char *depends)
{
    struct durable d;
    const int status = durable_open(t, &d, path);
    if (status != OPA_OK)
        return status;
    durable_write(&d, kind->magic, strlen(kind->magic));
    durable_write(&d, depends, strlen(depends) + 1);
    return durable_commit(t, &d);
}

int keyed_compare(struct trainer *t, const char *path, const struct mapped *map, const struct keyed_kind *kind,
                  const char *depends, size_t *end)
{
    char name[SETTINGS_NAME];
    const size_t skip = strlen(kind->magic);
    const char *text = (const char *)map->data,
               *stop = map->size > skip ? memchr(text + skip, '\0', map->size - skip) : NULL;
    if (stop == NULL || memcmp(text, kind->magic, skip) != 0)
        return trainer_fail(t, OPA_EDATA, "%s: no file of %s: remove it, or choose another", path, kind->what);
    settings_difference(name, text + skip, (size_t)(stop - text) - skip, depends);
    *end = (size_t)(stop - text) + 1;
    if (name[0] == '\0')
        return OPA_OK;
    return trainer_fail(t, OPA_EDATA, "%s: these %s were made with another %s: remove the file to make them anew%s",
                        path, kind->what, name, kind->other);
}
