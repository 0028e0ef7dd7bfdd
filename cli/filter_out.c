/* SPDX-License-Identifier: Apache-2.0 */
/* Saying which filter was in force. */
#include <stdlib.h>
#include <string.h>

#include "filter.h"

bool filter_in_force(const struct filter *f)
{
    return filter_selects(f) || f->limit >= 0;
}

/* ---- as a document ---- */

static void write_texts(opa_json_writer *w, const char *key, const struct texts *texts)
{
    opa_json_write_key(w, key);
    opa_json_begin_array(w);
    for (size_t i = 0; i < texts->count; i++)
        opa_json_write_string(w, texts->of[i]);
    opa_json_end_array(w);
}

static void write_text(opa_json_writer *w, const char *key, const char *text)
{
    opa_json_write_key(w, key);
    opa_json_write_string(w, text);
}

void filter_json(opa_json_writer *w, const struct filter *f)
{
    if (!filter_in_force(f)) {
        opa_json_write_null(w);
        return;
    }
    opa_json_begin_object(w);
    write_texts(w, "only", &f->only);
    write_text(w, "score", f->score);
    write_text(w, "type", f->type);
    write_texts(w, "code", &f->code);
    write_texts(w, "grep", &f->grep);
    opa_json_write_key(w, "ignore_case");
    opa_json_write_bool(w, f->ignore_case);
    write_text(w, "ids", f->ids);
    write_text(w, "sort", f->sort);
    opa_json_write_key(w, "limit");
    if (f->limit < 0)
        opa_json_write_null(w);
    else
        opa_json_write_integer(w, f->limit);
    opa_json_end_object(w);
}

/* ---- as it would be typed ---- */

static void put_option(FILE *out, const char *name, const char *value)
{
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,._/-+:@%";
    if (value == NULL)
        return;
    fprintf(out, " --%s ", name);
    if (*value != '\0' && strspn(value, PLAIN) == strlen(value)) {
        fputs(value, out);
        return;
    }
    fputc('\'', out);
    for (; *value != '\0'; value++) {
        if (*value == '\'')
            fputs("'\\''", out);
        else
            fputc(*value, out);
    }
    fputc('\'', out);
}

static void put_options(FILE *out, const char *name, const struct texts *values)
{
    for (size_t i = 0; i < values->count; i++)
        put_option(out, name, values->of[i]);
}

char *filter_text(const struct filter *f)
{
    char *text = NULL, number[32];
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    fputs("chosen:", out);
    put_options(out, "only", &f->only);
    put_option(out, "score", f->score);
    put_option(out, "type", f->type);
    put_options(out, "code", &f->code);
    put_options(out, "grep", &f->grep);
    fputs(f->ignore_case && f->grep.count > 0 ? " --ignore-case" : "", out);
    put_option(out, "ids", f->ids);
    if (f->limit >= 0) {
        snprintf(number, sizeof number, "%lld", (long long)f->limit);
        put_option(out, "sort", f->sort);
        put_option(out, "limit", number);
    }
    if (fclose(out) != 0) {
        free(text);
        text = NULL;
    }
    return text;
}
