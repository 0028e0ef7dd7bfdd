/* SPDX-License-Identifier: Apache-2.0 */
/* The public face of the room: kinds by their first bytes and by name, and what a walk's result means. */
#include <opapairs/image.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/context.h"
#include "base/findings.h"
#include "image/jpeg.h"
#include "image/png.h"
#include "image/shrink.h"

#define FIELD "image"
#define TINY_SIDE 16

const char *opa_image_format_name(opa_image_format format)
{
    static const char *const names[] = {"none", "jpeg", "png", "webp", "gif", "bmp", "tiff", "other"};
    return (unsigned)format < sizeof names / sizeof *names ? names[format] : "none";
}

opa_image_format opa_image_format_of_name(const char *name)
{
    static const struct {
        char extension[6];
        opa_image_format format;
    } table[] = {
        {"jpg", OPA_IMAGE_JPEG},   {"jpeg", OPA_IMAGE_JPEG},  {"jpe", OPA_IMAGE_JPEG},   {"jfif", OPA_IMAGE_JPEG},
        {"png", OPA_IMAGE_PNG},    {"apng", OPA_IMAGE_PNG},   {"webp", OPA_IMAGE_WEBP},  {"gif", OPA_IMAGE_GIF},
        {"bmp", OPA_IMAGE_BMP},    {"dib", OPA_IMAGE_BMP},    {"tif", OPA_IMAGE_TIFF},   {"tiff", OPA_IMAGE_TIFF},
        {"avif", OPA_IMAGE_OTHER}, {"heic", OPA_IMAGE_OTHER}, {"heif", OPA_IMAGE_OTHER}, {"jxl", OPA_IMAGE_OTHER},
        {"jp2", OPA_IMAGE_OTHER},  {"j2k", OPA_IMAGE_OTHER},  {"ico", OPA_IMAGE_OTHER},  {"psd", OPA_IMAGE_OTHER},
    };
    const char *base = name ? strrchr(name, '/') : NULL;
    base = base ? base + 1 : name;
    const char *dot = base ? strrchr(base, '.') : NULL;
    for (size_t i = 0; dot && i < sizeof table / sizeof *table; i++)
        if (strcasecmp(dot + 1, table[i].extension) == 0)
            return table[i].format;
    return OPA_IMAGE_NONE;
}

/* Do the bytes from @p at on begin with this literal? */
#define BEGINS(b, at, literal)                                                                                         \
    ((b).size >= (at) + sizeof(literal) - 1 && memcmp((b).data + (at), literal, sizeof(literal) - 1) == 0)

/* "BM" begins ordinary text too: the size of the header behind it must be one that exists. */
static bool is_bmp(opa_text b)
{
    static const uint8_t sizes[] = {12, 16, 40, 52, 56, 64, 108, 124};
    return b.size >= 26 && BEGINS(b, 0, "BM") && BEGINS(b, 15, "\0\0\0") &&
           memchr(sizes, (uint8_t)b.data[14], sizeof sizes);
}

static opa_image_format sniff(opa_text b)
{
    if (BEGINS(b, 0, "\xFF\xD8\xFF") || (b.size == 2 && BEGINS(b, 0, "\xFF\xD8")))
        return OPA_IMAGE_JPEG;
    if (BEGINS(b, 0, "\x89PNG"))
        return OPA_IMAGE_PNG;
    if (BEGINS(b, 0, "RIFF") && BEGINS(b, 8, "WEBP"))
        return OPA_IMAGE_WEBP;
    if (BEGINS(b, 0, "GIF87a") || BEGINS(b, 0, "GIF89a"))
        return OPA_IMAGE_GIF;
    if (is_bmp(b))
        return OPA_IMAGE_BMP;
    if (BEGINS(b, 0, "II*\0") || BEGINS(b, 0, "MM\0*") || BEGINS(b, 0, "II+\0") || BEGINS(b, 0, "MM\0+"))
        return OPA_IMAGE_TIFF;
    if (BEGINS(b, 4, "ftypavi") || BEGINS(b, 4, "ftyphei") || BEGINS(b, 4, "ftyphev") || BEGINS(b, 4, "ftypmif1") ||
        BEGINS(b, 4, "ftypmsf1") || BEGINS(b, 0, "\xFF\x0A") || BEGINS(b, 0, "\0\0\0\x0CJXL \r\n\x87\n") ||
        BEGINS(b, 0, "\0\0\0\x0CjP  \r\n\x87\n") || BEGINS(b, 0, "\xFF\x4F\xFF\x51") || BEGINS(b, 0, "8BPS") ||
        (BEGINS(b, 0, "\0\0\1\0") && b.size >= 22 && b.data[4] && !b.data[5] && !b.data[9]))
        return OPA_IMAGE_OTHER;
    return OPA_IMAGE_NONE;
}

