/* SPDX-License-Identifier: Apache-2.0 */
/* The files of schemas/, put into the program by embed_schemas.py. */
#ifndef OPAPAIRS_CLI_SCHEMAS_H
#define OPAPAIRS_CLI_SCHEMAS_H

#include <stddef.h>

struct schema {
    const char *name;
    const char *json;
    size_t size;
};

extern const struct schema schemas[];
extern const size_t schema_count;

#endif
