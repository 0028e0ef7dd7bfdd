/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"
#include "view_out.h"

/* Corrections that are listed one by one. */
enum { TOP = 100 };

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

static void write_samples(opa_json_writer *w, const struct tally *t)
{
    write_count(w, "samples", t->samples);
    write_count(w, "images", t->images);
    opa_json_write_key(w, "pairs");
    write_pairs(w, &t->pairs);
    write_count(w, "edited_samples", t->edited);
    write_count(w, "excluded_samples", t->excluded);
    write_count(w, "left_out_samples", t->left_out);
    begin(w, "tokens");
    write_count(w, "kept", t->kept);
    write_count(w, "deleted", t->deleted);
    write_count(w, "inserted", t->inserted);
    opa_json_end_object(w);
    begin(w, "certificates");
    for (int c = OPA_EXACT; c <= OPA_BROKEN + 1; c++)
        write_count(w, tally_certificate_name(c % (OPA_BROKEN + 1)), t->certificates[c % (OPA_BROKEN + 1)]);
    opa_json_end_object(w);
}

static void write_sentences(opa_json_writer *w, const struct tally *t)
{
    static const char *const SCORES[] = {"none", "1", "2", "3", "4"};
    enum { TYPES = OPA_ERROR_TYPE_LANGUAGE + 1 };
    write_count(w, "sentences", t->sentences);
    write_count(w, "added", t->added);
    begin(w, "scores");
    for (int i = 1; i <= 5; i++)
        write_count(w, SCORES[i % 5], t->scores[i % 5]);
    opa_json_end_object(w);
    begin(w, "error_types");
    for (int i = 1; i <= TYPES; i++)
        write_count(w, tally_type_name(i % TYPES), t->error_types[i % TYPES]);
    opa_json_end_object(w);
}

static void write_corrections(opa_json_writer *w, const struct corrections *c)
{
    begin(w, "objects");
    write_count(w, "named", c->named);
    write_count(w, "distinct", (int64_t)c->ranked_count);
    opa_json_write_key(w, "top");
    opa_json_begin_array(w);
    for (size_t i = 0; i < c->ranked_count && i < TOP; i++) {
        opa_json_begin_object(w);
        opa_json_write_key(w, "from");
        opa_json_write_text(w, c->ranked[i].from);
        opa_json_write_key(w, "to");
        opa_json_write_text(w, c->ranked[i].to);
        write_count(w, "count", c->ranked[i].count);
        opa_json_end_object(w);
    }
    opa_json_end_array(w);
    opa_json_end_object(w);
}

static void write_shares(opa_json_writer *w, const struct tally *t)
{
    begin(w, "edit_share");
    write_count(w, "none", t->shares[0]);
    opa_json_write_key(w, "tenths");
    opa_json_begin_array(w);
    for (int i = 1; i <= TALLY_SHARES; i++)
        opa_json_write_integer(w, t->shares[i]);
    opa_json_end_array(w);
    write_count(w, "without_revised", t->without_revised);
    opa_json_end_object(w);
}

static void write_review(opa_json_writer *w, const struct tally *t)
{
    opa_json_write_key(w, "review");
    if (!t->reviewed) {
        opa_json_write_null(w);
        return;
    }
    opa_json_begin_object(w);
    for (int r = OPA_REVIEW_NONE; r <= OPA_REVIEW_EXCLUDED; r++)
        write_count(w, opa_review_name((opa_review)r), t->reviews[r]);
    opa_json_end_object(w);
}

static void write_lengths(opa_json_writer *w, const struct tally *t)
{
    static const struct {
        const char *key;
        unsigned percent;
    } PERCENTILES[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"max", 100}};
    begin(w, "lengths");
    for (int k = 0; k < TALLY_TEXTS; k++) {
        begin(w, tally_text_names[k]);
        for (size_t p = 0; p < sizeof PERCENTILES / sizeof *PERCENTILES; p++)
            write_count(w, PERCENTILES[p].key, lengths_percentile(&t->lengths[k], PERCENTILES[p].percent));
        opa_json_end_object(w);
    }
    opa_json_end_object(w);
}

static void write_tally(opa_json_writer *w, const struct tally *t)
{
    char code[16];
    opa_json_begin_object(w);
    write_samples(w, t);
    write_sentences(w, t);
    write_corrections(w, &t->corrections);
    write_shares(w, t);
    write_review(w, t);
    begin(w, "findings");
    for (int i = 0; i < 1000; i++) {
        if (t->codes.of[i] > 0)
            write_count(w, code_text(code, i), t->codes.of[i]);
    }
    opa_json_end_object(w);
    write_lengths(w, t);
    opa_json_write_key(w, "tokenizer");
    opa_json_write_string(w, opa_tokenizer_kind(t->tokenizer));
    opa_json_write_key(w, "filter");
    filter_json(w, t->filter);
    opa_json_end_object(w);
}

int tally_print_json(const struct tally *t)
{
    opa_json_writer *w;
    if (opa_json_writer_new(t->cli->ctx, &w) != OPA_OK)
        return cli_error(t->cli, EXIT_IO, "out of memory");
    write_tally(w, t);
    const int result = out_json_line(t->cli, w);
    opa_json_writer_free(w);
    return result;
}
