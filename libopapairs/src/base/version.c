/* SPDX-License-Identifier: Apache-2.0 */
/* The only file of base/ that knows all libraries: --version prints what was built against. */
#include <opapairs/base.h>

#include <stdio.h> /* jpeglib.h needs it */

#include <archive.h>
#include <cjson/cJSON.h>
#include <jpeglib.h>
#include <nettle/version.h>
#include <png.h>
#include <sqlite3.h>
#include <utf8proc.h>
#include <zlib.h>

/* "NAME MAJOR.MINOR.PATCH" and a line's end, from numbers. */
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define THREE(name, a, b, c) name " " TEXT(a) "." TEXT(b) "." TEXT(c) "\n"

/* clang-format off */
const char *opa_versions(void)
{
    return "sqlite " SQLITE_VERSION "\n"
           "libarchive " ARCHIVE_VERSION_ONLY_STRING "\n"
           "libpng " PNG_LIBPNG_VER_STRING "\n"
           "zlib " ZLIB_VERSION "\n"
           "libjpeg-turbo " TEXT(LIBJPEG_TURBO_VERSION) "\n"
           THREE("cJSON", CJSON_VERSION_MAJOR, CJSON_VERSION_MINOR, CJSON_VERSION_PATCH)
           THREE("utf8proc", UTF8PROC_VERSION_MAJOR, UTF8PROC_VERSION_MINOR, UTF8PROC_VERSION_PATCH)
           "nettle " TEXT(NETTLE_VERSION_MAJOR) "." TEXT(NETTLE_VERSION_MINOR) "\n";
}
/* clang-format on */
