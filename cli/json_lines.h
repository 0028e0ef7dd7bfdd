/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as people edit it. */
#ifndef OPAPAIRS_CLI_JSON_LINES_H
#define OPAPAIRS_CLI_JSON_LINES_H

#include <opapairs/base.h>

/* A JSON value in lines that can be edited: indented, and with characters in place of their \u escapes, except for
 * control characters and lone surrogates. malloc()ed, NULL: out of memory. */
char *json_lines(opa_text json);

#endif
