/* SPDX-License-Identifier: Apache-2.0 */
#include "store/naming.h"

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
