/* SPDX-License-Identifier: Apache-2.0 */
/* Does a response end in a loop? The filter of this library, and the one of the released code. */
#include <opapairs/pairs.h>

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "pairs/pyspace.h"

/* How often a unit must stand at the end, its first time included. */
#define MIN_SENTENCES 5
#define MIN_RUNS 8
#define MIN_WORDS 30

/* Scripts that are written without spaces begin about here (CJK radicals); there each character is a word. */
#define FIRST_IDEOGRAPH 0x2E80

typedef struct word {
    opa_text text;
    bool letter; /* has a letter: rows of numbers and rulers repeat in sound texts */
    bool ends;   /* ends a sentence */
} word;

static bool is_letter(uint32_t c)
{
    return (c | 0x20) - 'a' < 26u || c >= 0xC0;
}

/* A full stop behind letters ends a sentence; behind digits it numbers a list, and several are an ellipsis. */
static bool ends_sentence(opa_text t)
{
    while (t.size > 0 && strchr("\"')]}*_", t.data[t.size - 1]) && t.data[t.size - 1])
        t.size--;
    static const char *const wide[] = {"\xE2\x80\x9D", "\xE2\x80\x99", "\xE3\x80\x8D"}; /* closing quotes */
    for (size_t i = 0; i < 3; i++)
        if (t.size > 3 && memcmp(t.data + t.size - 3, wide[i], 3) == 0)
            t.size -= 3;
    static const char *const stops[] = {"\xE3\x80\x82", "\xEF\xBC\x81", "\xEF\xBC\x9F"}; /* ideographic . ! ? */
    for (size_t i = 0; i < 3; i++)
        if (t.size >= 3 && memcmp(t.data + t.size - 3, stops[i], 3) == 0)
            return true;
    if (t.size < 2)
        return false;
    const char last = t.data[t.size - 1], before = t.data[t.size - 2];
    return last == '!' || last == '?' || (last == '.' && before != '.' && !(before >= '0' && before <= '9'));
}

/* The words of a text; *out is the caller's to free. false: out of memory. */
static bool split(word **out, size_t *count, opa_text text)
{
    size_t capacity = 0, n = 0;
    word *words = NULL;
    bool open = false; /* the last word goes on */
    for (size_t i = 0, size; i < text.size; i += size) {
        uint32_t c;
        size = opa_wtf8_decode(&c, text.data + i, text.size - i);
        if (size == 0) {
            c = 0xFFFD;
            size = 1;
        }
        if (opa_is_space(c)) {
            open = false;
            continue;
        }
        const bool alone = c >= FIRST_IDEOGRAPH;
        if (!open || alone) {
            if (n == capacity) {
                capacity = capacity ? capacity * 2 : 256;
                word *more = realloc(words, capacity * sizeof *words);
                if (!more) {
                    free(words);
                    return false;
                }
                words = more;
            }
            words[n++] = (word){.text = {text.data + i, 0}};
        }
        words[n - 1].text.size += size;
        words[n - 1].letter |= is_letter(c);
        open = !alone;
    }
    for (size_t i = 0; i < n; i++)
        words[i].ends = ends_sentence(words[i].text);
    *out = words;
    *count = n;
    return true;
}

static bool same(const word *words, size_t n, size_t a, size_t b)
{
    return opa_text_equal(words[n - 1 - a].text, words[n - 1 - b].text);
}

/* Z function of the words read backwards: z[p] words at the end equal the ones p before them, so the text ends in
 * 1 + z[p] / p times the unit of its last p words. Linear time whatever the text. */
static void match_backwards(size_t *z, const word *words, size_t n)
{
    size_t left = 0, right = 0;
    z[0] = n;
    for (size_t p = 1; p < n; p++) {
        size_t k = 0;
        if (p < right)
            k = z[p - left] < right - p ? z[p - left] : right - p;
        while (p + k < n && same(words, n, k, p + k))
            k++;
        z[p] = k;
        if (p + k > right) {
            left = p;
            right = p + k;
        }
    }
}

