/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/second.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/context.h"

static const char *next_member(struct archive *a, const opa_pack_entry *e, const char *extension)
{
    struct archive_entry *entry;
    char name[OPA_TAR_NAME_SIZE];
    snprintf(name, sizeof name, "%.*s.%s", (int)e->key.size, e->key.data, extension);
    if (archive_read_next_header(a, &entry) != ARCHIVE_OK)
        return "libarchive finds fewer members than the index";
    const char *path = archive_entry_pathname(entry);
    if (!path || strcmp(path, name) != 0 || archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
        return "libarchive finds another member than the index";
    if (archive_entry_size(entry) > (la_int64_t)e->size || archive_entry_sparse_count(entry) > 0)
        return "libarchive finds another size than the index";
    return archive_read_data_skip(a) == ARCHIVE_OK ? NULL : "libarchive cannot read a member";
}

int opa_second_opinion(opa_context *ctx, const char **out, int fd, const opa_shard_check *check)
{
    const opa_layout layout = opa_shard_layout(check->kind);
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    const char *defect = "libarchive cannot read the shard";
    if (a && archive_read_support_format_tar(a) == ARCHIVE_OK && lseek(fd, 0, SEEK_SET) == 0 &&
        archive_read_open_fd(a, fd, 1 << 16) == ARCHIVE_OK) {
        defect = NULL;
        for (size_t i = 0; i < check->entry_count && !defect; i++)
            for (size_t k = 0; k < layout.count && !defect; k++)
                defect = next_member(a, check->entries[i], layout.extensions[k]);
        if (!defect && archive_read_next_header(a, &entry) != ARCHIVE_EOF)
            defect = "libarchive finds more members than the index";
    }
    const bool no_memory = !a || (defect && archive_errno(a) == ENOMEM);
    archive_read_free(a);
    *out = defect;
    return no_memory ? opa_fail_memory(ctx) : OPA_OK;
}
