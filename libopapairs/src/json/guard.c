/* SPDX-License-Identifier: Apache-2.0 */
/* The guard reads the bytes once: it validates them (RFC 8259), decodes texts, finds duplicate keys, and writes a
 * skeleton of the document, in which every string value is "" and every number 0. cJSON parses the skeleton, so nothing
 * that it could damage passes through it; then texts and numbers are put in, in order: the n-th string or number of the
 * tree is values[n], whose number is kept in valueint. A text without escapes stays where it is in the input, so a
 * picture in base64 costs one scan and no copy. */
#include <opapairs/json.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/context.h"
#include "base/findings.h"
#include "base/utf8.h"
#include "json/document.h"
#include "json/number.h"
#include "json/string.h"

/* cJSON refuses what is nested deeper. */
#define DEPTH_LIMIT ((size_t)CJSON_NESTING_LIMIT)
/* Bounds the tree to about 0.5 GB, whatever the bytes say: "[1,1,1..." grows fiftyfold. */
#define VALUES_LIMIT ((size_t)4 << 20)
/* Findings of one code that are listed one by one; the rest is one more finding with their number. */
#define LISTED_MAX 16
/* A key of an object that is still open. The keys of all open objects lie on one stack, so those of one object are
 * neighbours. */
typedef struct member {
    opa_text name;
    size_t ordinal; /* counts the document's members in order */
    int64_t line;
} member;

/* An open array or object. */
typedef struct level {
    bool object;
    size_t first_key; /* of the stack of keys */
    size_t index;     /* of the element that is being read */
} level;

typedef struct guard {
    opa_context *ctx;
    opa_json *doc;
    opa_findings *findings;
    opa_json_options options;
    const char *s;
    size_t size, at;
    int64_t line;
    size_t line_begin;
    opa_buffer skeleton;
    level *levels;
    size_t depth;
    member *keys;
    size_t key_count, key_capacity;
    size_t *dropped; /* ordinals of members that a later one replaces */
    size_t dropped_count, dropped_capacity;
    size_t member_count, node_count;
    size_t seen[OPA_F_FIELD_TYPE + 1]; /* findings by code */
} guard;

/* ---- findings ---- */

/* Where the guard stands, as "a.3.b"; "" for the root. */
static void path_of(const guard *g, opa_buffer *out)
{
    for (size_t i = 0; i < g->depth && out->size < 200; i++) {
        const level *l = &g->levels[i];
        const size_t keys_end = i + 1 < g->depth ? g->levels[i + 1].first_key : g->key_count;
        if (l->object && keys_end == l->first_key)
            break;
        if (out->size)
            opa_buffer_add_char(out, '.');
        if (!l->object) {
            opa_buffer_printf(out, "%zu", l->index);
            continue;
        }
        opa_text name = g->keys[keys_end - 1].name;
        name.size = name.size < 80 ? name.size : 80;
        opa_utf8_clean(out, name);
    }
}

static int note_at(guard *g, int code, int64_t line, const char *message)
{
    if (!g->findings || g->seen[code]++ >= LISTED_MAX)
        return OPA_OK;
    opa_buffer path = {0};
    path_of(g, &path);
    int status = path.failed ? OPA_ENOMEM : OPA_OK;
    if (status == OPA_OK)
        status = opa_findings_add(g->findings, code, line, path.size ? path.data : NULL, "%s", message);
    opa_buffer_release(&path);
    return status == OPA_OK ? OPA_OK : opa_fail_memory(g->ctx);
}

static int note(guard *g, int code, const char *message)
{
    return note_at(g, code, g->line, message);
}

/* 1-based, in characters. */
static size_t column_of(const guard *g, size_t at)
{
    size_t column = 1;
    for (size_t i = g->line_begin; i < at; i++)
        column += ((unsigned char)g->s[i] & 0xC0) != 0x80;
    return column;
}

static int refuse(guard *g, int code, size_t at, const char *what)
{
    char message[256];
    const size_t column = column_of(g, at);
    snprintf(message, sizeof message, "column %zu: %s", column, what);
    g->seen[code] = 0;
    const int status = note(g, code, message);
    return status == OPA_OK ? opa_fail(g->ctx, OPA_EDATA, "line %lld, %s", (long long)g->line, message) : status;
}

