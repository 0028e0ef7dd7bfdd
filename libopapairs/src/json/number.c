/* SPDX-License-Identifier: Apache-2.0 */
#include "json/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A halfway point between two doubles has at most 767 digits; any non-zero rest behind them is told by one more digit.
 */
#define DIGITS_MAX 768
/* Beyond this many digits a number is called "not held" without a test. */
#define HELD_MAX 40

/* 0.DIGITS * 10^exponent, without zeros at either end; zero has no digits. */
typedef struct decimal {
    bool negative;
    int64_t exponent;
    size_t count;
    char digits[DIGITS_MAX + 1];
} decimal;

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_at(const char *s, size_t size, size_t i)
{
    const size_t begin = i;
    while (i < size && digit(s[i]))
        i++;
    return i - begin;
}

size_t opa_json_number_scan(const char *s, size_t size)
{
    size_t i = size > 0 && s[0] == '-';
    if (i >= size || !digit(s[i]))
        return 0;
    i += s[i] == '0' ? 1 : digits_at(s, size, i);
    if (i < size && s[i] == '.') {
        const size_t n = digits_at(s, size, i + 1);
        if (n == 0)
            return 0;
        i += 1 + n;
    }
    if (i < size && (s[i] == 'e' || s[i] == 'E')) {
        i++;
        i += i < size && (s[i] == '+' || s[i] == '-');
        const size_t n = digits_at(s, size, i);
        if (n == 0)
            return 0;
        i += n;
    }
    return i;
}

/* The exponent behind e or E, held within +-10^9: more changes nothing and would overflow. */
static int64_t read_exponent(const char *s, const char *end)
{
    const bool negative = *s == '-';
    s += negative || *s == '+';
    int64_t n = 0;
    for (; s < end && n < 1000000000; s++)
        n = n * 10 + (*s - '0');
    return negative ? -n : n;
}

static void read_decimal(decimal *out, opa_text lexeme)
{
    const char *s = lexeme.data, *end = s + lexeme.size;
    out->negative = *s == '-';
    out->exponent = 0;
    out->count = 0;
    out->digits[DIGITS_MAX] = '0';
    bool fraction = false;
    for (s += out->negative; s < end && *s != 'e' && *s != 'E'; s++) {
        if (*s == '.') {
            fraction = true;
        } else if (out->count == 0 && *s == '0') {
            out->exponent -= fraction;
        } else {
            out->exponent += !fraction;
            if (out->count < DIGITS_MAX)
                out->digits[out->count++] = *s;
            else if (*s != '0')
                out->digits[DIGITS_MAX] = '1';
        }
    }
    if (out->count == DIGITS_MAX)
        out->count++;
    while (out->count > 0 && out->digits[out->count - 1] == '0')
        out->count--;
    if (s < end)
        out->exponent += read_exponent(s + 1, end);
    if (out->count == 0)
        out->exponent = 0;
}

static double from_decimal(const decimal *d)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const int64_t scale = d->exponent - (int64_t)d->count;
    double x;
    if (d->count == 0 || d->exponent < -400) {
        x = 0;
    } else if (d->exponent > 400) {
        x = HUGE_VAL;
    } else if (FLT_EVAL_METHOD == 0 && d->count <= 15 && scale >= -22 && scale <= 22) {
        /* Both sides are exact doubles, so one operation rounds once (Clinger 1990). */
        int64_t n = 0;
        for (size_t i = 0; i < d->count; i++)
            n = n * 10 + (d->digits[i] - '0');
        x = scale < 0 ? (double)n / powers[-scale] : (double)n * powers[scale];
    } else {
        /* Without a decimal point, strtod() does not depend on the locale. */
        char text[DIGITS_MAX + 32];
        memcpy(text, d->digits, d->count);
        snprintf(text + d->count, sizeof text - d->count, "e%lld", (long long)scale);
        x = strtod(text, NULL);
    }
    return d->negative ? -x : x;
}

