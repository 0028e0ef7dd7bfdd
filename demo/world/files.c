/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "files.h"

FILE *create_file(struct cli *cli, const char *dir, const char *name)
{
    char path[4096];
    const int n = snprintf(path, sizeof path, "%s%s%s", dir ? dir : "", dir ? "/" : "", name);
    errno = ENAMETOOLONG;
    FILE *file = (size_t)n < sizeof path ? fopen(path, "wb") : NULL;
    if (file == NULL)
        cli_error(cli, EXIT_CREATE, "%s: %s", path, strerror(errno));
    return file;
}

int close_file(struct cli *cli, FILE *file, const char *name, int result)
{
    const bool failed = ferror(file) != 0; /* earlier: its errno is gone */
    const bool closed = fclose(file) == 0;
    if (result != 0 || (closed && !failed))
        return result;
    return cli_error(cli, EXIT_IO, "%s: %s", name, closed ? "could not be written" : strerror(errno));
}
