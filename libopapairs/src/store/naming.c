/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* timegm */
#include "store/naming.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/sha256.h"

#define STEM_MAX 40

const char *opa_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

void opa_file_sort_key(opa_buffer *out, const char *name)
{
    for (const char *p = name; *p;) {
        if (!is_digit(*p)) {
            opa_buffer_add_char(out, *p++);
            continue;
        }
        while (*p == '0' && is_digit(p[1]))
            p++;
        size_t n = 0;
        while (is_digit(p[n]))
            n++;
        /* '0' keeps a number where digits stand among other characters; the longer number is the larger one. */
        const char head[3] = {'0', (char)(n >> 8 & 0xFF), (char)(n & 0xFF)};
        opa_buffer_add(out, head, sizeof head);
        opa_buffer_add(out, p, n);
        p += n;
    }
    /* "step01" and "step1" are two files. */
    opa_buffer_add_char(out, '\0');
    opa_buffer_add_string(out, name);
}

/* The last component of a path, without its extension; a leading dot begins no extension. */
static opa_text stem_of(opa_text path)
{
    size_t begin = path.size;
    while (begin > 0 && path.data[begin - 1] != '/')
        begin--;
    opa_text name = {path.data + begin, path.size - begin};
    size_t first = 0;
    while (first < name.size && name.data[first] == '.')
        first++;
    for (size_t i = name.size; i > first; i--) {
        if (name.data[i - 1] == '.' && i - 1 > first) {
            name.size = i - 1;
            break;
        }
    }
    return name;
}

static bool is_plain(char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
}

void opa_rollout_id(char out[OPA_ROLLOUT_ID_SIZE], opa_text name, bool is_number, const uint8_t image[OPA_SHA256_SIZE],
                    opa_text prompt, opa_text generated)
{
    opa_text stem = !name.data ? OPA_TEXT("x") : is_number ? name : stem_of(name);
    if (stem.size == 0)
        stem = OPA_TEXT("x");
    size_t n = 0;
    for (; n < stem.size && n < STEM_MAX; n++)
        out[n] = stem.data[n];
    for (size_t i = 0; i < n; i++)
        if (!is_plain(out[i]))
            out[i] = '_';
    out[n++] = '-';
    uint8_t digest[OPA_SHA256_SIZE];
    opa_sha256 h;
    opa_sha256_init(&h);
    opa_sha256_add(&h, image, OPA_SHA256_SIZE);
    opa_sha256_add(&h, "", 1);
    opa_sha256_add(&h, prompt.data, prompt.size);
    opa_sha256_add(&h, "", 1);
    opa_sha256_add(&h, generated.data, generated.size);
    opa_sha256_done(digest, &h);
    opa_hex(out + n, digest, 6);
}

void opa_time_now(char out[OPA_TIME_SIZE])
{
    const time_t now = time(NULL);
    struct tm utc;
    if (!gmtime_r(&now, &utc) || strftime(out, OPA_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        memcpy(out, "1970-01-01T00:00:00Z", sizeof "1970-01-01T00:00:00Z");
}

/* Exactly @p digits digits at *at, which moves behind them. */
static bool number_of(int *out, const char **at, const char *end, int digits)
{
    *out = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (*at == end || **at < '0' || **at > '9')
            return false;
        *out = *out * 10 + (**at - '0');
    }
    return true;
}

static bool skip_char(const char **at, const char *end, char c)
{
    return *at < end && **at == c && (*at)++;
}

static bool read_date(struct tm *out, const char **at, const char *end)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;
    if (!number_of(&year, at, end, 4) || !skip_char(at, end, '-') || !number_of(&month, at, end, 2) ||
        !skip_char(at, end, '-') || !number_of(&day, at, end, 2) || year < 1 || month < 1 || month > 12)
        return false;
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    *out = (struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    return day >= 1 && day <= lengths[month - 1] + (leap && month == 2);
}

/* "T18:26", "T18:26:03.5"; a space for the T. What is less than a second is passed over. */
static bool read_clock(struct tm *out, const char **at, const char *end)
{
    if (!skip_char(at, end, 'T') && !skip_char(at, end, 't') && !skip_char(at, end, ' '))
        return false;
    if (!number_of(&out->tm_hour, at, end, 2) || !skip_char(at, end, ':') || !number_of(&out->tm_min, at, end, 2))
        return false;
    if (skip_char(at, end, ':') && !number_of(&out->tm_sec, at, end, 2))
        return false;
    if (skip_char(at, end, '.')) {
        int digit;
        if (!number_of(&digit, at, end, 1))
            return false;
        while (number_of(&digit, at, end, 1))
            continue;
    }
    return out->tm_hour < 24 && out->tm_min < 60 && out->tm_sec <= 60;
}

/* "Z", "+02:00" or nothing; in minutes. */
static bool read_offset(int *out, const char **at, const char *end)
{
    int hours, minutes, sign;
    *out = 0;
    if (*at == end || skip_char(at, end, 'Z') || skip_char(at, end, 'z'))
        return true;
    sign = skip_char(at, end, '+') ? 1 : skip_char(at, end, '-') ? -1 : 0;
    if (!sign || !number_of(&hours, at, end, 2) || !skip_char(at, end, ':') || !number_of(&minutes, at, end, 2))
        return false;
    *out = sign * (hours * 60 + minutes);
    return hours < 24 && minutes < 60;
}

bool opa_time_read(char out[OPA_TIME_SIZE], opa_text text)
{
    const char *at = text.data, *end = text.data + text.size;
    struct tm tm;
    int offset = 0;
    if (!read_date(&tm, &at, end) || (at < end && (!read_clock(&tm, &at, end) || !read_offset(&offset, &at, end))) ||
        at < end)
        return false;
    tm.tm_min -= offset;
    const time_t seconds = timegm(&tm);
    struct tm utc;
    if (!gmtime_r(&seconds, &utc) || utc.tm_year < 1 - 1900 || utc.tm_year > 9999 - 1900)
        return false;
    snprintf(out, OPA_TIME_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
             utc.tm_hour, utc.tm_min, utc.tm_sec);
    return true;
}
