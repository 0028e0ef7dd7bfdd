/* SPDX-License-Identifier: Apache-2.0 */
/* A sample of a store at one moment, kept while it changes: what an edit, an undo or an entry of the log did is the
 * difference between two of them. */
#ifndef OPAPAIRS_CLI_MOMENT_H
#define OPAPAIRS_CLI_MOMENT_H

#include "diff_out.h"

struct moment {
    opa_sample sample; /* its texts are the moment's own */
    struct face face;
    char *memory;
};

/* Copy the sample and see what follows from it. OPA_OK, or a status. */
int moment_take(struct moment *out, opa_context *ctx, const opa_sample *sample);
/* The same of a sample of the verb's store, by id; the message is printed. An exit code, or 0. */
int moment_of(struct moment *out, struct cli *cli, opa_store *store, opa_text id);
void moment_release(struct moment *m);

/* What happened between two moments of a sample. An exit code, or 0. */
struct happened {
    unsigned fields, kinds;
    struct face faces[2]; /* views of the moments' */
};
int moments_compare(struct happened *out, struct cli *cli, const struct moment *before, const struct moment *after);
/* The same on a page, indented as diff_detail() is: what changed, then the certificate, and findings that came or went.
 * An exit code, or 0. */
int moments_page(struct sheet *out, struct cli *cli, const struct happened *what);

#endif
