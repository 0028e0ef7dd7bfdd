/* SPDX-License-Identifier: Apache-2.0 */
/* The only file of base/ that knows all libraries: --version prints what was built against. */
#include <opapairs/base.h>

#include <archive.h>
#include <cjson/cJSON.h>
#include <stdio.h> /* jpeglib.h needs it */
#include <jpeglib.h>
#include <nettle/version.h>
#include <png.h>
#include <sqlite3.h>
#include <utf8proc.h>

#define STR_(x) #x
#define STR(x) STR_(x)

const char *opa_versions(void)
{
    return "sqlite " SQLITE_VERSION "\n"
           "libarchive " ARCHIVE_VERSION_ONLY_STRING "\n"
           "libpng " PNG_LIBPNG_VER_STRING "\n"
           "libjpeg-turbo " STR(LIBJPEG_TURBO_VERSION) "\n"
           "cJSON " STR(CJSON_VERSION_MAJOR) "." STR(CJSON_VERSION_MINOR) "." STR(CJSON_VERSION_PATCH) "\n"
           "utf8proc " STR(UTF8PROC_VERSION_MAJOR) "." STR(UTF8PROC_VERSION_MINOR) "." STR(UTF8PROC_VERSION_PATCH) "\n"
           "nettle " STR(NETTLE_VERSION_MAJOR) "." STR(NETTLE_VERSION_MINOR) "\n";
}