/* Something that says what a person put there instead of an image. */
static const char *guess(opa_text b)
{
    size_t i = 0;
    while (i < b.size && i < 64 && strchr("\xEF\xBB\xBF \t\r\n", b.data[i]))
        i++;
    if (b.size == 0)
        return "nothing";
    if (i < b.size && b.data[i] == '<')
        return "HTML or XML";
    if (i < b.size && b.data[i] == '{')
        return "JSON";
    return BEGINS(b, 0, "%PDF") ? "PDF" : "unknown bytes";
}

static void walk_file(opa_image_walk *walk, opa_text bytes, uint64_t max_pixels)
{
    opa_image_info *info = &walk->info;
    *walk = (opa_image_walk){.info = {.format = sniff(bytes), .orientation = 1}};
    switch (info->format) {
    case OPA_IMAGE_NONE:
        opa_image_walk_fault(walk, OPA_F_IMAGE_KIND, "not an image: %s", guess(bytes));
        return;
    case OPA_IMAGE_JPEG:
        opa_jpeg_walk(walk, bytes);
        break;
    case OPA_IMAGE_PNG:
        opa_png_walk(walk, bytes);
        break;
    default:
        opa_image_walk_fault(walk, OPA_F_IMAGE_UNSUPPORTED, "an image of kind %s is not read",
                             info->format == OPA_IMAGE_OTHER ? "AVIF, HEIC, JPEG XL, JPEG 2000, ICO or PSD"
                                                             : opa_image_format_name(info->format));
        return;
    }
    if (info->width > OPA_IMAGE_MAX_SIDE || info->height > OPA_IMAGE_MAX_SIDE ||
        (uint64_t)info->width * info->height > max_pixels)
        opa_image_walk_fault(walk, OPA_F_IMAGE_HUGE, "%u x %u pixels are more than the limit of %llu (%d a side)",
                             info->width, info->height, (unsigned long long)max_pixels, OPA_IMAGE_MAX_SIDE);
}

/* The message of the walk to the context, its code to the findings. */
static int refuse(opa_context *ctx, const opa_image_walk *walk, opa_findings *findings)
{
    if (opa_findings_add(findings, walk->code, 0, FIELD, "%s", walk->message) != OPA_OK)
        return opa_fail_memory(ctx);
    return opa_fail(ctx, OPA_ERECORD, "%s", walk->message);
}

/* What is said of an image that can be used. */
static int describe(opa_context *ctx, const opa_image_info *info, size_t size, opa_findings *findings)
{
    int status = OPA_OK;
    if (info->orientation != 1)
        status = opa_findings_add(findings, OPA_F_IMAGE_ORIENTATION, 0, FIELD, "EXIF orientation %d is not applied",
                                  info->orientation);
    if (status == OPA_OK && (info->cmyk || info->palette || info->alpha || info->bit_depth == 16))
        status = opa_findings_add(
            findings, OPA_F_IMAGE_MODE, 0, FIELD, "%s%s%s%s is converted to RGB", info->cmyk ? "CMYK" : "",
            info->palette           ? "palette"
            : info->bit_depth == 16 ? "16-bit"
                                    : "",
            info->alpha && (info->palette || info->bit_depth == 16) ? " with " : "", info->alpha ? "transparency" : "");
    if (status == OPA_OK && (info->width < TINY_SIDE || info->height < TINY_SIDE))
        status =
            opa_findings_add(findings, OPA_F_IMAGE_TINY, 0, FIELD, "only %u x %u pixels", info->width, info->height);
    if (status == OPA_OK && info->end < size)
        status = opa_findings_add(findings, OPA_F_IMAGE_TRAILING, 0, FIELD,
                                  "%zu bytes after the image's end at byte %zu", size - info->end, info->end);
    return status == OPA_OK ? OPA_OK : opa_fail_memory(ctx);
}

