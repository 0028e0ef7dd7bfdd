/* SPDX-License-Identifier: Apache-2.0 */
/* The guard and the stream over any bytes. What the guard accepts is written and parsed again, strictly, and must say
 * the same. */
#include <opapairs/json.h>

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

/* Depth is bounded by the guard's limit. */
static void write_value(opa_json_writer *w, const opa_json *doc, const cJSON *v)
{
    opa_text t;
    if (opa_json_text(doc, v, &t)) {
        opa_json_write_text(w, t);
    } else if (opa_json_lexeme(doc, v, &t)) {
        opa_json_write_raw(w, t);
    } else if (cJSON_IsObject(v) || cJSON_IsArray(v)) {
        (cJSON_IsObject(v) ? opa_json_begin_object : opa_json_begin_array)(w);
        for (const cJSON *child = v->child; child; child = child->next) {
            if (cJSON_IsObject(v))
                opa_json_write_key_text(w, opa_json_key(doc, child));
            write_value(w, doc, child);
        }
        (cJSON_IsObject(v) ? opa_json_end_object : opa_json_end_array)(w);
    } else if (opa_json_is_null(v)) {
        opa_json_write_null(w);
    } else {
        opa_json_write_bool(w, cJSON_IsTrue(v));
    }
}

static bool equal(opa_text a, opa_text b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static void compare(const opa_json *a, const cJSON *x, const opa_json *b, const cJSON *y)
{
    opa_text s, t;
    double p, q;
    int64_t m = 0, n = 0;
    require(x->type == y->type, "another type");
    if (opa_json_text(a, x, &s))
        require(opa_json_text(b, y, &t) && equal(s, t), "another text");
    if (opa_json_number(a, x, &p)) {
        require(opa_json_number(b, y, &q) && p == q, "another number");
        require(opa_json_integer(a, x, &m) == opa_json_integer(b, y, &n) && m == n, "another integer");
    }
    const cJSON *u = x->child, *v = y->child;
    for (; u && v; u = u->next, v = v->next) {
        if (cJSON_IsObject(x))
            require(equal(opa_json_key(a, u), opa_json_key(b, v)), "another key");
        compare(a, u, b, v);
    }
    require(!u && !v, "another number of members");
}

static void round_trip(opa_context *ctx, const opa_json *doc)
{
    opa_json_writer *w;
    opa_json *again;
    opa_text out;
    require(opa_json_writer_new(ctx, &w) == OPA_OK, "memory");
    write_value(w, doc, opa_json_root(doc));
    require(opa_json_writer_finish(w, &out) == OPA_OK, "memory");
    require(opa_json_parse(ctx, &again, out, NULL, NULL) == OPA_OK, "what was written does not parse");
    compare(doc, opa_json_root(doc), again, opa_json_root(again));
    double x;
    if (opa_json_number(doc, opa_json_root(doc), &x)) {
        opa_json *number;
        double y;
        opa_json_writer_clear(w);
        opa_json_write_number(w, x);
        require(opa_json_writer_finish(w, &out) == OPA_OK, "memory");
        require(opa_json_parse(ctx, &number, out, NULL, NULL) == OPA_OK, "a number does not parse");
        require(opa_json_is_null(opa_json_root(number)) ||
                    (opa_json_number(number, opa_json_root(number), &y) && x == y),
                "a number does not read back");
        opa_json_free(number);
    }
    opa_json_free(again);
    opa_json_writer_free(w);
}

static void parse(opa_context *ctx, opa_text bytes)
{
    opa_findings findings = {0};
    opa_json_options strict = OPA_JSON_OPTIONS_INIT;
    opa_json *doc, *strictly;
    strict.strict = true;
    const int status = opa_json_parse(ctx, &doc, bytes, NULL, &findings);
    require(status == OPA_OK || status == OPA_EDATA, "an unexpected status");
    require(status == OPA_OK || findings.count > 0, "refused without a finding");
    require(opa_json_parse(ctx, &strictly, bytes, &strict, NULL) != OPA_OK || doc, "strict accepts more");
    if (doc)
        round_trip(ctx, doc);
    opa_json_free(strictly);
    opa_json_free(doc);
    opa_findings_release(&findings);
}

/* Records follow one another and lie where they say. */
static void stream(opa_context *ctx, opa_text bytes, size_t max_size)
{
    opa_findings findings = {0};
    opa_json_options options = OPA_JSON_OPTIONS_INIT;
    opa_json_stream *s;
    opa_json_record r;
    int64_t end = 0, line = 0;
    int status;
    options.max_size = max_size;
    if (opa_json_stream_memory(ctx, &s, bytes, &options, &findings) == OPA_OK) {
        while ((status = opa_json_stream_next(s, &r)) == OPA_OK || status == OPA_ERECORD) {
            require(r.offset >= end && r.line >= line, "records overlap");
            end = r.offset + (int64_t)r.bytes.size;
            line = r.line;
            int64_t lines = 1;
            for (int64_t i = 0; i < r.offset; i++)
                lines += bytes.data[i] == '\n';
            require(lines == r.line, "a wrong line");
            if (status == OPA_ERECORD)
                continue;
            require((size_t)end <= bytes.size && memcmp(bytes.data + r.offset, r.bytes.data, r.bytes.size) == 0,
                    "a wrong place");
            parse(ctx, r.bytes);
        }
        require(status == OPA_END, "a stream that does not end");
    }
    opa_json_stream_free(s);
    opa_findings_release(&findings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    opa_context *ctx;
    if (opa_context_new(&ctx) != OPA_OK)
        return 0;
    const opa_text bytes = {(const char *)data, size};
    parse(ctx, bytes);
    stream(ctx, bytes, (size_t)1 << 20);
    stream(ctx, bytes, 16);
    opa_context_free(ctx);
    return 0;
}
