/* SPDX-License-Identifier: Apache-2.0 */
#include "diff_summary.h"

void diff_tally_add(struct diff_tally *t, const struct difference *d)
{
    t->change[d->change]++;
    for (int k = 0; k < KIND_COUNT; k++)
        t->kinds[k] += d->kinds >> k & 1;
}

/* ---- what limits the comparison ---- */

static opa_text manifest_text(const struct side *side, const char *object, const char *key)
{
    opa_text text;
    const opa_json *manifest = opa_pack_manifest(side->source.pack);
    const struct cJSON *value = opa_json_get(opa_json_get(opa_json_root(manifest), object), key);
    return opa_json_text(manifest, value, &text) ? text : OPA_TEXT("?");
}

static opa_text seed(const struct side *side)
{
    opa_text text;
    const opa_json *manifest = opa_pack_manifest(side->source.pack);
    return opa_json_lexeme(manifest, opa_json_get(opa_json_root(manifest), "seed"), &text) ? text : OPA_TEXT("?");
}

/* At most four notes, each on a line; returns how many. */
static int notes(char out[4][256], const struct comparison *c)
{
    const struct side *s = c->sides;
    int n = 0;
    for (int i = 0; i < 2; i++) {
        if (s[i].lost_count > 0)
            snprintf(out[n++], 256, "%lld samples of %.150s cannot be read and are not compared",
                     (long long)s[i].lost_count, s[i].source.path);
    }
    if (s[0].own == NULL || s[1].own == NULL)
        return n;
    if (!c->by_weights) {
        const bool recipes = !text_equal(opa_recipe_json(s[0].own), opa_recipe_json(s[1].own));
        const opa_text a = manifest_text(&s[0], "tokenizer", "kind"), b = manifest_text(&s[1], "tokenizer", "kind");
        if (recipes)
            snprintf(out[n++], 256, "other recipe (%.60s, %.60s): scores are compared, token weights are not",
                     opa_recipe_name(s[0].own), opa_recipe_name(s[1].own));
        else
            snprintf(out[n++], 256, "other tokenizer (%.*s, %.*s): scores are compared, token weights are not",
                     (int)(a.size < 40 ? a.size : 40), a.data, (int)(b.size < 40 ? b.size : 40), b.data);
    }
    const opa_text x = seed(&s[0]), y = seed(&s[1]);
    if (!text_equal(x, y))
        snprintf(out[n++], 256, "other seed (%.*s, %.*s): the masks differ too, and are not compared",
                 (int)(x.size < 20 ? x.size : 20), x.data, (int)(y.size < 20 ? y.size : 20), y.data);
    return n;
}

void summary_notes(struct cli *cli, const struct comparison *c)
{
    char lines[4][256];
    const int n = notes(lines, c);
    for (int i = 0; i < n; i++)
        cli_note(cli, "%s", lines[i]);
}

/* ---- for people ---- */

static struct wrap begin_line(struct sheet *out)
{
    return (struct wrap){.sheet = out, .indent = 2, .columns = term_columns()};
}

static void put_kinds(struct sheet *out, const struct diff_tally *t)
{
    struct wrap w = begin_line(out);
    char number[32];
    const char *before = "";
    for (int k = 0; k < KIND_COUNT; k++) {
        if (t->kinds[k] == 0)
            continue;
        wrap_printf(&w, STYLE_PLAIN, "%s%s %s", before, thousands(number, t->kinds[k]), KIND_LABELS[k]);
        before = ", ";
    }
    wrap_end(&w);
}

static void put_left_out(struct sheet *out, const struct comparison *c, const struct diff_tally *t)
{
    const int store = c->sides[0].recipe ? 0 : 1;
    struct wrap w = begin_line(out);
    char number[32], code[16];
    int64_t all = 0;
    for (int i = 0; i < 1000; i++)
        all += t->left_out.of[i];
    if (all == 0)
        return;
    wrap_printf(&w, STYLE_DIM, "%s of ", thousands(number, all));
    wrap_string(&w, c->sides[store].source.path, STYLE_DIM);
    wrap_string(&w, all == 1 ? " is in no pack by decision:" : " are in no pack by decision:", STYLE_DIM);
    const char *before = " ";
    for (int i = 0; i < 1000; i++) {
        if (t->left_out.of[i] == 0)
            continue;
        wrap_printf(&w, STYLE_DIM, "%s%s %s (%s)", before, thousands(number, t->left_out.of[i]), code_name(i),
                    code_text(code, i));
        before = ", ";
    }
    wrap_end(&w);
}

void summary_page(struct sheet *out, const struct comparison *c, const struct diff_tally *t)
{
    struct wrap w = begin_line(out);
    char a[32], r[32], n[32], s[32], lines[4][256];
    w.indent = 0;
    wrap_printf(&w, STYLE_BOLD, "%s added, %s removed, %s changed, %s the same", thousands(a, t->change[CHANGE_ADDED]),
                thousands(r, t->change[CHANGE_REMOVED]), thousands(n, t->change[CHANGE_CHANGED]),
                thousands(s, t->same));
    wrap_end(&w);
    put_kinds(out, t);
    put_left_out(out, c, t);
    const int count = notes(lines, c);
    for (int i = 0; i < count; i++) {
        w = begin_line(out);
        wrap_string(&w, lines[i], STYLE_WARNING);
        wrap_end(&w);
    }
}