/* The first @p count digits of |x| (finite, not zero), rounded. */
static void to_decimal(decimal *out, double x, size_t count)
{
    char text[DIGITS_MAX + 32];
    snprintf(text, sizeof text, "%.*e", (int)count - 1, fabs(x));
    out->negative = signbit(x);
    out->count = 0;
    const char *s = text;
    for (; *s != 'e'; s++) {
        if (digit(*s)) /* the decimal point may be any character, and more than one byte */
            out->digits[out->count++] = *s;
    }
    out->exponent = strtol(s + 1, NULL, 10) + 1;
    while (out->count > 1 && out->digits[out->count - 1] == '0')
        out->count--;
}

double opa_json_number_double(opa_text lexeme, bool *held)
{
    decimal d, back;
    read_decimal(&d, lexeme);
    const double x = from_decimal(&d);
    if (!held)
        return x;
    if (d.count == 0 || (d.count <= 15 && d.exponent > -300 && d.exponent < 300)) {
        *held = true; /* DBL_DIG digits always survive */
    } else if (x == 0 || isinf(x) || d.count > HELD_MAX) {
        *held = false;
    } else {
        to_decimal(&back, x, d.count);
        *held = back.count == d.count && back.exponent == d.exponent && memcmp(back.digits, d.digits, d.count) == 0;
    }
    return x;
}

bool opa_json_number_integer(opa_text lexeme, int64_t *out)
{
    decimal d;
    read_decimal(&d, lexeme);
    if (d.count == 0) {
        *out = 0;
        return true;
    }
    if (d.exponent < (int64_t)d.count || d.exponent > 19)
        return false;
    uint64_t n = 0; /* 19 digits fit */
    for (int64_t i = 0; i < d.exponent; i++)
        n = n * 10 + (i < (int64_t)d.count ? (uint64_t)(d.digits[i] - '0') : 0);
    if (n > (uint64_t)INT64_MAX + d.negative)
        return false;
    *out = d.negative ? -(int64_t)(n - 1) - 1 : (int64_t)n;
    return true;
}

/* ECMAScript's layout: digits as they are for exponents from 10^-6 to 10^21, scientific outside. */
static size_t lay_out(char *out, const decimal *d)
{
    char *p = out;
    const int n = (int)d->count, e = (int)d->exponent;
    if (d->negative)
        *p++ = '-';
    if (e > 21 || e < -5) {
        *p++ = d->digits[0];
        if (n > 1)
            *p++ = '.';
        memcpy(p, d->digits + 1, (size_t)n - 1);
        p += n - 1;
        p += sprintf(p, "e%+d", e - 1);
        return (size_t)(p - out);
    }
    if (e <= 0)
        *p++ = '0';
    for (int i = e < 0 ? e : 0; i < n || i < e; i++) {
        if (i == e)
            *p++ = '.';
        *p++ = i < 0 || i >= n ? '0' : d->digits[i];
    }
    return (size_t)(p - out);
}

/* The digits of n * 10^-places. */
static void scaled(decimal *out, uint64_t n, int places)
{
    char reversed[24];
    size_t count = 0;
    for (; n; n /= 10)
        reversed[count++] = (char)('0' + n % 10);
    out->exponent = (int64_t)count - places;
    out->count = count;
    for (size_t i = 0; i < count; i++)
        out->digits[i] = reversed[count - 1 - i];
    while (out->count > 1 && out->digits[out->count - 1] == '0')
        out->count--;
}

size_t opa_json_number_format(char out[OPA_JSON_NUMBER_SIZE], double x)
{
    decimal d = {.negative = signbit(x)};
    if (x == 0)
        return (size_t)sprintf(out, d.negative ? "-0" : "0");
    /* Most numbers are short: if the nearest multiple of 10^-6 divides back to x, its digits are the shortest. */
    const double near = fabs(x) < 1e9 ? nearbyint(fabs(x) * 1e6) : 0;
    if (FLT_EVAL_METHOD == 0 && near >= 1 && near / 1e6 == fabs(x)) {
        scaled(&d, (uint64_t)near, 6);
        return lay_out(out, &d);
    }
    for (size_t count = 15; count <= 17; count++) {
        to_decimal(&d, x, count);
        if (from_decimal(&d) == x)
            break;
    }
    return lay_out(out, &d);
}
