/* SPDX-License-Identifier: Apache-2.0 */
#include "image/jpeg.h"

#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs it */
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "image/exif.h"

/* ---- the walk ---- */

/* Markers, T.81 table B.1. */
enum {
    M_TEM = 0x01,
    M_SOF0 = 0xC0,
    M_SOF2 = 0xC2,
    M_DHT = 0xC4,
    M_JPG = 0xC8,
    M_SOF9 = 0xC9,
    M_SOF10 = 0xCA,
    M_DAC = 0xCC,
    M_SOF15 = 0xCF,
    M_RST0 = 0xD0,
    M_RST7 = 0xD7,
    M_SOI = 0xD8,
    M_EOI = 0xD9,
    M_SOS = 0xDA,
    M_APP1 = 0xE1
};

/* A progressive scan can be a few bytes long and cost a pass over the whole picture. Encoders write up to a dozen; the
 * format's own maximum for three components is about a hundred. */
#define MAX_SCANS 256
#define MAX_SCANNED (24 * OPA_IMAGE_MAX_PIXELS) /* pixels times scans */

/* State beside what walk->info says. */
typedef struct walker {
    opa_image_walk *walk;
    const uint8_t *s;
    size_t size, at;
    unsigned scans;
    bool frame; /* a frame header was seen */
} walker;

static bool is_frame(int marker)
{
    return marker >= M_SOF0 && marker <= M_SOF15 && marker != M_DHT && marker != M_JPG && marker != M_DAC;
}

/* Go behind the next marker, over fill bytes, entropy-coded data and restarts, and over garbage as libjpeg does.
 * Returns the marker, or -1 at the end of the data. */
static int next_marker(walker *w)
{
    while (w->at < w->size) {
        const uint8_t *ff = memchr(w->s + w->at, 0xFF, w->size - w->at);
        if (!ff)
            break;
        w->at = (size_t)(ff - w->s) + 1;
        while (w->at < w->size && w->s[w->at] == 0xFF)
            w->at++;
        if (w->at == w->size)
            break;
        const int m = w->s[w->at++];
        if (m != 0 && m != M_TEM && (m < M_RST0 || m > M_RST7))
            return m;
    }
    w->at = w->size;
    return -1;
}

/* SOFn: P, Y, X, Nf (T.81 B.2.2). false: no use to go on. */
static bool read_frame(walker *w, int marker, const uint8_t *s, size_t size)
{
    opa_image_info *info = &w->walk->info;
    if (w->frame || size < 6 || size != 6 + 3 * (size_t)s[5] || s[5] == 0) {
        opa_image_walk_fault(w->walk, OPA_F_IMAGE_CORRUPT, w->frame ? "two frame headers" : "damaged frame header");
        return false;
    }
    w->frame = true;
    info->bit_depth = s[0];
    info->height = opa_be16(s + 1);
    info->width = opa_be16(s + 3);
    info->components = s[5];
    info->cmyk = s[5] == 4;
    info->interlaced = marker == M_SOF2 || marker == M_SOF10;
    if (marker > M_SOF2 && marker != M_SOF9 && marker != M_SOF10)
        opa_image_walk_fault(w->walk, OPA_F_IMAGE_UNSUPPORTED, "JPEG process %d (lossless or hierarchical) is not read",
                             marker - M_SOF0);
    else if (s[0] != 8)
        opa_image_walk_fault(w->walk, OPA_F_IMAGE_UNSUPPORTED, "JPEG with %d bits a component is not read", s[0]);
    else if (s[5] != 1 && s[5] != 3 && s[5] != 4)
        opa_image_walk_fault(w->walk, OPA_F_IMAGE_UNSUPPORTED, "JPEG with %d components is not read", s[5]);
    else if (!info->width || !info->height)
        opa_image_walk_fault(w->walk, OPA_F_IMAGE_CORRUPT, "the frame is %u x %u pixels", info->width, info->height);
    return true;
}

