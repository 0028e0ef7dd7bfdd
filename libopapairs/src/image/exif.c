/* SPDX-License-Identifier: Apache-2.0 */
/* TIFF 6.0, section 2 (header and directories); EXIF 2.3, section 4.6.4 A (tag 0x0112). */
#include "image/exif.h"

#include <string.h>

#define TAG_ORIENTATION 0x0112u
#define TYPE_SHORT 3u
#define TYPE_LONG 4u
#define ENTRY_SIZE 12u

static uint32_t get16(const uint8_t *s, bool big)
{
    return big ? (uint32_t)s[0] << 8 | s[1] : (uint32_t)s[1] << 8 | s[0];
}

static uint32_t get32(const uint8_t *s, bool big)
{
    return big ? get16(s, big) << 16 | get16(s + 2, big) : get16(s + 2, big) << 16 | get16(s, big);
}

int opa_exif_orientation(const uint8_t *tiff, size_t size)
{
    if (size < 8)
        return 1;
    const bool big = memcmp(tiff, "MM\0*", 4) == 0;
    if (!big && memcmp(tiff, "II*\0", 4) != 0)
        return 1;
    const size_t dir = get32(tiff + 4, big);
    if (dir > size - 2)
        return 1;
    const size_t room = (size - 2 - dir) / ENTRY_SIZE;
    size_t count = get16(tiff + dir, big);
    if (count > room)
        count = room;
    for (const uint8_t *e = tiff + dir + 2; count > 0; count--, e += ENTRY_SIZE) {
        const uint32_t type = get16(e + 2, big);
        if (get16(e, big) != TAG_ORIENTATION || get32(e + 4, big) != 1 || (type != TYPE_SHORT && type != TYPE_LONG))
            continue;
        const uint32_t value = type == TYPE_SHORT ? get16(e + 8, big) : get32(e + 8, big);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}