/* "expected WHAT, found ..." */
static int expected(guard *g, const char *what)
{
    char message[160], found[32] = "the end";
    if (g->at < g->size) {
        const unsigned char c = (unsigned char)g->s[g->at];
        if (c > 0x20 && c < 0x7F)
            snprintf(found, sizeof found, "'%c'", c);
        else
            snprintf(found, sizeof found, "byte 0x%02X", c);
    }
    snprintf(message, sizeof message, "expected %s, found %s", what, found);
    return refuse(g, OPA_F_JSON_INVALID, g->at, message);
}

/* Say how many findings were not listed. */
static int note_rest(guard *g)
{
    for (int code = 0; code <= OPA_F_FIELD_TYPE; code++) {
        if (g->seen[code] > LISTED_MAX && opa_findings_add(g->findings, code, 0, NULL, "the same in %zu more places",
                                                           g->seen[code] - LISTED_MAX) != OPA_OK)
            return opa_fail_memory(g->ctx);
    }
    return OPA_OK;
}

/* ---- growing arrays ---- */

/* Room for one more item in the array whose pointer lies at @p array. */
static bool grow(void *array, size_t count, size_t *capacity, size_t item_size)
{
    if (count < *capacity)
        return true;
    const size_t wanted = *capacity ? *capacity * 2 : 64;
    void *items;
    memcpy(&items, array, sizeof items); /* it points to some other type */
    items = wanted > SIZE_MAX / item_size ? NULL : realloc(items, wanted * item_size);
    if (!items)
        return false;
    memcpy(array, &items, sizeof items);
    *capacity = wanted;
    return true;
}

#define PUSH(array, count, capacity, ...)                                                                              \
    (grow(&(array), (count), &(capacity), sizeof *(array)) ? ((array)[(count)++] = (__VA_ARGS__), true) : false)

/* ---- white space, literals, numbers, strings ---- */

static void skip_space(guard *g)
{
    for (; g->at < g->size; g->at++) {
        const char c = g->s[g->at];
        if (c == '\n') {
            g->line++;
            g->line_begin = g->at + 1;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return;
        }
    }
}

static bool literal(guard *g, const char *word)
{
    const size_t n = strlen(word);
    if (g->size - g->at < n || memcmp(g->s + g->at, word, n) != 0)
        return false;
    g->at += n;
    return true;
}

static int add_value(guard *g, opa_text value, const char *skeleton)
{
    opa_json *d = g->doc;
    opa_buffer_add_string(&g->skeleton, skeleton);
    return PUSH(d->values, d->value_count, d->value_capacity, value) ? OPA_OK : opa_fail_memory(g->ctx);
}

/* Texts are decoded where they must be; everything else about them is found out on the way. */
static int string_at(guard *g, opa_text *out)
{
    const char *const s = g->s + g->at + 1;
    opa_json_string string;
    opa_json_string_scan(&string, s, g->size - g->at - 1, g->options.strict);
    if (string.code)
        return refuse(g, string.code, g->at + 1 + string.size, string.why);
    *out = (opa_text){s, string.size};
    const size_t begin = g->at;
    g->at += string.size + 2;
    if (string.plain)
        return OPA_OK;
    size_t lone, nuls;
    char *text = opa_arena_alloc(g->doc->arena, string.size + 1);
    if (!text)
        return opa_fail_memory(g->ctx);
    *out = (opa_text){text, opa_json_string_decode(text, *out, &lone, &nuls)};
    if (lone && g->options.strict)
        return refuse(g, OPA_F_LONE_SURROGATE, begin, "half of a surrogate pair in a string");
    char message[80];
    int status = OPA_OK;
    snprintf(message, sizeof message, "half of a surrogate pair, kept (%zu in this text)", lone);
    if (lone)
        status = note(g, OPA_F_LONE_SURROGATE, message);
    snprintf(message, sizeof message, "U+0000 in a text, kept (%zu in this text)", nuls);
    if (status == OPA_OK && nuls)
        status = note(g, OPA_F_NUL_CHARACTER, message);
    return status;
}

