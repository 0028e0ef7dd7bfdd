/* SPDX-License-Identifier: Apache-2.0 */
#include "image/png.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>
#include <zlib.h>

#include "image/exif.h"

#define SIGNATURE_SIZE 8
#define HEADER_SIZE 13
#define MAX_CHUNK 0x7FFFFFFFu
/* zlib's inflate cannot make more of a byte (zlib technical notes, "Maximum Compression Factor"). */
#define MAX_INFLATION 1032

static const uint8_t signature[SIGNATURE_SIZE] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

/* ---- the walk ---- */

typedef struct chunk {
    const uint8_t *type; /* four letters */
    const uint8_t *data;
    size_t size;
} chunk;

/* What the order and number of the chunks say. */
typedef struct seen {
    bool header, palette, end;
    uint64_t data; /* bytes in IDAT */
} seen;

static bool is(const chunk *c, const char *type)
{
    return memcmp(c->type, type, 4) == 0;
}

static bool depth_allowed(int depth, int color)
{
    switch (color) {
    case PNG_COLOR_TYPE_GRAY:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case PNG_COLOR_TYPE_PALETTE:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case PNG_COLOR_TYPE_RGB:
    case PNG_COLOR_TYPE_GRAY_ALPHA:
    case PNG_COLOR_TYPE_RGB_ALPHA:
        return depth == 8 || depth == 16;
    default:
        return false;
    }
}

static void read_header(opa_image_walk *walk, const chunk *c)
{
    opa_image_info *info = &walk->info;
    if (c->size != HEADER_SIZE) {
        opa_image_walk_fault(walk, OPA_F_IMAGE_CORRUPT, "IHDR has %zu bytes, not 13", c->size);
        return;
    }
    const int depth = c->data[8], color = c->data[9];
    info->width = opa_be32(c->data);
    info->height = opa_be32(c->data + 4);
    info->bit_depth = depth;
    if (info->width == 0 || info->height == 0 || info->width > MAX_CHUNK || info->height > MAX_CHUNK)
        opa_image_walk_fault(walk, OPA_F_IMAGE_CORRUPT, "the image is %u x %u pixels", info->width, info->height);
    else if (!depth_allowed(depth, color))
        opa_image_walk_fault(walk, OPA_F_IMAGE_CORRUPT, "no such kind of PNG: colour type %d with %d bits", color,
                             depth);
    else if (c->data[10] != 0 || c->data[11] != 0 || c->data[12] > 1)
        opa_image_walk_fault(walk, OPA_F_IMAGE_CORRUPT, "unknown compression, filter or interlace method");
    info->palette = color == PNG_COLOR_TYPE_PALETTE;
    info->alpha = (color & PNG_COLOR_MASK_ALPHA) != 0;
    info->components = (color & PNG_COLOR_MASK_COLOR && !info->palette ? 3 : 1) + info->alpha;
    info->interlaced = c->data[12] == 1;
}

/* Bytes that the picture has before compression, at least: rows and their filter bytes. Interlacing only adds to it. */
static uint64_t raw_bytes(const opa_image_info *info)
{
    const uint64_t bits = (uint64_t)info->components * (unsigned)info->bit_depth * info->width;
    return ((bits + 7) / 8 + (info->interlaced ? 0 : 1)) * info->height;
}

static void take_chunk(opa_image_walk *walk, seen *have, const chunk *c)
{
    if (!have->header && !is(c, "IHDR")) {
        opa_image_walk_fault(walk, OPA_F_IMAGE_CORRUPT, "the first chunk is %.4s, not IHDR", (const char *)c->type);
    } else if (is(c, "IHDR")) {
        if (have->header)
            opa_image_walk_fault(walk, OPA_F_IMAGE_CORRUPT, "two IHDR chunks");
        else
            read_header(walk, c);
        have->header = true;
    } else if (is(c, "PLTE")) {
        have->palette = true;
    } else if (is(c, "IDAT")) {
        if (walk->info.palette && !have->palette)
            opa_image_walk_fault(walk, OPA_F_IMAGE_CORRUPT, "no palette before the pixels");
        have->data += c->size;
    } else if (is(c, "tRNS")) {
        walk->info.alpha = true;
    } else if (is(c, "eXIf") && walk->info.orientation == 1) {
        walk->info.orientation = opa_exif_orientation(c->data, c->size);
    } else if (is(c, "IEND")) {
        have->end = true;
    }
}

