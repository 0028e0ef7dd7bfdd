/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <stdlib.h>
#include <string.h>

#include "term.h"
#include "view_out.h"

/* Lengths of one text of all samples, in tokens. */
struct lengths {
    const char *name;
    uint32_t *of;
    size_t count, capacity;
};

enum { PROMPT, GENERATED, REVISED, GROUND_TRUTH, LENGTH_KINDS };

struct stats {
    struct cli *cli;
    struct source source;
    struct filter filter;
    opa_encoder *encoder;
    opa_tokens scratch;
    int64_t samples, edited, excluded, left_out, kept, deleted, inserted, sentences, added;
    opa_pair_counts pairs;
    int64_t certificates[OPA_BROKEN + 1], scores[5], error_types[OPA_ERROR_TYPE_LANGUAGE + 1];
    struct code_counts codes;
    struct lengths lengths[LENGTH_KINDS];
    uint8_t (*images)[OPA_SHA256_SIZE]; /* of every sample that has one; sorted to count the distinct ones */
    size_t image_count, image_capacity;
};

/* ---- gathering ---- */

static bool push_length(struct lengths *l, size_t n)
{
    if (l->count == l->capacity) {
        const size_t capacity = l->capacity ? l->capacity * 2 : 256;
        uint32_t *more = realloc(l->of, capacity * sizeof *more);
        if (more == NULL)
            return false;
        l->of = more;
        l->capacity = capacity;
    }
    l->of[l->count++] = (uint32_t)n;
    return true;
}

static bool push_image(struct stats *st, const opa_sample *sample)
{
    if (!sample->has_image)
        return true;
    if (st->image_count == st->image_capacity) {
        const size_t capacity = st->image_capacity ? st->image_capacity * 2 : 256;
        void *more = realloc(st->images, capacity * sizeof *st->images);
        if (more == NULL)
            return false;
        st->images = more;
        st->image_capacity = capacity;
    }
    memcpy(st->images[st->image_count++], sample->image_sha256, OPA_SHA256_SIZE);
    return true;
}

static void count_report(struct stats *st, const opa_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const opa_sentence *s = &report->sentences[i];
        if (s->added) {
            st->added++;
            continue;
        }
        st->sentences++;
        st->scores[s->score]++;
        st->error_types[s->error_type]++;
    }
}

static int count_tokens(struct stats *st, const struct view *v)
{
    const opa_text texts[LENGTH_KINDS] = {[PROMPT] = v->sample.prompt,
                                          [GENERATED] = v->sample.generated,
                                          [REVISED] = v->assessment.alignment.revised,
                                          [GROUND_TRUTH] = v->sample.ground_truth};
    struct hunk_tokens t = {0};
    int status = hunk_tokens_make(&t, st->encoder, v);
    st->kept += t.kept;
    st->deleted += t.deleted;
    st->inserted += t.inserted;
    hunk_tokens_release(&t);
    for (int k = 0; k < LENGTH_KINDS && status == OPA_OK; k++) {
        if (texts[k].data == NULL)
            continue;
        status = opa_encoder_encode(st->encoder, &st->scratch, texts[k], OPA_ENCODE_PLAIN);
        if (status == OPA_OK && !push_length(&st->lengths[k], st->scratch.count))
            status = OPA_ENOMEM;
    }
    return status;
}

static int gather(void *user, struct view *v)
{
    struct stats *st = user;
    st->samples++;
    st->edited += v->edited;
    st->excluded += v->sample.excluded;
    st->left_out += v->left_out;
    st->pairs.language += v->pairs.language;
    st->pairs.image += v->pairs.image;
    st->pairs.anchor += v->pairs.anchor;
    st->certificates[v->certificate]++;
    codes_count(&st->codes, &v->findings);
    count_report(st, &v->assessment.report);
    const int status = push_image(st, &v->sample) ? count_tokens(st, v) : OPA_ENOMEM;
    return status == OPA_OK ? 0 : cli_fail(st->cli, status, st->source.path);
}

static int by_hash(const void *a, const void *b)
{
    return memcmp(a, b, OPA_SHA256_SIZE);
}

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int64_t distinct_images(struct stats *st)
{
    int64_t n = 0;
    if (st->image_count > 1)
        qsort(st->images, st->image_count, sizeof *st->images, by_hash);
    for (size_t i = 0; i < st->image_count; i++)
        n += i == 0 || memcmp(st->images[i], st->images[i - 1], OPA_SHA256_SIZE) != 0;
    return n;
}

/* The smallest length that @p percent of the texts do not exceed (nearest rank). */
static uint32_t percentile(const struct lengths *l, unsigned percent)
{
    const size_t rank = (l->count * percent + 99) / 100;
    return l->count == 0 ? 0 : l->of[rank > 0 ? rank - 1 : 0];
}

/* ---- printing ---- */

static const unsigned PERCENTS[] = {50, 90, 99, 100};
enum { PERCENT_COUNT = 4 };

