/* SPDX-License-Identifier: Apache-2.0 */
/** @file image.h
 *  Images: a walk over the file's structure that finds cut files without decoding them, and full decoding to RGB.
 */
#ifndef OPAPAIRS_IMAGE_H
#define OPAPAIRS_IMAGE_H

#include <opapairs/finding.h>

OPA_BEGIN_DECLS

typedef enum opa_image_format {
    OPA_IMAGE_NONE = 0, /**< not an image */
    OPA_IMAGE_JPEG,
    OPA_IMAGE_PNG,
    OPA_IMAGE_WEBP, /**< recognised, not read; so are the ones below */
    OPA_IMAGE_GIF,
    OPA_IMAGE_BMP,
    OPA_IMAGE_TIFF,
    OPA_IMAGE_OTHER, /**< another image (AVIF, HEIC, JPEG XL, JPEG 2000, ICO, PSD) */
} opa_image_format;

typedef struct opa_image_info {
    opa_image_format format;
    uint32_t width, height; /**< as stored, before any rotation; 0 unknown */
    int components;         /**< JPEG: 1, 3, 4; PNG: 1 gray or palette, 2, 3, 4 */
    int bit_depth;          /**< per component, 8 or 16 (PNG: 1, 2, 4 too) */
    int orientation;        /**< EXIF 1..8; 1 when there is none. Reported, never applied: the reference ignores it */
    bool palette, alpha, cmyk, interlaced;
    bool complete; /**< the file has its end marker (EOI, IEND) */
    size_t end;    /**< bytes up to and with the end marker; what comes after does not belong to the image */
} opa_image_info;

/** "jpeg", "png", "webp", ...; "none". Static storage. */
OPA_API const char *opa_image_format_name(opa_image_format format);
/** The kind that a file name's extension promises; OPA_IMAGE_NONE when it promises none. */
OPA_API opa_image_format opa_image_format_of_name(const char *name);

/** Largest image that is accepted: pixels. 20-megapixel photographs pass; decompression bombs do not. */
#define OPA_IMAGE_MAX_PIXELS ((uint64_t)178956970) /* Pillow's own limit, 2 * MAX_IMAGE_PIXELS */

/** Read the structure to its end: kind, size, orientation, and whether the data are cut. No pixel is decoded.
 *  Returns OPA_OK whenever *out says something (see complete), OPA_ERECORD when this cannot be used as an image; either
 * way the reasons are appended to @p findings (may be NULL): OPA_F_IMAGE_KIND, _UNSUPPORTED, _TRUNCATED, _CORRUPT,
 * _HUGE, _MODE, _ORIENTATION, _TINY, _TRAILING. Time: one pass over the bytes. */
OPA_API int opa_image_probe(opa_context *ctx, opa_image_info *out, opa_text bytes, opa_findings *findings);

/** Pixels: 8-bit RGB, rows from the top, no padding. */
typedef struct opa_image {
    uint32_t width, height;
    uint8_t *rgb; /**< height * width * 3 bytes, owned */
} opa_image;

/** Decode fully, as Pillow's Image.open(f).convert("RGB") does: no rotation; alpha and tRNS dropped; 16-bit colour
 * takes the high byte; 16-bit gray saturates at 255; CMYK and YCCK by Pillow's formula with Adobe's inversion. A
 * truncated or corrupt file is an error: OPA_ERECORD with a finding (OPA_F_IMAGE_TRUNCATED or _CORRUPT), where a
 * decoder's warning about missing or damaged data counts. @p max_pixels 0 means OPA_IMAGE_MAX_PIXELS. Release with
 * opa_image_release(). */
OPA_API int opa_image_decode(opa_context *ctx, opa_image *out, opa_text bytes, uint64_t max_pixels,
                             opa_findings *findings);
OPA_API void opa_image_release(opa_image *image);

/** Would opa_image_decode() succeed? All data are gone through, but of a JPEG hardly a pixel is made, which takes a good
 * half of the time; errors and findings are those of decoding. */
OPA_API int opa_image_check(opa_context *ctx, opa_image_info *out, opa_text bytes, opa_findings *findings);

/** A small picture for showing: at most @p width x @p height pixels (each at least 1), in the image's proportions, never
 * larger than the image; each pixel is the mean of those that it stands for. Colours and errors as opa_image_decode().
 * A JPEG is decoded at an eighth, a quarter or half its size where that is enough, so a photograph of 20 megapixels
 * takes little more than its entropy decoding; a PNG is decoded whole. Images of more than OPA_IMAGE_THUMBNAIL_PIXELS
 * are refused (OPA_F_IMAGE_HUGE). Release with opa_image_release(). */
OPA_API int opa_image_thumbnail(opa_context *ctx, opa_image *out, opa_text bytes, uint32_t width, uint32_t height,
                                opa_findings *findings);
#define OPA_IMAGE_THUMBNAIL_PIXELS ((uint64_t)64000000)

OPA_END_DECLS
#endif
