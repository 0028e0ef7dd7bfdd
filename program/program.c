/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cli_exit_of(int status)
{
    switch (status) {
    case OPA_OK:
        return EXIT_DONE;
    case OPA_EINVAL:
        return EXIT_USAGE;
    case OPA_EDATA:
    case OPA_ERECORD:
    case OPA_EVERSION:
        return EXIT_DATA;
    case OPA_ENOENT:
        return EXIT_NO_INPUT;
    case OPA_EUNSUPPORTED:
        return EXIT_NOT_BUILT_IN;
    case OPA_ECREATE:
        return EXIT_CREATE;
    case OPA_ENOMEM:
    case OPA_EIO:
        return EXIT_IO;
    case OPA_EBUSY:
        return EXIT_BUSY;
    default:
        return EXIT_SOFTWARE;
    }
}

/* Names of files and ids go into messages: no control character of theirs may reach the terminal. */
static void print_message(struct cli *cli, const char *format, va_list args)
{
    char line[4096];
    vsnprintf(line, sizeof line, format, args);
    for (unsigned char *s = (unsigned char *)line; *s; s++) {
        if (*s < 0x20 || *s == 0x7F || (*s == 0xC2 && s[1] >= 0x80 && s[1] < 0xA0))
            *s = '?';
    }
    if (cli->held != NULL) {
        snprintf(cli->held, cli->held_size, "%s", line);
        return;
    }
    progress_clear(cli);
    fprintf(stderr, "%s%s%s: %s\n", cli->program->name, cli->command ? " " : "", cli->command ? cli->command->name : "",
            line);
}

int cli_error(struct cli *cli, int exit_code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_message(cli, format, args);
    va_end(args);
    return exit_code;
}

int cli_usage(struct cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_message(cli, format, args);
    va_end(args);
    if (cli->held != NULL)
        return EXIT_USAGE;
    fprintf(stderr, "see: %s%s%s --help\n", cli->program->name, cli->command ? " " : "",
            cli->command ? cli->command->name : "");
    return EXIT_USAGE;
}

void cli_note(struct cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_message(cli, format, args);
    va_end(args);
}

int cli_fail(struct cli *cli, int status, const char *about)
{
    const char *message = opa_context_message(cli->ctx);
    if (message[0] == '\0')
        message = status == OPA_ENOMEM ? "out of memory" : opa_status_name(status);
    if (about != NULL && strstr(message, about) == NULL)
        return cli_error(cli, cli_exit_of(status), "%s: %s", about, message);
    return cli_error(cli, cli_exit_of(status), "%s", message);
}

bool out_alive(const struct cli *cli)
{
    return cli->out_errno == 0;
}

void out_bytes(struct cli *cli, const void *bytes, size_t size)
{
    if (cli->out_errno == 0 && size > 0 && fwrite(bytes, 1, size, stdout) != size)
        cli->out_errno = errno ? errno : EIO;
}

void out_flush(struct cli *cli)
{
    if (cli->out_errno == 0 && fflush(stdout) != 0)
        cli->out_errno = errno ? errno : EIO;
}

void out_printf(struct cli *cli, const char *format, ...)
{
    if (cli->out_errno != 0)
        return;
    va_list args;
    va_start(args, format);
    if (vprintf(format, args) < 0)
        cli->out_errno = errno ? errno : EIO;
    va_end(args);
}

int out_json_line(struct cli *cli, opa_json_writer *w)
{
    opa_text line;
    const int status = opa_json_writer_finish(w, &line);
    if (status != OPA_OK)
        return cli_error(cli, EXIT_IO, "out of memory");
    out_bytes(cli, line.data, line.size);
    out_bytes(cli, "\n", 1);
    opa_json_writer_clear(w);
    return 0;
}

opa_text text_of(const char *s)
{
    return (opa_text){s, s ? strlen(s) : 0};
}

