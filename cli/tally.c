/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

#include "view_out.h"

const char *const tally_text_names[TALLY_TEXTS] = {"prompt", "generated", "revised", "ground_truth"};

const char *tally_type_name(int type)
{
    return type == OPA_ERROR_TYPE_NONE ? "none" : opa_error_type_name((opa_error_type)type);
}

const char *tally_certificate_name(int certificate)
{
    return certificate == OPA_CERTIFICATE_NONE ? "none" : opa_certificate_name((opa_certificate)certificate);
}

uint32_t lengths_percentile(const struct lengths *l, unsigned percent)
{
    const size_t rank = (l->count * percent + 99) / 100;
    return l->count == 0 ? 0 : l->of[rank > 0 ? rank - 1 : 0];
}

/* Room for one more item of an array. */
static bool grow(void **items, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return true;
    const size_t wanted = *capacity ? *capacity * 2 : 256;
    void *more = realloc(*items, wanted * size);
    if (more == NULL)
        return false;
    *items = more;
    *capacity = wanted;
    return true;
}

static bool push_length(struct lengths *l, size_t n)
{
    if (!grow((void **)&l->of, &l->capacity, l->count, sizeof *l->of))
        return false;
    l->of[l->count++] = (uint32_t)n;
    return true;
}

static bool push_image(struct tally *t, const opa_sample *sample)
{
    if (!sample->has_image)
        return true;
    if (!grow((void **)&t->hashes, &t->hash_capacity, t->hash_count, sizeof *t->hashes))
        return false;
    memcpy(t->hashes[t->hash_count++], sample->image_sha256, OPA_SHA256_SIZE);
    return true;
}

static bool count_report(struct tally *t, const opa_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const opa_sentence *s = &report->sentences[i];
        for (size_t k = 0; k < s->object_count; k++) {
            if (!corrections_add(&t->corrections, s->objects[k]))
                return false;
        }
        if (s->added) {
            t->added++;
            continue;
        }
        t->sentences++;
        t->scores[s->score]++;
        t->error_types[s->error_type]++;
    }
    return true;
}

/* Whole tens are the last of their bin. */
static void count_share(struct tally *t, const struct hunk_tokens *h)
{
    const int64_t edited = h->deleted + h->inserted, all = (int64_t)(h->tokens[0].count + h->tokens[1].count);
    t->shares[all == 0 ? 0 : (edited * TALLY_SHARES + all - 1) / all]++;
}

static int count_tokens(struct tally *t, const struct view *v)
{
    const opa_text texts[TALLY_TEXTS] = {[TALLY_PROMPT] = v->sample.prompt,
                                         [TALLY_GENERATED] = v->sample.generated,
                                         [TALLY_REVISED] = v->assessment.alignment.revised,
                                         [TALLY_GROUND_TRUTH] = v->sample.ground_truth};
    const bool hunks = v->assessment.alignment.hunk_count > 0;
    struct hunk_tokens h = {0};
    int status = hunk_tokens_make(&h, t->encoder, v);
    t->kept += h.kept;
    t->deleted += h.deleted;
    t->inserted += h.inserted;
    if (texts[TALLY_REVISED].data != NULL)
        count_share(t, &h);
    else
        t->without_revised++;
    for (int k = 0; k < TALLY_TEXTS && status == OPA_OK; k++) {
        const bool known = hunks && (k == TALLY_GENERATED || k == TALLY_REVISED);
        const opa_tokens *tokens = known ? &h.tokens[k - TALLY_GENERATED] : &t->scratch;
        if (texts[k].data == NULL)
            continue;
        status = known ? OPA_OK : opa_encoder_encode(t->encoder, &t->scratch, texts[k], OPA_ENCODE_PLAIN);
        if (status == OPA_OK && !push_length(&t->lengths[k], tokens->count))
            status = OPA_ENOMEM;
    }
    hunk_tokens_release(&h);
    return status;
}

static const char *base_name(const char *path)
{
    const char *at = path + strlen(path);
    while (at > path && at[-1] != '/')
        at--;
    return *at != '\0' ? at : path;
}

int tally_begin(struct tally *t, struct source *source, const struct filter *filter)
{
    *t = (struct tally){.cli = source->cli,
                        .name = base_name(source->path),
                        .filter = filter,
                        .tokenizer = source->tokenizer,
                        .reviewed = source->store != NULL};
    if (filter_in_force(filter) && (t->chosen = filter_text(filter)) == NULL)
        return cli_error(t->cli, EXIT_IO, "out of memory");
    const int status = opa_encoder_new(t->cli->ctx, &t->encoder, t->tokenizer);
    return status == OPA_OK ? 0 : cli_fail(t->cli, status, NULL);
}

int tally_sample(struct tally *t, const struct view *v)
{
    t->samples++;
    t->edited += v->edited;
    t->excluded += v->sample.excluded;
    t->left_out += v->left_out;
    t->pairs.language += v->pairs.language;
    t->pairs.image += v->pairs.image;
    t->pairs.anchor += v->pairs.anchor;
    t->certificates[v->certificate]++;
    t->reviews[v->sample.review]++;
    codes_count(&t->codes, &v->findings);
    const bool memory = count_report(t, &v->assessment.report) && push_image(t, &v->sample);
    const int status = memory ? count_tokens(t, v) : OPA_ENOMEM;
    return status == OPA_OK ? 0 : cli_fail(t->cli, status, t->name);
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

int tally_finish(struct tally *t)
{
    for (int k = 0; k < TALLY_TEXTS; k++) {
        if (t->lengths[k].count > 1)
            qsort(t->lengths[k].of, t->lengths[k].count, sizeof *t->lengths[k].of, by_value);
    }
    if (t->hash_count > 1)
        qsort(t->hashes, t->hash_count, sizeof *t->hashes, by_hash);
    for (size_t i = 0; i < t->hash_count; i++)
        t->images += i == 0 || by_hash(t->hashes[i], t->hashes[i - 1]) != 0;
    return corrections_rank(&t->corrections) ? 0 : cli_error(t->cli, EXIT_IO, "out of memory");
}

void tally_release(struct tally *t)
{
    for (int k = 0; k < TALLY_TEXTS; k++)
        free(t->lengths[k].of);
    corrections_release(&t->corrections);
    opa_tokens_release(&t->scratch);
    opa_encoder_free(t->encoder);
    free(t->hashes);
    free(t->chosen);
    *t = (struct tally){0};
}
