/* SPDX-License-Identifier: Apache-2.0 */
#include "json/magic.h"

#include <string.h>

typedef struct magic {
    const char *bytes;
    size_t size;
    const char *what;
} magic;

#define MAGIC(bytes, what)                                                                                             \
    {                                                                                                                  \
        bytes, sizeof(bytes) - 1, what                                                                                 \
    }

static const magic magics[] = {
    MAGIC("\x1F\x8B",
          "is compressed with gzip: unpack it first (gzip -d), or pipe it: zcat FILE | opapairs import STORE -"),
    MAGIC("\x28\xB5\x2F\xFD", "is compressed with zstd: unpack it first (zstd -d)"),
    MAGIC("\xFD\x37\x7A\x58\x5A\x00", "is compressed with xz: unpack it first (xz -d)"),
    MAGIC("BZh", "is compressed with bzip2: unpack it first (bzip2 -d)"),
    MAGIC("PK\x03\x04", "is a zip archive: unpack it first (unzip)"),
    MAGIC("\xFF\xFE", "is UTF-16: convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8)"),
    MAGIC("\xFE\xFF", "is UTF-16: convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8)"),
    MAGIC("{\x00", "is UTF-16: convert it to UTF-8 first (iconv -f UTF-16LE -t UTF-8)"),
    MAGIC("[\x00", "is UTF-16: convert it to UTF-8 first (iconv -f UTF-16LE -t UTF-8)"),
    MAGIC("\x00{", "is UTF-16: convert it to UTF-8 first (iconv -f UTF-16BE -t UTF-8)"),
    MAGIC("\x00[", "is UTF-16: convert it to UTF-8 first (iconv -f UTF-16BE -t UTF-8)"),
    MAGIC("PAR1", "is a Parquet file, which is not read"),
    MAGIC("ARROW1", "is an Arrow file, which is not read"),
    MAGIC("SQLite format 3", "is an SQLite database, not JSON"),
    MAGIC("\xFF\xD8\xFF", "is a JPEG image, not JSON"),
    MAGIC("\x89PNG", "is a PNG image, not JSON"),
    MAGIC("%PDF", "is a PDF document, not JSON"),
};

const char *opa_json_magic(opa_text head)
{
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (head.size >= magics[i].size && memcmp(head.data, magics[i].bytes, magics[i].size) == 0)
            return magics[i].what;
    return NULL;
}