static bool ends_in_loop(size_t *z, const word *words, size_t n)
{
    if (n < MIN_SENTENCES)
        return false;
    match_backwards(z, words, n);
    bool letter = false, sentence = false;
    for (size_t p = 1; p <= n / MIN_SENTENCES; p++) {
        letter |= words[n - p].letter;
        sentence |= words[n - p].ends;
        const size_t least = p == 1 ? MIN_WORDS : sentence ? MIN_SENTENCES : MIN_RUNS;
        if (letter && 1 + z[p] / p >= least)
            return true;
    }
    return false;
}

bool opa_text_loops(opa_text text)
{
    word *words;
    size_t n;
    if (!text.data || !split(&words, &n, text))
        return false;
    bool loops = false;
    size_t *z = n ? malloc(n * sizeof *z) : NULL;
    /* A response that was cut at its length limit ends inside a word; the loop then ends one word earlier. */
    if (z)
        loops = ends_in_loop(z, words, n) || ends_in_loop(z, words, n - 1);
    free(z);
    free(words);
    return loops;
}

/* ---- the released filter ---- */

opa_text opa_py_strip(opa_text text)
{
    return opa_text_strip(text, opa_py_space);
}

/* s = text.split("."): does s[-2].strip() stand in ".".join(s[:-2])? Python finds the empty text everywhere. */
static bool repeats_sentence(opa_text text)
{
    size_t end = text.size;
    while (end > 0 && text.data[end - 1] != '.')
        end--;
    if (end == 0)
        return false;
    end--;
    size_t begin = end;
    while (begin > 0 && text.data[begin - 1] != '.')
        begin--;
    const opa_text last = opa_py_strip((opa_text){text.data + begin, end - begin});
    const opa_text head = {text.data, begin > 0 ? begin - 1 : 0};
    return last.size == 0 || opa_text_find(head, last, 0) != SIZE_MAX;
}

/* The next run of visible characters before *end; false: there is none. */
static bool word_before(opa_text *out, opa_text text, size_t *end)
{
    const opa_text rest = opa_py_strip((opa_text){text.data, *end});
    if (rest.size == 0)
        return false;
    const size_t stop = (size_t)(rest.data - text.data) + rest.size;
    size_t begin = stop;
    while (begin > 0) {
        size_t n = 1;
        while (n < 4 && n < begin && ((unsigned char)text.data[begin - n] & 0xC0) == 0x80)
            n++;
        uint32_t c;
        if (opa_wtf8_decode(&c, text.data + begin - n, n) == n && opa_py_space(c))
            break;
        begin -= n;
    }
    *out = (opa_text){text.data + begin, stop - begin};
    *end = begin;
    return true;
}

/* w = text.split(): w[:-2].count(w[-1]) > 30 */
static bool repeats_word(opa_text text)
{
    text = opa_py_strip(text);
    size_t end = text.size, count = 0;
    opa_text last, word_;
    if (!word_before(&last, text, &end) || !word_before(&word_, text, &end))
        return false;
    /* Forwards from here: stripping once for every word would read a long head of white space again and again. */
    for (size_t i = 0; i < end;) {
        uint32_t c;
        size_t n;
        while (i < end && (n = opa_wtf8_decode(&c, text.data + i, end - i)) > 0 && opa_py_space(c))
            i += n;
        const size_t begin = i;
        while (i < end && !((n = opa_wtf8_decode(&c, text.data + i, end - i)) > 0 && opa_py_space(c)))
            i += n ? n : 1;
        if (i > begin && opa_text_equal((opa_text){text.data + begin, i - begin}, last))
            count++;
    }
    return count > 30;
}

bool opa_text_repeats_released(opa_text text)
{
    return text.data && (repeats_sentence(text) || repeats_word(text));
}