static void write_count(opa_json_writer *w, const char *key, int64_t n)
{
    opa_json_write_key(w, key);
    opa_json_write_integer(w, n);
}

static void begin(opa_json_writer *w, const char *key)
{
    opa_json_write_key(w, key);
    opa_json_begin_object(w);
}

static const char *type_name(int type)
{
    return type == OPA_ERROR_TYPE_NONE ? "none" : opa_error_type_name((opa_error_type)type);
}

static const char *name_of_certificate(int c)
{
    return c == OPA_CERTIFICATE_NONE ? "none" : opa_certificate_name((opa_certificate)c);
}

static void write_sentences(opa_json_writer *w, const struct stats *st)
{
    static const char *const SCORES[] = {"none", "1", "2", "3", "4"};
    write_count(w, "sentences", st->sentences);
    write_count(w, "added", st->added);
    begin(w, "scores");
    for (int i = 1; i <= 5; i++)
        write_count(w, SCORES[i % 5], st->scores[i % 5]);
    opa_json_end_object(w);
    begin(w, "error_types");
    for (int i = 1; i <= OPA_ERROR_TYPE_LANGUAGE + 1; i++)
        write_count(w, type_name(i % (OPA_ERROR_TYPE_LANGUAGE + 1)),
                    st->error_types[i % (OPA_ERROR_TYPE_LANGUAGE + 1)]);
    opa_json_end_object(w);
}

static void write_lengths(opa_json_writer *w, const struct stats *st)
{
    begin(w, "lengths");
    for (int k = 0; k < LENGTH_KINDS; k++) {
        begin(w, st->lengths[k].name);
        for (int p = 0; p < PERCENT_COUNT; p++) {
            char key[8];
            snprintf(key, sizeof key, "p%u", PERCENTS[p]);
            write_count(w, PERCENTS[p] == 100 ? "max" : key, percentile(&st->lengths[k], PERCENTS[p]));
        }
        opa_json_end_object(w);
    }
    opa_json_end_object(w);
}

static void write_stats(opa_json_writer *w, const struct stats *st, int64_t images)
{
    char code[16];
    opa_json_begin_object(w);
    write_count(w, "samples", st->samples);
    write_count(w, "images", images);
    opa_json_write_key(w, "pairs");
    write_pairs(w, &st->pairs);
    write_count(w, "edited_samples", st->edited);
    write_count(w, "excluded_samples", st->excluded);
    write_count(w, "left_out_samples", st->left_out);
    begin(w, "tokens");
    write_count(w, "kept", st->kept);
    write_count(w, "deleted", st->deleted);
    write_count(w, "inserted", st->inserted);
    opa_json_end_object(w);
    begin(w, "certificates");
    for (int c = OPA_EXACT; c <= OPA_BROKEN + 1; c++)
        write_count(w, name_of_certificate(c % (OPA_BROKEN + 1)), st->certificates[c % (OPA_BROKEN + 1)]);
    opa_json_end_object(w);
    write_sentences(w, st);
    begin(w, "findings");
    for (int i = 0; i < 1000; i++) {
        if (st->codes.of[i] > 0)
            write_count(w, code_text(code, i), st->codes.of[i]);
    }
    opa_json_end_object(w);
    write_lengths(w, st);
    opa_json_write_key(w, "tokenizer");
    opa_json_write_string(w, opa_tokenizer_kind(st->source.tokenizer));
    opa_json_end_object(w);
}

static int print_json(struct stats *st, int64_t images)
{
    opa_json_writer *w;
    if (opa_json_writer_new(st->cli->ctx, &w) != OPA_OK)
        return cli_error(st->cli, EXIT_IO, "out of memory");
    write_stats(w, st, images);
    const int result = out_json_line(st->cli, w);
    opa_json_writer_free(w);
    return result;
}

static void print_row(struct cli *cli, const char *what, int64_t n, const char *remark)
{
    char number[32];
    out_printf(cli, "  %-32s %12s  %s\n", what, thousands(number, n), remark);
}

static void print_title(struct cli *cli, const char *title)
{
    out_printf(cli, "%s%s%s\n", style_begin(cli, STYLE_BOLD), title, style_end(cli, STYLE_BOLD));
}