char *text_duplicate(opa_text text)
{
    char *copy = malloc(text.size + 1);
    if (copy == NULL)
        return NULL;
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

bool text_equal(opa_text a, opa_text b)
{
    if (a.data == NULL || b.data == NULL)
        return a.data == b.data;
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int text_compare(opa_text a, opa_text b)
{
    const size_t least = a.size < b.size ? a.size : b.size;
    const int order = least > 0 ? memcmp(a.data, b.data, least) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

void text_copy(char *to, size_t room, opa_text text)
{
    size_t size = text.size < room ? text.size : room - 1;
    while (size > 0 && size < text.size && ((unsigned char)text.data[size] & 0xC0) == 0x80)
        size--;
    if (size > 0)
        memcpy(to, text.data, size);
    to[size] = '\0';
}

bool write_all(int fd, const void *bytes, size_t size)
{
    for (const char *at = bytes; size > 0;) {
        const ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

bool text_is_utf8(opa_text text)
{
    const unsigned char *s = (const unsigned char *)text.data;
    for (size_t i = 0; i < text.size;) {
        const unsigned char c = s[i];
        const size_t n = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
        if (n == 0 || n > text.size - i)
            return false;
        for (size_t k = 1; k < n; k++) {
            if ((s[i + k] & 0xC0) != 0x80)
                return false;
        }
        if ((c == 0xE0 && s[i + 1] < 0xA0) || (c == 0xED && s[i + 1] > 0x9F) || (c == 0xF0 && s[i + 1] < 0x90) ||
            (c == 0xF4 && s[i + 1] > 0x8F))
            return false;
        i += n;
    }
    return true;
}

int name_compare(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            a += strspn(a, "0");
            b += strspn(b, "0");
            const size_t m = strspn(a, "0123456789"), n = strspn(b, "0123456789");
            if (m != n)
                return m < n ? -1 : 1;
            const int order = strncmp(a, b, m);
            if (order != 0)
                return order;
            a += m;
            b += n;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return (*a != '\0') - (*b != '\0');
}

const char *thousands(char out[32], int64_t n)
{
    char digits[24];
    const int size = snprintf(digits, sizeof digits, "%lld", (long long)(n < 0 ? -n : n));
    char *to = out;
    if (n < 0)
        *to++ = '-';
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

const char *hex_text(char *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * size] = '\0';
    return out;
}

const char *percentage(char out[16], int64_t n, int64_t total)
{
    const int whole = (int)((double)n * 100 / (double)total + 0.5);
    if (n > 0 && whole == 0)
        snprintf(out, 16, "<1 %%");
    else if (n < total && whole == 100)
        snprintf(out, 16, ">99 %%");
    else
        snprintf(out, 16, "%d %%", whole);
    return out;
}

int read_file(struct cli *cli, char **out, size_t *size, const char *path)
{
    const bool input = strcmp(path, "-") == 0;
    FILE *f = input ? stdin : fopen(path, "rb");
    *out = NULL;
    *size = 0;
    if (f == NULL)
        return cli_error(cli, EXIT_NO_INPUT, "%s: %s", path, strerror(errno));
    size_t capacity = 0;
    int result = 0;
    for (;;) {
        if (capacity - *size < 4096) {
            capacity = capacity ? capacity * 2 : 16384;
            char *more = capacity <= (size_t)1 << 30 ? realloc(*out, capacity) : NULL;
            if (more == NULL) {
                result = cli_error(cli, EXIT_DATA, "%s: too large", path);
                break;
            }
            *out = more;
        }
        const size_t n = fread(*out + *size, 1, capacity - *size, f);
        *size += n;
        if (n == 0)
            break;
    }
    if (result == 0 && ferror(f))
        result = cli_error(cli, EXIT_IO, "%s: %s", path, strerror(errno));
    if (!input)
        fclose(f);
    if (result != 0) {
        free(*out);
        *out = NULL;
    }
    return result;
}

const char *who(const char *by)
{
    if (by != NULL)
        return by;
    const char *names[] = {getenv("LOGNAME"), getenv("USER"), NULL};
    const struct passwd *account = getpwuid(geteuid());
    names[2] = account ? account->pw_name : NULL;
    for (size_t i = 0; i < 3; i++) {
        if (names[i] != NULL && *names[i] != '\0' && text_is_utf8(text_of(names[i])))
            return names[i];
    }
    return NULL;
}
