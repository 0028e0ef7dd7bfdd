/* SPDX-License-Identifier: Apache-2.0 */
/* A file appears whole or not at all: it is written beside its place, brought to the disk, and renamed. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(struct cli *cli, int exit_code, const char *path)
{
    return cli_error(cli, exit_code, "%s: %s", path, strerror(errno));
}

/* A pipe or a device is no file to replace. */
static int write_through(struct cli *cli, const char *path, const char *bytes, size_t size)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(cli, errno == ENOSPC || errno == EDQUOT ? EXIT_IO : EXIT_CREATE, path);
    bool good = write_all(fd, bytes, size);
    good = close(fd) == 0 && good;
    return good ? 0 : failed(cli, EXIT_IO, path);
}

/* What mkstemp() gives to nobody else is as open as other new files. */
static mode_t usual_mode(void)
{
    const mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static int replace(struct cli *cli, const char *path, char *beside, const char *bytes, size_t size)
{
    const int fd = mkstemp(beside);
    if (fd < 0)
        return failed(cli, EXIT_CREATE, path);
    bool good = fchmod(fd, usual_mode()) == 0 && write_all(fd, bytes, size) && fsync(fd) == 0;
    const int why = errno;
    if (close(fd) == 0 && good && rename(beside, path) == 0)
        return 0;
    errno = good ? errno : why;
    const int result = failed(cli, EXIT_IO, path);
    unlink(beside);
    return result;
}

int write_file(struct cli *cli, const char *path, const char *bytes, size_t size)
{
    struct stat st;
    if (strcmp(path, "-") == 0) {
        out_bytes(cli, bytes, size);
        return 0;
    }
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return write_through(cli, path, bytes, size);
    char *target = realpath(path, NULL); /* behind a link; NULL: there is none yet */
    const char *to = target ? target : path;
    char *beside = malloc(strlen(to) + sizeof ".XXXXXX");
    int result;
    if (beside != NULL) {
        strcpy(beside, to);
        strcat(beside, ".XXXXXX");
        result = replace(cli, to, beside, bytes, size);
    } else {
        result = cli_error(cli, EXIT_IO, "out of memory");
    }
    free(beside);
    free(target);
    return result;
}