static void print_plain(struct stats *st, int64_t images)
{
    struct cli *cli = st->cli;
    print_title(cli, "samples");
    print_row(cli, "all", st->samples, "");
    print_row(cli, "edited", st->edited, "");
    print_row(cli, "left out by the default recipe", st->left_out, "");
    print_row(cli, "excluded by a person", st->excluded, "");
    print_row(cli, "distinct images", images, "");
    for (int c = OPA_EXACT; c <= OPA_BROKEN; c++)
        print_row(cli, name_of_certificate(c), st->certificates[c], "");
    print_row(cli, "without a report", st->certificates[OPA_CERTIFICATE_NONE], "");
    print_title(cli, "pairs");
    print_row(cli, "language", (int64_t)st->pairs.language, "");
    print_row(cli, "image", (int64_t)st->pairs.image, "");
    print_row(cli, "anchor", (int64_t)st->pairs.anchor, "");
    print_title(cli, "sentences");
    for (int i = 1; i <= 4; i++) {
        const char *const names[] = {"score 1", "score 2", "score 3", "score 4"};
        print_row(cli, names[i - 1], st->scores[i], "");
    }
    for (int i = OPA_ERROR_TYPE_CORRECT; i <= OPA_ERROR_TYPE_LANGUAGE; i++)
        print_row(cli, type_name(i), st->error_types[i], "");
    print_row(cli, "added", st->added, "");
    out_printf(cli, "%stokens%s (%s)\n", style_begin(cli, STYLE_BOLD), style_end(cli, STYLE_BOLD),
               opa_tokenizer_kind(st->source.tokenizer));
    print_row(cli, "kept", st->kept, "");
    print_row(cli, "deleted", st->deleted, "");
    print_row(cli, "inserted", st->inserted, "");
    for (int k = 0; k < LENGTH_KINDS; k++) {
        const struct lengths *l = &st->lengths[k];
        if (l->count > 0)
            out_printf(cli, "  %-14s median %u, 90 %% %u, 99 %% %u, longest %u\n", l->name, percentile(l, 50),
                       percentile(l, 90), percentile(l, 99), percentile(l, 100));
    }
    print_title(cli, "findings");
    for (int i = 0; i < 1000; i++) {
        char line[64], code[16];
        snprintf(line, sizeof line, "%s %s", code_text(code, i), code_name(i));
        if (st->codes.of[i] > 0)
            print_row(cli, line, st->codes.of[i], opa_severity_name(code_severity(i)));
    }
}

static int stats(struct stats *st, bool json)
{
    int result = source_note_all(&st->source);
    if (result != 0)
        return result;
    /* Findings of records that became no sample count too, unless samples are chosen. */
    for (size_t i = 0;
         !filter_selects(&st->filter) && i < st->source.stored.count && st->source.stored.items[i].id == NULL; i++) {
        if (st->source.stored.items[i].code > 0 && st->source.stored.items[i].code < 1000)
            st->codes.of[st->source.stored.items[i].code]++;
    }
    const int status = opa_encoder_new(st->cli->ctx, &st->encoder, st->source.tokenizer);
    result = status == OPA_OK ? filter_each(&st->filter, &st->source, NULL, 0, "stats", gather, st)
                              : cli_fail(st->cli, status, NULL);
    if (result != 0)
        return result;
    for (int k = 0; k < LENGTH_KINDS; k++) {
        if (st->lengths[k].count > 1)
            qsort(st->lengths[k].of, st->lengths[k].count, sizeof *st->lengths[k].of, by_value);
    }
    const int64_t images = distinct_images(st);
    if (json)
        return print_json(st, images);
    print_plain(st, images);
    return EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct stats st = {.cli = cli, .filter = FILTER_INIT};
    static const char *const NAMES[] = {"prompt", "generated", "revised", "ground_truth"};
    const char *tokenizer = NULL;
    bool json = false;
    struct flag flags[2 + FILTER_FLAGS] = {{"json", 0, FLAG_SWITCH, &json}, {"tokenizer", 0, FLAG_TEXT, &tokenizer}};
    filter_flags(flags + 2, &st.filter);
    int go = cli_options(cli, argc, argv, flags, 2 + FILTER_FLAGS);
    if (go != GO_ON || (go = cli_arguments(cli, 1, 1, "a store or a pack")) != GO_ON)
        return go;
    int result = filter_prepare(&st.filter, cli);
    if (result == 0)
        result = source_open(&st.source, cli, cli->args[0]);
    if (result != 0) {
        filter_release(&st.filter);
        return result;
    }
    for (int k = 0; k < LENGTH_KINDS; k++)
        st.lengths[k].name = NAMES[k];
    result = source_tokenizer(&st.source, tokenizer);
    if (result == 0)
        result = stats(&st, json);
    for (int k = 0; k < LENGTH_KINDS; k++)
        free(st.lengths[k].of);
    free(st.images);
    opa_tokens_release(&st.scratch);
    opa_encoder_free(st.encoder);
    source_close(&st.source);
    filter_release(&st.filter);
    return result;
}

const struct command cmd_stats = {
    .name = "stats",
    .summary = "count samples, pairs, scores, error types, findings and lengths",
    .help = "Example: opapairs stats set.opa\n"
            "         opapairs stats packs/v1 --tokenizer llava-1.5-7b-hf/ --json\n\n"
            "Usage: opapairs stats STORE|PACK [--tokenizer FILE] [--json]\n" FILTER_USAGE "\n"
            "Pairs are the ones that the default recipe builds from a store, or that stand in a pack. Lengths are\n"
            "in tokens, percentiles by nearest rank.\n\n"
            "  --tokenizer FILE  count in the model's tokens (a file or a checkpoint folder); words when not\n"
            "                    given\n"
            "  --json            one JSON document\n\n" FILTER_HELP,
    .run = run,
};