static int number_at(guard *g)
{
    const size_t n = opa_json_number_scan(g->s + g->at, g->size - g->at);
    if (n == 0)
        return refuse(g, OPA_F_JSON_INVALID, g->at, "a number that JSON does not have");
    const opa_text lexeme = {g->s + g->at, n};
    bool held = true;
    int status = OPA_OK;
    if (n > 15 || memchr(lexeme.data, 'e', n) || memchr(lexeme.data, 'E', n))
        opa_json_number_double(lexeme, &held);
    if (!held) {
        char message[128];
        snprintf(message, sizeof message, "%.*s%s is more than a double holds, kept as written", (int)(n < 48 ? n : 48),
                 lexeme.data, n > 48 ? "..." : "");
        status = note(g, OPA_F_NUMBER_EXACT, message);
    }
    g->at += n;
    return status == OPA_OK ? add_value(g, lexeme, "0") : status;
}

/* NaN, Infinity, -Infinity, as Python writes them. */
static int not_finite(guard *g, const char *word)
{
    char message[64];
    if (g->options.strict)
        return refuse(g, OPA_F_BARE_NAN, g->at - strlen(word), "NaN and Infinity are not JSON");
    opa_buffer_add_string(&g->skeleton, "null");
    snprintf(message, sizeof message, "%s as a value, read as null", word);
    return note(g, OPA_F_BARE_NAN, message);
}

/* ---- objects ---- */

static int same_name(const member *a, const member *b)
{
    if (a->name.size != b->name.size)
        return a->name.size < b->name.size ? -1 : 1;
    return memcmp(a->name.data, b->name.data, a->name.size);
}

static int by_name(const void *x, const void *y)
{
    const member *a = x, *b = y;
    const int order = same_name(a, b);
    return order ? order : a->ordinal < b->ordinal ? -1 : a->ordinal > b->ordinal;
}

static int drop(guard *g, const member *old, const member *winner)
{
    char message[160];
    opa_text name = winner->name;
    name.size = name.size < 64 ? name.size : 64;
    const size_t visible = opa_wtf8_valid(name); /* a character may have been cut */
    snprintf(message, sizeof message, "the key \"%.*s\" stands twice", (int)visible, name.data);
    const int status = note_at(g, OPA_F_DUPLICATE_KEY, winner->line, message);
    if (status != OPA_OK)
        return status;
    return PUSH(g->dropped, g->dropped_count, g->dropped_capacity, old->ordinal) ? OPA_OK : opa_fail_memory(g->ctx);
}

/* Find the keys of the object that ends here which stand in it more than once, and leave its keys behind. Few are
 * compared in pairs; many are sorted, which no choice of keys makes slow. */
static int close_keys(guard *g, size_t first_key)
{
    member *keys = g->keys + first_key;
    const size_t count = g->key_count - first_key;
    int status = OPA_OK;
    g->key_count = first_key;
    if (count > 24) {
        qsort(keys, count, sizeof *keys, by_name);
        for (size_t i = 1; status == OPA_OK && i < count; i++)
            if (same_name(&keys[i - 1], &keys[i]) == 0)
                status = drop(g, &keys[i - 1], &keys[i]);
        return status;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        size_t j = i + 1;
        while (j < count && same_name(&keys[i], &keys[j]) != 0)
            j++;
        if (j < count && status == OPA_OK)
            status = drop(g, &keys[i], &keys[j]);
    }
    return status;
}

static int add_key(guard *g, opa_text key)
{
    opa_json *d = g->doc;
    opa_buffer *out = &g->skeleton;
    opa_buffer_add_char(out, '"');
    if (memchr(key.data, '\0', key.size)) {
        opa_buffer_printf(out, "%c%zu", OPA_JSON_NUL_KEY, d->nul_key_count);
        if (!PUSH(d->nul_keys, d->nul_key_count, d->nul_key_capacity, key))
            return opa_fail_memory(g->ctx);
    } else if (memchr(key.data, '"', key.size) || memchr(key.data, '\\', key.size)) {
        for (size_t i = 0; i < key.size; i++) {
            if (key.data[i] == '"' || key.data[i] == '\\')
                opa_buffer_add_char(out, '\\');
            opa_buffer_add_char(out, key.data[i]);
        }
    } else {
        opa_buffer_add_text(out, key);
    }
    opa_buffer_add_string(out, "\":");
    return OPA_OK;
}

