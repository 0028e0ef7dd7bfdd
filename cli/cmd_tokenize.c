/* SPDX-License-Identifier: Apache-2.0 */
#include "inputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct tokenize {
    struct cli *cli;
    const char *path; /* for messages */
    FILE *input;
    bool jsonl;
    unsigned flags;
    opa_encoder *encoder;
    opa_tokens tokens;
    opa_json_writer *w;
};

static int print_tokens(struct tokenize *t, opa_text text)
{
    const int status = opa_encoder_encode(t->encoder, &t->tokens, text, t->flags);
    if (status != OPA_OK)
        return cli_fail(t->cli, status, t->path);
    opa_json_writer *w = t->w;
    opa_json_begin_object(w);
    opa_json_write_key(w, "ids");
    opa_json_begin_array(w);
    for (size_t i = 0; i < t->tokens.count; i++)
        opa_json_write_integer(w, t->tokens.ids[i]);
    opa_json_end_array(w);
    opa_json_write_key(w, "offsets");
    opa_json_begin_array(w);
    for (size_t i = 0; i < t->tokens.count; i++) {
        opa_json_begin_array(w);
        opa_json_write_integer(w, t->tokens.begin[i]);
        opa_json_write_integer(w, t->tokens.end[i]);
        opa_json_end_array(w);
    }
    opa_json_end_array(w);
    opa_json_end_object(w);
    return out_json_line(t->cli, w);
}

static int print_line(struct tokenize *t, opa_text line, int64_t number)
{
    if (!t->jsonl && !text_is_utf8(line))
        return cli_error(t->cli, EXIT_DATA, "%s: line %lld: not UTF-8; convert it, for example with iconv", t->path,
                         (long long)number);
    if (!t->jsonl)
        return print_tokens(t, line);
    opa_json_options options = OPA_JSON_OPTIONS_INIT;
    options.first_line = number;
    options.max_size = (size_t)1 << 30;
    opa_json *doc;
    opa_text text;
    const int status = opa_json_parse(t->cli->ctx, &doc, line, &options, NULL);
    if (status == OPA_ENOMEM)
        return cli_fail(t->cli, status, t->path);
    if (status != OPA_OK)
        return cli_error(t->cli, EXIT_DATA, "%s: line %lld: not a JSON string: %s", t->path, (long long)number,
                         opa_context_message(t->cli->ctx));
    int result;
    if (opa_json_text(doc, opa_json_root(doc), &text))
        result = print_tokens(t, text);
    else
        result = cli_error(t->cli, EXIT_DATA, "%s: line %lld: not a JSON string; with --jsonl each line is one",
                           t->path, (long long)number);
    opa_json_free(doc);
    return result;
}

static int each_line(struct tokenize *t)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    int result = 0;
    errno = 0;
    for (int64_t number = 1; result == 0 && out_alive(t->cli) && (size = getline(&line, &capacity, t->input)) >= 0;
         number++) {
        if (size > 0 && line[size - 1] == '\n')
            size--;
        result = print_line(t, (opa_text){line, (size_t)size}, number);
    }
    if (result == 0 && (ferror(t->input) || (!feof(t->input) && out_alive(t->cli))))
        result = cli_error(t->cli, errno == EISDIR ? EXIT_NO_INPUT : EXIT_IO, "%s: %s", t->path, strerror(errno));
    free(line);
    return result;
}

static int tokenize(struct tokenize *t, const opa_tokenizer *tokenizer)
{
    if (opa_encoder_new(t->cli->ctx, &t->encoder, tokenizer) != OPA_OK ||
        opa_json_writer_new(t->cli->ctx, &t->w) != OPA_OK)
        return cli_error(t->cli, EXIT_IO, "out of memory");
    t->input = strcmp(t->path, "-") == 0 ? stdin : fopen(t->path, "rb");
    if (t->input == NULL)
        return cli_error(t->cli, EXIT_NO_INPUT, "%s: %s", t->path, strerror(errno));
    if (t->input == stdin)
        t->path = "standard input";
    const int result = each_line(t);
    if (t->input != stdin)
        fclose(t->input);
    return result;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct tokenize t = {.cli = cli, .path = "-"};
    const char *path = NULL;
    bool plain = false;
    const struct flag flags[] = {{"tokenizer", 0, FLAG_TEXT, &path},
                                 {"no-special", 0, FLAG_SWITCH, &plain},
                                 {"jsonl", 0, FLAG_SWITCH, &t.jsonl}};
    int go = cli_options(cli, argc, argv, flags, 3);
    if (go != GO_ON || (go = cli_arguments(cli, 0, 1, "at most one file")) != GO_ON)
        return go;
    if (path == NULL)
        return cli_usage(cli, "give the tokenizer with --tokenizer FILE|CHECKPOINT_DIR");
    if (cli->arg_count == 1)
        t.path = cli->args[0];
    if (strcmp(path, "-") == 0 && strcmp(t.path, "-") == 0)
        return cli_usage(cli, "standard input is either the tokenizer or the texts");
    t.flags = plain ? OPA_ENCODE_PLAIN : OPA_ENCODE_SPECIAL;
    opa_tokenizer *tokenizer;
    int result = tokenizer_open(cli, &tokenizer, path);
    if (result != 0)
        return result;
    result = tokenize(&t, tokenizer);
    opa_json_writer_free(t.w);
    opa_tokens_release(&t.tokens);
    opa_encoder_free(t.encoder);
    opa_tokenizer_free(tokenizer);
    return result;
}

const struct command cmd_tokenize = {
    .name = "tokenize",
    .summary = "print the tokens of texts with their byte offsets",
    .help = "Example: echo 'A dog on a beach.' | opapairs tokenize --tokenizer llava-1.5-7b-hf/\n\n"
            "Usage: opapairs tokenize --tokenizer FILE [--no-special] [--jsonl] [FILE|-]\n\n"
            "Reads one text a line and prints {\"ids\":[...],\"offsets\":[[begin,end],...]}, offsets in bytes of the\n"
            "UTF-8 text; begin equals end where a token stands for none. BOS and the like are added as Hugging\n"
            "Face does.\n\n"
            "  --tokenizer FILE  tokenizer.json, tokenizer.model, or a folder that holds one\n"
            "  --no-special      add nothing\n"
            "  --jsonl           each line is one JSON string (which may hold line breaks)\n",
    .run = run,
};
