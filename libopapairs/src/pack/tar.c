/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/tar.h"

#include <stdio.h>
#include <string.h>

const char *const opa_shard_kind_names[OPA_SHARD_KINDS] = {"jpg", "png", "text"};

/* Octal digits and a NUL, as every tar writes them. */
static void octal(char *out, size_t digits, uint64_t value)
{
    for (size_t i = digits; i-- > 0; value >>= 3)
        out[i] = (char)('0' + (value & 7));
}

bool opa_tar_header(uint8_t out[OPA_TAR_BLOCK], const char *name, uint64_t size)
{
    const size_t length = strlen(name);
    if (length == 0 || length >= OPA_TAR_NAME_SIZE || size >> 33)
        return false;
    char *h = (char *)out;
    memset(h, 0, OPA_TAR_BLOCK);
    memcpy(h, name, length);
    memcpy(h + 100, "0000444", 7);
    octal(h + 108, 7, 0); /* owner */
    octal(h + 116, 7, 0); /* group */
    octal(h + 124, 11, size);
    octal(h + 136, 11, 0); /* time */
    memset(h + 148, ' ', 8);
    h[156] = '0';
    memcpy(h + 257, "ustar\00000", 8);
    octal(h + 329, 7, 0); /* device numbers */
    octal(h + 337, 7, 0);
    unsigned sum = 0;
    for (size_t i = 0; i < OPA_TAR_BLOCK; i++)
        sum += out[i];
    octal(h + 148, 6, sum);
    h[154] = '\0';
    return true;
}

bool opa_shard_name_parse(opa_text name, opa_shard_kind *kind, uint32_t *number)
{
    for (int k = 0; k < OPA_SHARD_KINDS; k++) {
        const size_t n = strlen(opa_shard_kind_names[k]);
        if (name.size < n + 11 || name.size > n + 14 || memcmp(name.data, opa_shard_kind_names[k], n) != 0 ||
            name.data[n] != '-' || memcmp(name.data + name.size - 4, ".tar", 4) != 0)
            continue;
        uint32_t value = 0;
        for (size_t i = n + 1; i < name.size - 4; i++) {
            if (name.data[i] < '0' || name.data[i] > '9')
                return false;
            value = value * 10 + (uint32_t)(name.data[i] - '0');
        }
        char again[OPA_SHARD_NAME_SIZE];
        opa_shard_name(again, (opa_shard_kind)k, value);
        *kind = (opa_shard_kind)k;
        *number = value;
        return strlen(again) == name.size && memcmp(again, name.data, name.size) == 0;
    }
    return false;
}

void opa_shard_name(char out[OPA_SHARD_NAME_SIZE], opa_shard_kind kind, uint32_t number)
{
    snprintf(out, OPA_SHARD_NAME_SIZE, "%s-%06u.tar", opa_shard_kind_names[kind], (unsigned)number);
}

opa_layout opa_shard_layout(opa_shard_kind kind)
{
    switch (kind) {
    case OPA_SHARD_JPG:
        return (opa_layout){{"jpg", "json"}, 2};
    case OPA_SHARD_PNG:
        return (opa_layout){{"json", "png"}, 2};
    default:
        return (opa_layout){{"json", NULL}, 1};
    }
}

static bool defective(opa_range_defect *defect, size_t at, const char *what)
{
    defect->at = at;
    defect->what = what;
    return false;
}

/* The size field of a header: exactly eleven octal digits. */
static bool parse_size(const char *header, uint64_t *size)
{
    *size = 0;
    for (size_t i = 124; i < 135; i++) {
        if (header[i] < '0' || header[i] > '7')
            return false;
        *size = *size << 3 | (uint64_t)(header[i] - '0');
    }
    return true;
}

/* One member at *at; *body is its content, *at moves behind its padding. */
static bool cut_member(opa_text *body, opa_range_defect *defect, opa_text range, size_t *at)
{
    uint8_t wanted[OPA_TAR_BLOCK];
    uint64_t size;
    const size_t begin = *at;
    if (range.size - begin < OPA_TAR_BLOCK)
        return defective(defect, begin, "the header is cut");
    const char *header = range.data + begin;
    if (!parse_size(header, &size) || !opa_tar_header(wanted, defect->member, size))
        return defective(defect, begin + 124, "the header's size field is malformed");
    for (size_t i = 0; i < OPA_TAR_BLOCK; i++)
        if ((uint8_t)header[i] != wanted[i])
            return defective(defect, begin + i, "the header is altered");
    const size_t room = range.size - begin - OPA_TAR_BLOCK;
    if (size > room || opa_tar_padding(size) > room - (size_t)size)
        return defective(defect, begin + 124, "the member is longer than the sample's range");
    *body = (opa_text){header + OPA_TAR_BLOCK, (size_t)size};
    const size_t end = begin + OPA_TAR_BLOCK + (size_t)size;
    for (size_t i = 0; i < opa_tar_padding(size); i++)
        if (range.data[end + i] != '\0')
            return defective(defect, end + i, "the padding is altered");
    *at = end + opa_tar_padding(size);
    return true;
}

bool opa_range_cut(opa_pack_members *out, opa_range_defect *defect, opa_text range, opa_text key, opa_shard_kind kind)
{
    const opa_layout layout = opa_shard_layout(kind);
    size_t at = 0;
    *out = (opa_pack_members){0};
    *defect = (opa_range_defect){0};
    for (size_t i = 0; i < layout.count; i++) {
        opa_text body;
        const int shown = key.size < OPA_KEY_SIZE ? (int)key.size : OPA_KEY_SIZE - 1;
        snprintf(defect->member, sizeof defect->member, "%.*s.%s", shown, key.data, layout.extensions[i]);
        if (!cut_member(&body, defect, range, &at))
            return false;
        if (strcmp(layout.extensions[i], "json") == 0) {
            out->json = body;
        } else {
            out->image = body;
            out->extension = layout.extensions[i];
        }
    }
    return at == range.size || defective(defect, at, "bytes behind the sample's last member");
}