/* The chunk at *at, which moves behind it. false: there is none, and walk says why. */
static bool next_chunk(opa_image_walk *walk, chunk *out, const uint8_t *s, size_t size, size_t *at)
{
    const size_t left = size - *at;
    if (left < 12) {
        opa_image_walk_fault(walk, OPA_F_IMAGE_TRUNCATED, "the data end before the IEND chunk");
        return false;
    }
    *out = (chunk){.type = s + *at + 4, .data = s + *at + 8, .size = opa_be32(s + *at)};
    for (int i = 0; i < 4; i++)
        if (((out->type[i] | 0x20) < 'a') || ((out->type[i] | 0x20) > 'z') || out->size > MAX_CHUNK) {
            opa_image_walk_fault(walk, OPA_F_IMAGE_CORRUPT, "damaged chunk at byte %zu", *at);
            return false;
        }
    if (out->size > left - 12) {
        opa_image_walk_fault(walk, OPA_F_IMAGE_TRUNCATED, "the data end inside the %.4s chunk at byte %zu",
                             (const char *)out->type, *at);
        return false;
    }
    const uLong crc = crc32_z(crc32_z(0, NULL, 0), out->type, out->size + 4);
    if (crc != opa_be32(out->data + out->size)) {
        opa_image_walk_fault(walk, OPA_F_IMAGE_CORRUPT, "the checksum of the %.4s chunk at byte %zu is wrong",
                             (const char *)out->type, *at);
    }
    *at += out->size + 12;
    return true;
}

void opa_png_walk(opa_image_walk *walk, opa_text bytes)
{
    const uint8_t *s = (const uint8_t *)bytes.data;
    const size_t prefix = bytes.size < SIGNATURE_SIZE ? bytes.size : SIGNATURE_SIZE;
    if (memcmp(s, signature, prefix) != 0) {
        opa_image_walk_fault(walk, OPA_F_IMAGE_CORRUPT, "damaged PNG signature (was the file transferred as text?)");
        return;
    }
    if (prefix < SIGNATURE_SIZE) {
        opa_image_walk_fault(walk, OPA_F_IMAGE_TRUNCATED, "the data end inside the signature");
        return;
    }
    seen have = {0};
    chunk c;
    size_t at = SIGNATURE_SIZE;
    while (!have.end && next_chunk(walk, &c, s, bytes.size, &at)) {
        take_chunk(walk, &have, &c);
        if (!have.header || walk->info.width == 0)
            return;
    }
    if (!have.end)
        return;
    walk->info.complete = true;
    walk->info.end = at;
    if (!have.data)
        opa_image_walk_fault(walk, OPA_F_IMAGE_CORRUPT, "a PNG without pixels (no IDAT chunk)");
    else if (!walk->code && raw_bytes(&walk->info) / MAX_INFLATION > have.data)
        opa_image_walk_fault(walk, OPA_F_IMAGE_CORRUPT, "the pixel data are too short for %u x %u pixels",
                             walk->info.width, walk->info.height);
}

/* ---- decoding ---- */

typedef struct reader {
    const uint8_t *s;
    size_t left;
    opa_image_walk *walk;
    png_structp png;
    png_infop meta;
    jmp_buf back;
    bool memory; /* there was not enough */
} reader;

/* libpng has many words for a lack of memory; whether there was one is known here. */
static png_voidp take_memory(png_structp png, png_alloc_size_t size)
{
    reader *r = png_get_mem_ptr(png);
    void *p = malloc(size);
    r->memory |= p == NULL;
    return p;
}

static void give_memory(png_structp png, png_voidp p)
{
    (void)png;
    free(p);
}

static PNG_NORETURN void on_error(png_structp png, png_const_charp message)
{
    reader *r = png_get_error_ptr(png);
    opa_image_walk_fault(r->walk, OPA_F_IMAGE_CORRUPT, "%s", message);
    longjmp(r->back, 1);
}

/* Ancillary chunks are not read, so a warning is about the picture; surplus data behind the last pixel leave it whole.
 */
