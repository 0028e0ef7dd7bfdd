/* SPDX-License-Identifier: Apache-2.0 */
/* Where the time of import and pack goes, and the floor below which no tool can be: every stage alone, one thread, over
 * one set.
 *
 *     stages TOKENIZER OUTPUT FILE...
 *
 * prints one JSON object: seconds a stage, bytes, records, tokens. OUTPUT is written with all image bytes, then
 * removed. */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <opapairs/opapairs.h>

#include "base/base64.h"
#include "base/sha256.h"

enum stage { READ, STREAM, GUARD, BASE64, SHA256, PROBE, ASSESS, TOKENIZE, WRITE, STAGES };
static const char *const names[STAGES] = {"read",  "stream", "guard",    "base64", "sha256",
                                          "probe", "assess", "tokenize", "write"};

typedef struct bench {
    opa_context *ctx;
    opa_tokenizer *tokenizer;
    opa_encoder *encoder;
    opa_tokens tokens;
    double seconds[STAGES];
    int64_t records, input, images, token_count;
    char *image;
    size_t image_room;
    int out;
} bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const bench *b, const char *what)
{
    fprintf(stderr, "stages: %s: %s\n", what, b->ctx ? opa_context_message(b->ctx) : "");
    exit(1);
}

static void read_plain(bench *b, const char *path)
{
    static char block[1 << 20];
    const double start = now();
    const int fd = open(path, O_RDONLY);
    ssize_t n;
    while ((n = read(fd, block, sizeof block)) > 0)
        b->input += n;
    close(fd);
    b->seconds[READ] += now() - start;
}

static void do_image(bench *b, opa_text encoded)
{
    const size_t room = encoded.size / 4 * 3 + 3;
    if (room > b->image_room && !(b->image = realloc(b->image, b->image_room = room)))
        die(b, "memory");
    uint8_t digest[OPA_SHA256_SIZE];
    size_t size = 0;
    opa_image_info info;
    double start = now(), end;
    const bool ok = opa_base64_decode(b->image, &size, encoded, NULL);
    b->seconds[BASE64] += (end = now()) - start;
    if (!ok)
        return;
    opa_sha256_of(digest, b->image, size);
    b->seconds[SHA256] += (start = now()) - end;
    opa_image_probe(b->ctx, &info, (opa_text){b->image, size}, NULL);
    b->seconds[PROBE] += (end = now()) - start;
    if (write(b->out, b->image, size) != (ssize_t)size)
        die(b, "write");
    b->seconds[WRITE] += now() - end;
    b->images += (int64_t)size;
}

static opa_text text_of(const opa_json *doc, const char *key)
{
    opa_text text = {0};
    opa_json_text(doc, opa_json_get(opa_json_root(doc), key), &text);
    return text;
}

static void do_record(bench *b, opa_text bytes)
{
    opa_json *doc;
    double start = now();
    const int status = opa_json_parse(b->ctx, &doc, bytes, NULL, NULL);
    b->seconds[GUARD] += now() - start;
    b->records++;
    if (status)
        return;
    do_image(b, text_of(doc, "image_bytes"));
    opa_json_place place;
    opa_sample sample = {.id = OPA_TEXT("x"),
                         .generated = text_of(doc, "original_generate_response"),
                         .revised = text_of(doc, "AI_pseudo_response"),
                         .ground_truth = text_of(doc, "standard_response"),
                         .report_expected = true};
    if (opa_json_place_of(doc, "AI_json_report", &place))
        sample.report = (opa_text){bytes.data + place.value.begin, place.value.end - place.value.begin};
    opa_assessment assessment;
    start = now();
    if (sample.generated.data && opa_assess(b->ctx, &assessment, &sample, NULL, NULL) == OPA_OK) {
        const opa_text texts[] = {sample.generated, assessment.alignment.revised, sample.ground_truth};
        const double end = now();
        b->seconds[ASSESS] += end - start;
        for (int i = 0; i < 3; i++)
            if (texts[i].data && opa_encoder_encode(b->encoder, &b->tokens, texts[i], 0) == OPA_OK)
                b->token_count += (int64_t)b->tokens.count;
        b->seconds[TOKENIZE] += now() - end;
        opa_assessment_release(&assessment);
    }
    opa_json_free(doc);
}

static void do_file(bench *b, const char *path)
{
    opa_json_stream *stream;
    opa_json_record record;
    if (opa_json_stream_open(b->ctx, &stream, path, NULL, NULL))
        die(b, path);
    for (;;) {
        const double start = now();
        const int status = opa_json_stream_next(stream, &record);
        b->seconds[STREAM] += now() - start;
        if (status != OPA_OK)
            break;
        do_record(b, record.bytes);
    }
    opa_json_stream_free(stream);
}

int main(int argc, char **argv)
{
    bench b = {0};
    if (argc < 4 || opa_context_new(&b.ctx))
        return 2;
    if (opa_tokenizer_open(b.ctx, &b.tokenizer, argv[1]) || opa_encoder_new(b.ctx, &b.encoder, b.tokenizer))
        die(&b, argv[1]);
    b.out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (b.out < 0)
        die(&b, argv[2]);
    for (int i = 3; i < argc; i++)
        read_plain(&b, argv[i]);
    for (int i = 3; i < argc; i++)
        do_file(&b, argv[i]);
    printf("{\"records\":%lld,\"input_bytes\":%lld,\"image_bytes\":%lld,\"tokens\":%lld,\"seconds\":{",
           (long long)b.records, (long long)b.input, (long long)b.images, (long long)b.token_count);
    for (int i = 0; i < STAGES; i++)
        printf("%s\"%s\":%.4f", i ? "," : "", names[i], b.seconds[i]);
    printf("}}\n");
    close(b.out);
    unlink(argv[2]);
    free(b.image);
    opa_tokens_release(&b.tokens);
    opa_encoder_free(b.encoder);
    opa_tokenizer_free(b.tokenizer);
    opa_context_free(b.ctx);
    return 0;
}