static bool read_segment(walker *w, int marker, const uint8_t *s, size_t size)
{
    static const char exif[6] = "Exif\0";
    if (is_frame(marker))
        return read_frame(w, marker, s, size);
    if (marker == M_SOS) {
        if (!w->frame)
            opa_image_walk_fault(w->walk, OPA_F_IMAGE_CORRUPT, "a scan before the frame header");
        else if (++w->scans > MAX_SCANS)
            opa_image_walk_fault(w->walk, OPA_F_IMAGE_CORRUPT, "more than %d scans", MAX_SCANS);
        return w->frame && w->scans <= MAX_SCANS;
    }
    if (marker == M_APP1 && size > sizeof exif && memcmp(s, exif, sizeof exif) == 0 && w->walk->info.orientation == 1)
        w->walk->info.orientation = opa_exif_orientation(s + sizeof exif, size - sizeof exif);
    return true;
}

void opa_jpeg_walk(opa_image_walk *walk, opa_text bytes)
{
    walker w = {.walk = walk, .s = (const uint8_t *)bytes.data, .size = bytes.size, .at = 2};
    for (;;) {
        const int m = next_marker(&w);
        if (m < 0) {
            opa_image_walk_fault(walk, OPA_F_IMAGE_TRUNCATED,
                                 w.scans ? "the data end inside the picture (no end marker)"
                                         : "the data end before the picture begins");
            return;
        }
        if (m == M_EOI)
            break;
        if (m == M_SOI) {
            opa_image_walk_fault(walk, OPA_F_IMAGE_CORRUPT, "another image begins at byte %zu before this one ends",
                                 w.at - 2);
            return;
        }
        const size_t left = w.size - w.at, size = left < 2 ? 0 : opa_be16(w.s + w.at);
        if (left < 2 || size > left) {
            opa_image_walk_fault(walk, OPA_F_IMAGE_TRUNCATED, "the data end inside the segment at byte %zu", w.at - 2);
            return;
        }
        if (size < 2) {
            opa_image_walk_fault(walk, OPA_F_IMAGE_CORRUPT, "damaged segment at byte %zu", w.at - 2);
            return;
        }
        if (!read_segment(&w, m, w.s + w.at + 2, size - 2))
            return;
        w.at += size;
    }
    walk->info.complete = true;
    walk->info.end = w.at;
    if (!w.scans)
        opa_image_walk_fault(walk, OPA_F_IMAGE_CORRUPT, "a JPEG without a picture in it");
    else if ((uint64_t)walk->info.width * walk->info.height > MAX_SCANNED / w.scans)
        opa_image_walk_fault(walk, OPA_F_IMAGE_HUGE, "%u scans of %u x %u pixels are more than the limit", w.scans,
                             walk->info.width, walk->info.height);
}

/* ---- decoding ---- */

/* libjpeg's error manager with a way back. */
typedef struct errors {
    struct jpeg_error_mgr base; /* first, so that cinfo->err points here */
    jmp_buf back;
    opa_image_walk *walk;
    bool memory;
} errors;

static void on_error(j_common_ptr cinfo)
{
    errors *e = (errors *)cinfo->err;
    char text[JMSG_LENGTH_MAX];
    e->base.format_message(cinfo, text);
    e->memory = e->base.msg_code == JERR_OUT_OF_MEMORY;
    opa_image_walk_fault(e->walk, e->base.msg_code == JWRN_JPEG_EOF ? OPA_F_IMAGE_TRUNCATED : OPA_F_IMAGE_CORRUPT, "%s",
                         text);
    longjmp(e->back, 1);
}

/* Warnings after which pixels are missing or made up end the decoding; the others (unknown Adobe or JFIF versions,
 * bytes between segments, a damaged colour profile) leave the picture whole. */
static void on_message(j_common_ptr cinfo, int level)
{
    if (level >= 0)
        return;
    switch (cinfo->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_TOO_MUCH_DATA:
    case JWRN_BOGUS_ICC:
        return;
    default:
        on_error(cinfo);
    }
}