static void on_warning(png_structp png, png_const_charp message)
{
    if (strstr(message, "xtra compressed data") || strstr(message, "oo much image data"))
        return;
    on_error(png, message);
}

static void on_read(png_structp png, png_bytep to, size_t size)
{
    reader *r = png_get_io_ptr(png);
    if (size > r->left)
        png_error(png, "the data end early");
    memcpy(to, r->s, size);
    r->s += size;
    r->left -= size;
}

/* What is left to do by hand on a row, in place and from its end, for the narrow pixels in its front part. 16-bit gray
 * is two bytes a pixel, and Pillow's mode "I" saturates at 255. */
static void gray16_row(uint8_t *row, size_t width)
{
    for (size_t x = width; x-- > 0;) {
        const uint8_t v = row[2 * x] ? 255 : row[2 * x + 1];
        memset(row + 3 * x, v, 3);
    }
}

/* Palette indices, one byte a pixel. libpng would show a colour that the palette lacks as black. */
static void palette_row(png_structp png, uint8_t *row, size_t width, const png_color *colors, int count)
{
    for (size_t x = width; x-- > 0;) {
        const int i = row[x];
        if (i >= count)
            png_error(png, "a pixel has a colour that the palette lacks");
        row[3 * x] = colors[i].red;
        row[3 * x + 1] = colors[i].green;
        row[3 * x + 2] = colors[i].blue;
    }
}

static void widen(png_structp png, png_infop meta, opa_image *out, const opa_image_info *info)
{
    png_colorp colors = NULL;
    int count = 0;
    if (info->palette && !png_get_PLTE(png, meta, &colors, &count))
        png_error(png, "no palette");
    for (uint32_t y = 0; y < out->height; y++) {
        uint8_t *row = out->rgb + (size_t)y * out->width * 3;
        if (info->palette)
            palette_row(png, row, out->width, colors, count);
        else
            gray16_row(row, out->width);
    }
}

static void decode(reader *r, opa_image *out)
{
    png_structp png = r->png;
    png_infop meta = r->meta;
    const opa_image_info *info = &r->walk->info;
    const bool gray16 = info->components == 1 && info->bit_depth == 16;
    const size_t stride = (size_t)out->width * 3;
    const size_t row_size = (size_t)out->width * (info->palette ? 1 : gray16 ? 2 : 3);
    png_set_read_fn(png, r, on_read);
    png_set_user_limits(png, OPA_IMAGE_MAX_SIDE, OPA_IMAGE_MAX_SIDE);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, (png_const_bytep) "tRNS", 1);
    png_read_info(png, meta);
    if (info->palette) {
        png_set_packing(png);
    } else if (!gray16) {
        png_set_expand_gray_1_2_4_to_8(png);
        png_set_strip_16(png); /* the high byte */
        png_set_strip_alpha(png);
        png_set_gray_to_rgb(png);
    }
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, meta);
    if (png_get_rowbytes(png, meta) != row_size)
        png_error(png, "unexpected row size");
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < out->height; y++)
            png_read_row(png, out->rgb + y * stride, NULL);
    png_read_end(png, NULL);
    if (gray16 || info->palette)
        widen(png, meta, out, info);
}

/* setjmp in a function of its own: what the caller holds keeps its value. */
static void guarded(reader *r, opa_image *out)
{
    if (setjmp(r->back) != 0)
        return;
    r->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, r, on_error, on_warning, r, take_memory, give_memory);
    r->meta = r->png ? png_create_info_struct(r->png) : NULL;
    if (r->meta)
        decode(r, out);
    else
        r->memory = true;
}

int opa_png_decode(opa_image *out, opa_image_walk *walk, opa_text bytes)
{
    reader r = {.s = (const uint8_t *)bytes.data, .left = walk->info.end, .walk = walk};
    out->width = walk->info.width;
    out->height = walk->info.height;
    out->rgb = malloc((size_t)out->width * out->height * 3);
    if (!out->rgb)
        return OPA_ENOMEM;
    guarded(&r, out);
    png_destroy_read_struct(&r.png, &r.meta, NULL);
    return r.memory ? OPA_ENOMEM : walk->code ? OPA_ERECORD : OPA_OK;
}