/* A key and its colon; then stands before the value. */
static int key_at(guard *g)
{
    opa_text key = {0};
    const size_t ordinal = g->member_count++;
    if (g->at >= g->size || g->s[g->at] != '"')
        return expected(g, "a key in quotes");
    int status = string_at(g, &key);
    if (status != OPA_OK)
        return status;
    if (!PUSH(g->keys, g->key_count, g->key_capacity, (member){key, ordinal, g->line}))
        return opa_fail_memory(g->ctx);
    status = add_key(g, key);
    if (status != OPA_OK)
        return status;
    skip_space(g);
    if (g->at >= g->size || g->s[g->at] != ':')
        return expected(g, "':' behind a key");
    g->at++;
    skip_space(g);
    opa_json *d = g->doc;
    const opa_json_member_place here = {key, {{g->at, g->at}, g->line}};
    if (g->depth == 1 && !PUSH(d->places, d->place_count, d->place_capacity, here))
        return opa_fail_memory(g->ctx);
    return OPA_OK;
}

/* ---- the document ---- */

/* Stands behind an opening bracket. *opened: the first value comes next; otherwise the container was empty and is
 * closed. */
static int open_level(guard *g, bool object, bool *opened)
{
    if (g->depth >= g->options.max_depth) {
        char message[80];
        snprintf(message, sizeof message, "nested more than %zu deep", g->options.max_depth);
        return refuse(g, OPA_F_JSON_DEPTH, g->at - 1, message);
    }
    opa_buffer_add_char(&g->skeleton, object ? '{' : '[');
    skip_space(g);
    if (g->at < g->size && g->s[g->at] == (object ? '}' : ']')) {
        g->at++;
        opa_buffer_add_char(&g->skeleton, object ? '}' : ']');
        return OPA_OK;
    }
    g->levels[g->depth++] = (level){.object = object, .first_key = g->key_count};
    *opened = true;
    return object ? key_at(g) : OPA_OK;
}

/* One scalar, or the beginning of a container (*opened, unless it is empty). */
static int value_at(guard *g, bool *opened)
{
    opa_text text = {0};
    int status;
    *opened = false;
    if (g->at >= g->size)
        return expected(g, "a value");
    if (++g->node_count > VALUES_LIMIT)
        return refuse(g, OPA_F_JSON_SIZE, g->at, "more than 4194304 values in one document");
    switch (g->s[g->at]) {
    case '{':
    case '[':
        g->at++;
        return open_level(g, g->s[g->at - 1] == '{', opened);
    case '"':
        status = string_at(g, &text);
        return status == OPA_OK ? add_value(g, text, "\"\"") : status;
    case '-':
        if (literal(g, "-Infinity"))
            return not_finite(g, "-Infinity");
        return number_at(g);
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return number_at(g);
    default:
        break;
    }
    if (literal(g, "NaN"))
        return not_finite(g, "NaN");
    if (literal(g, "Infinity"))
        return not_finite(g, "Infinity");
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (literal(g, words[i])) {
            opa_buffer_add_string(&g->skeleton, words[i]);
            return OPA_OK;
        }
    }
    return expected(g, "a value");
}

/* Stands behind a value: closes what ends here, until a next value comes or nothing is open (depth 0). */
static int after_value(guard *g)
{
    while (g->depth > 0) {
        level *l = &g->levels[g->depth - 1];
        if (g->depth == 1 && l->object)
            g->doc->places[g->doc->place_count - 1].place.value.end = g->at;
        skip_space(g);
        const char c = g->at < g->size ? g->s[g->at] : '\0';
        if (c == ',') {
            g->at++;
            l->index++;
            opa_buffer_add_char(&g->skeleton, ',');
            skip_space(g);
            return l->object ? key_at(g) : OPA_OK;
        }
        if (c != (l->object ? '}' : ']'))
            return expected(g, l->object ? "',' or '}' behind a member" : "',' or ']' behind an element");
        g->at++;
        g->depth--;
        opa_buffer_add_char(&g->skeleton, c);
        const int status = l->object ? close_keys(g, l->first_key) : OPA_OK;
        if (status != OPA_OK)
            return status;
    }
    return OPA_OK;
}

