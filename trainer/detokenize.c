/* SPDX-License-Identifier: Apache-2.0 */
#include "detokenize.h"

#include <stdlib.h>
#include <string.h>

struct text {
    unsigned char *data;
    size_t size, capacity;
    bool failed;
};

static void add(struct text *text, const void *bytes, size_t size)
{
    if (text->size + size + 1 > text->capacity) {
        const size_t more = 2 * text->capacity + size + 64;
        unsigned char *grown = realloc(text->data, more);
        if (grown == NULL) {
            text->failed = true;
            return;
        }
        text->data = grown;
        text->capacity = more;
    }
    memcpy(text->data + text->size, bytes, size);
    text->size += size;
    text->data[text->size] = '\0';
}

static bool equal(opa_text text, const char *s)
{
    return text.size == strlen(s) && memcmp(text.data, s, text.size) == 0;
}

static bool is_special(const opa_tokenizer *tokenizer, int32_t id, opa_text piece)
{
    static const char *const names[] = {"<unk>", "<pad>", "<s>", "</s>", "<image>"};
    if (id == opa_tokenizer_bos(tokenizer) || id == opa_tokenizer_eos(tokenizer))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (equal(piece, names[i]))
            return true;
    }
    return piece.size > 4 && memcmp(piece.data, "<|", 2) == 0 && memcmp(piece.data + piece.size - 2, "|>", 2) == 0;
}

/* <0x0A> */
static bool byte_piece(unsigned char *out, opa_text piece)
{
    if (piece.size != 6 || memcmp(piece.data, "<0x", 3) != 0 || piece.data[5] != '>')
        return false;
    const char digits[3] = {piece.data[3], piece.data[4], '\0'};
    char *end;
    *out = (unsigned char)strtoul(digits, &end, 16);
    return *end == '\0';
}

static void add_llama(struct text *text, opa_text piece)
{
    unsigned char byte;
    if (byte_piece(&byte, piece)) {
        add(text, &byte, 1);
        return;
    }
    for (size_t i = 0; i < piece.size;) {
        if (piece.size - i >= 3 && memcmp(piece.data + i, "\xE2\x96\x81", 3) == 0) {
            add(text, " ", 1);
            i += 3;
        } else {
            add(text, piece.data + i++, 1);
        }
    }
}

/* GPT-2's alphabet: printable bytes stand for themselves, the others for U+0100 and up in order. */
static bool stands_for_itself(unsigned c)
{
    return (c >= 0x21 && c <= 0x7E) || (c >= 0xA1 && c <= 0xAC) || (c >= 0xAE && c <= 0xFF);
}

static unsigned char byte_of(unsigned code)
{
    if (code < 0x100)
        return (unsigned char)code;
    unsigned n = code - 0x100;
    for (unsigned c = 0; c < 0x100; c++) {
        if (!stands_for_itself(c) && n-- == 0)
            return (unsigned char)c;
    }
    return '?';
}

static void add_byte_level(struct text *text, opa_text piece)
{
    const unsigned char *s = (const unsigned char *)piece.data;
    for (size_t i = 0; i < piece.size;) {
        unsigned code = s[i++];
        if (code >= 0xC0 && code < 0xE0 && i < piece.size)
            code = (code & 0x1F) << 6 | (s[i++] & 0x3F);
        const unsigned char byte = byte_of(code);
        add(text, &byte, 1);
    }
}

/* Length of the character at s, and whether it is whole; else the length of its maximal valid part. */
static size_t character(const unsigned char *s, size_t left, bool *whole)
{
    const size_t n = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
    size_t k = 1;
    *whole = n == 1;
    for (; n > 1 && k < n && k < left; k++) {
        const unsigned low = k > 1 ? 0x80 : s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
        const unsigned high = k > 1 ? 0xBF : s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
        if (s[k] < low || s[k] > high)
            return k;
    }
    *whole = n > 0 && k == n;
    return k;
}

static void make_utf8(struct text *out, const unsigned char *s, size_t size)
{
    for (size_t i = 0; i < size;) {
        bool whole;
        const size_t n = character(s + i, size - i, &whole);
        if (whole)
            add(out, s + i, n);
        else
            add(out, "\xEF\xBF\xBD", 3);
        i += n;
    }
}

int detokenize(struct trainer *t, char **out, size_t *size, const opa_tokenizer *tokenizer, const int32_t *ids,
               size_t count)
{
    const bool byte_level = strcmp(opa_tokenizer_kind(tokenizer), "byte-bpe") == 0;
    struct text raw = {0}, text = {0};
    *out = NULL;
    for (size_t i = 0; i < count; i++) {
        const opa_text piece = opa_tokenizer_piece(tokenizer, ids[i]);
        if (piece.data != NULL && !is_special(tokenizer, ids[i], piece))
            (byte_level ? add_byte_level : add_llama)(&raw, piece);
    }
    const size_t skip = !byte_level && raw.size > 0 && raw.data[0] == ' ';
    add(&text, "", 0);
    if (raw.size > 0)
        make_utf8(&text, raw.data + skip, raw.size - skip);
    free(raw.data);
    if (raw.failed || text.failed) {
        free(text.data);
        return trainer_fail_memory(t);
    }
    *out = (char *)text.data;
    *size = text.size;
    return OPA_OK;
}