static void on_output(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void start_source(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

/* All bytes are there from the start: to ask for more is to read behind the end. */
static boolean fill_source(j_decompress_ptr cinfo)
{
    ERREXIT(cinfo, JWRN_JPEG_EOF);
    return FALSE;
}

static void skip_source(j_decompress_ptr cinfo, long count)
{
    struct jpeg_source_mgr *src = cinfo->src;
    if (count <= 0)
        return;
    if ((unsigned long)count > src->bytes_in_buffer)
        ERREXIT(cinfo, JWRN_JPEG_EOF);
    src->next_input_byte += count;
    src->bytes_in_buffer -= (size_t)count;
}

/* Four components as Pillow's "CMYK;I" to "RGB": Adobe writes them inverted, so c here is 255 - ink, and
 * R = 255 - K - C * (255 - K) / 255 with a rounding division. */
static void cmyk_row(uint8_t *rgb, const uint8_t *cmyk, size_t width)
{
    for (size_t x = 0; x < width; x++, rgb += 3, cmyk += 4) {
        const int paper = cmyk[3];
        for (int k = 0; k < 3; k++) {
            const int t = (255 - cmyk[k]) * paper + 128, v = paper - (((t >> 8) + t) >> 8);
            rgb[k] = (uint8_t)(v < 0 ? 0 : v);
        }
    }
}

static void read_rows(struct jpeg_decompress_struct *cinfo, opa_image *out)
{
    const size_t stride = (size_t)out->width * 3;
    JSAMPARRAY ink = NULL;
    if (cinfo->out_color_space == JCS_CMYK)
        ink = cinfo->mem->alloc_sarray((j_common_ptr)cinfo, JPOOL_IMAGE, out->width * 4, 1);
    while (cinfo->output_scanline < cinfo->output_height) {
        uint8_t *to = out->rgb + cinfo->output_scanline * stride;
        if (ink) {
            jpeg_read_scanlines(cinfo, ink, 1);
            cmyk_row(to, ink[0], out->width);
        } else {
            jpeg_read_scanlines(cinfo, &to, 1);
        }
    }
}

/* setjmp in a function of its own: what the caller holds keeps its value. */
static void decode(struct jpeg_decompress_struct *cinfo, struct jpeg_source_mgr *source, errors *e, opa_image *out,
                   unsigned reduce)
{
    const opa_image_info *info = &e->walk->info;
    if (setjmp(e->back) != 0)
        return;
    jpeg_create_decompress(cinfo);
    cinfo->src = source;
    cinfo->mem->max_memory_to_use = (long)((uint64_t)info->width * info->height * 16 + ((uint64_t)64 << 20));
    jpeg_read_header(cinfo, TRUE);
    if (cinfo->image_width != info->width || cinfo->image_height != info->height)
        ERREXIT(cinfo, JERR_SOF_DUPLICATE);
    cinfo->out_color_space = cinfo->num_components == 4 ? JCS_CMYK : JCS_RGB;
    cinfo->scale_num = 1;
    cinfo->scale_denom = reduce;
    jpeg_start_decompress(cinfo);
    if (cinfo->output_width != out->width || cinfo->output_height != out->height)
        ERREXIT(cinfo, JERR_CONVERSION_NOTIMPL);
    read_rows(cinfo, out);
    jpeg_finish_decompress(cinfo);
}

int opa_jpeg_decode(opa_image *out, opa_image_walk *walk, opa_text bytes, unsigned reduce)
{
    struct jpeg_decompress_struct cinfo = {0};
    struct jpeg_source_mgr source = {
        .next_input_byte = (const JOCTET *)bytes.data,
        .bytes_in_buffer = walk->info.end,
        .init_source = start_source,
        .fill_input_buffer = fill_source,
        .skip_input_data = skip_source,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = start_source,
    };
    errors e = {.walk = walk};
    out->width = (walk->info.width + reduce - 1) / reduce;
    out->height = (walk->info.height + reduce - 1) / reduce;
    out->rgb = malloc((size_t)out->width * out->height * 3);
    if (!out->rgb)
        return OPA_ENOMEM;
    cinfo.err = jpeg_std_error(&e.base);
    e.base.error_exit = on_error;
    e.base.emit_message = on_message;
    e.base.output_message = on_output;
    decode(&cinfo, &source, &e, out, reduce);
    jpeg_destroy_decompress(&cinfo);
    return e.memory ? OPA_ENOMEM : walk->code ? OPA_ERECORD : OPA_OK;
}
