/* SPDX-License-Identifier: Apache-2.0 */
#include "lines.h"

#include <errno.h>
#include <string.h>

static int one_line(struct cli *cli, const char *path, const opa_json_record *record, line_fn line, void *user)
{
    opa_json *doc;
    opa_json_options options = OPA_JSON_OPTIONS_INIT;
    options.first_line = record->line;
    const int status = opa_json_parse(cli->ctx, &doc, record->bytes, &options, NULL);
    if (status != OPA_OK)
        return cli_fail(cli, status, path);
    const int result = line(user, doc, record->line);
    opa_json_free(doc);
    return result;
}

int each_line(struct cli *cli, const char *path, line_fn line, void *user)
{
    opa_json_stream *stream;
    opa_json_record record;
    int result = 0, status = opa_json_stream_open(cli->ctx, &stream, path, NULL, NULL);
    if (status != OPA_OK)
        return cli_fail(cli, status, path);
    while (result == 0 && (status = opa_json_stream_next(stream, &record)) == OPA_OK)
        result = one_line(cli, path, &record, line, user);
    opa_json_stream_free(stream);
    return result != 0 ? result : status == OPA_END ? 0 : cli_fail(cli, status, path);
}

int put_json_line(struct cli *cli, FILE *file, const char *name, opa_json_writer *w)
{
    opa_text line;
    if (opa_json_writer_finish(w, &line) != OPA_OK)
        return cli_error(cli, EXIT_IO, "out of memory");
    const bool good = fwrite(line.data, 1, line.size, file) == line.size && fputc('\n', file) != EOF;
    const int result = good ? 0 : cli_error(cli, EXIT_IO, "%s: %s", name, strerror(errno));
    opa_json_writer_clear(w);
    return result;
}