static int walk(guard *g)
{
    int status = OPA_OK;
    if (g->size > g->options.max_size) {
        char message[80];
        snprintf(message, sizeof message, "%zu bytes, more than the limit of %zu", g->size, g->options.max_size);
        return refuse(g, OPA_F_JSON_SIZE, 0, message);
    }
    if (literal(g, "\xEF\xBB\xBF")) {
        g->line_begin = g->at;
        if (g->options.strict)
            return refuse(g, OPA_F_BYTE_ORDER_MARK, g->at, "a byte order mark, which JSON forbids");
        status = note(g, OPA_F_BYTE_ORDER_MARK, "a byte order mark, skipped");
    }
    skip_space(g);
    do {
        bool opened = false;
        if (status == OPA_OK)
            status = value_at(g, &opened);
        if (status == OPA_OK && !opened)
            status = after_value(g);
    } while (status == OPA_OK && g->depth > 0);
    if (status != OPA_OK)
        return status;
    skip_space(g);
    return g->at < g->size ? expected(g, "nothing behind the document") : OPA_OK;
}

/* ---- from the skeleton to the tree ---- */

/* Where fill() stands: counters of values and members, and of the dropped ones. */
typedef struct filler {
    opa_json *doc;
    const size_t *dropped;
    size_t dropped_count;
    size_t value, member;
} filler;

/* Put texts and numbers into the tree and take replaced members out. Recursion is bounded by DEPTH_LIMIT. */
static void fill(filler *f, cJSON *item)
{
    if (cJSON_IsString(item) || cJSON_IsNumber(item)) {
        item->valueint = (int)f->value;
        if (cJSON_IsNumber(item))
            item->valuedouble = opa_json_number_double(f->doc->values[f->value], NULL);
        f->value++;
        return;
    }
    cJSON *next;
    for (cJSON *child = item->child; child; child = next) {
        next = child->next;
        const bool gone = child->string && f->dropped_count && *f->dropped == f->member;
        f->member += child->string != NULL;
        if (gone) {
            f->dropped++;
            f->dropped_count--;
        }
        fill(f, child); /* a replaced member too: its values are counted */
        if (gone)
            cJSON_Delete(cJSON_DetachItemViaPointer(item, child));
    }
}

static int by_size(const void *x, const void *y)
{
    const size_t a = *(const size_t *)x, b = *(const size_t *)y;
    return a < b ? -1 : a > b;
}

static int build(guard *g)
{
    opa_json *d = g->doc;
    if (g->skeleton.failed)
        return opa_fail_memory(g->ctx);
    /* The skeleton is always valid, so only memory can be missing. */
    d->root = cJSON_ParseWithLengthOpts(g->skeleton.data, g->skeleton.size + 1, NULL, 1);
    if (!d->root)
        return opa_fail_memory(g->ctx);
    if (g->dropped_count)
        qsort(g->dropped, g->dropped_count, sizeof *g->dropped, by_size);
    filler f = {.doc = d, .dropped = g->dropped, .dropped_count = g->dropped_count};
    fill(&f, d->root);
    return OPA_OK;
}

int opa_json_parse(opa_context *ctx, opa_json **out, opa_text bytes, const opa_json_options *options,
                   opa_findings *findings)
{
    *out = NULL;
    guard g = {.ctx = ctx, .findings = findings, .options = OPA_JSON_OPTIONS_INIT, .s = bytes.data, .size = bytes.size};
    if (options)
        g.options = *options;
    if (g.options.max_depth > DEPTH_LIMIT)
        g.options.max_depth = DEPTH_LIMIT;
    g.line = g.options.first_line;
    g.doc = calloc(1, sizeof *g.doc);
    g.levels = malloc((g.options.max_depth + 1) * sizeof *g.levels);
    if (g.doc)
        g.doc->arena = opa_arena_new();
    int status = !g.doc || !g.levels || !g.doc->arena ? opa_fail_memory(ctx) : walk(&g);
    if (status == OPA_OK)
        status = build(&g);
    if (findings && status != OPA_ENOMEM) {
        const int rest = note_rest(&g);
        status = rest < 0 ? rest : status;
    }
    opa_buffer_release(&g.skeleton);
    free(g.levels);
    free(g.keys);
    free(g.dropped);
    if (status == OPA_OK)
        *out = g.doc;
    else
        opa_json_free(g.doc);
    return status;
}