int opa_image_probe(opa_context *ctx, opa_image_info *out, opa_text bytes, opa_findings *findings)
{
    opa_image_walk walk;
    walk_file(&walk, bytes, OPA_IMAGE_MAX_PIXELS);
    *out = walk.info;
    return walk.code ? refuse(ctx, &walk, findings) : describe(ctx, out, bytes.size, findings);
}

static int decode(opa_context *ctx, opa_image *out, opa_image_walk *walk, opa_text bytes, unsigned reduce,
                  opa_findings *findings)
{
    const int status = walk->info.format == OPA_IMAGE_JPEG ? opa_jpeg_decode(out, walk, bytes, reduce)
                                                           : opa_png_decode(out, walk, bytes);
    if (status == OPA_OK)
        return OPA_OK;
    opa_image_release(out);
    return status == OPA_ENOMEM ? opa_fail_memory(ctx) : refuse(ctx, walk, findings);
}

int opa_image_decode(opa_context *ctx, opa_image *out, opa_text bytes, uint64_t max_pixels, opa_findings *findings)
{
    opa_image_walk walk;
    *out = (opa_image){0};
    walk_file(&walk, bytes, max_pixels ? max_pixels : OPA_IMAGE_MAX_PIXELS);
    return walk.code ? refuse(ctx, &walk, findings) : decode(ctx, out, &walk, bytes, 1, findings);
}

/* A JPEG is damaged in its entropy coding or not at all, and that is read in full at an eighth of the size too. What
 * fails so is decoded whole, so that both say the same. */
int opa_image_check(opa_context *ctx, opa_image_info *out, opa_text bytes, opa_findings *findings)
{
    opa_image_walk walk;
    opa_image image = {0};
    walk_file(&walk, bytes, OPA_IMAGE_MAX_PIXELS);
    *out = walk.info;
    int status = walk.code ? OPA_ERECORD : decode(ctx, &image, &walk, bytes, 8, NULL);
    opa_image_release(&image);
    if (status != OPA_ERECORD)
        return status;
    status = opa_image_decode(ctx, &image, bytes, 0, findings);
    opa_image_release(&image);
    return status;
}

int opa_image_thumbnail(opa_context *ctx, opa_image *out, opa_text bytes, uint32_t width, uint32_t height,
                        opa_findings *findings)
{
    opa_image_walk walk;
    opa_image large = {0};
    uint32_t size[2];
    *out = (opa_image){0};
    if (width == 0 || height == 0)
        return opa_fail(ctx, OPA_EINVAL, "a thumbnail without pixels");
    walk_file(&walk, bytes, OPA_IMAGE_THUMBNAIL_PIXELS);
    if (walk.code)
        return refuse(ctx, &walk, findings);
    opa_image_fit(size, walk.info.width, walk.info.height, width, height);
    /* At least twice the size asked for, so that the means are taken over whole pixels of the image. */
    unsigned reduce = 8;
    while (reduce > 1 && (walk.info.width / reduce < 2 * size[0] || walk.info.height / reduce < 2 * size[1]))
        reduce /= 2;
    int status = decode(ctx, &large, &walk, bytes, reduce, findings);
    if (status == OPA_OK && opa_image_shrink(out, &large, size[0], size[1]) != OPA_OK)
        status = opa_fail_memory(ctx);
    opa_image_release(&large);
    return status;
}

void opa_image_release(opa_image *image)
{
    if (!image)
        return;
    free(image->rgb);
    *image = (opa_image){0};
}
