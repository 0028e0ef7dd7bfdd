/* SPDX-License-Identifier: Apache-2.0 */
/** @file reference.h
 *  The reference's log-probs, computed once and kept in a file beside the run: a head that says all they depend on, then a
 *  record a sample, each with a checksum. A killed pass goes on behind its last whole record; a file that was made with
 *  anything else refuses, and says with what.
 */
#ifndef OPATRAIN_REFERENCE_H
#define OPATRAIN_REFERENCE_H

#include <stdio.h>

#include "example.h"

struct reference {
    FILE *file;      /* that receives what is added; NULL: it is only kept in memory */
    char *path;      /* NULL, too */
    float **records; /**< by place in the dataset; NULL: not yet made */
    uint32_t *sizes; /**< floats of a record */
    size_t count;
};

/** Open or begin the file; @p path NULL: memory only. @p depends is text, one "name: value" a line. OPA_EDATA: made with
 *  another of these, which the message names; OPA_ECREATE; OPA_EIO. Release with reference_release(). */
int reference_open(struct trainer *t, struct reference *out, const char *path, const char *depends, size_t count);
void reference_release(struct reference *reference);

bool reference_has(const struct reference *reference, size_t place);
/** Keep view.reference of the used views, clean ones and, where @p masked, masked ones. OPA_EIO; OPA_EDATA: one of
 *  them is not finite. */
int reference_add(struct trainer *t, struct reference *reference, const struct example *example, bool masked);
/** A record as it is kept, to be put where another process has them; NULL: not yet made. */
const float *reference_get(const struct reference *reference, size_t place, uint32_t *count);
/** Keep a copy. OPA_EIO. */
int reference_put(struct trainer *t, struct reference *reference, size_t place, const float *data, uint32_t count);
/** Is what was kept of a sample what view.reference holds, as just computed? OPA_EDATA: a log-prob is off by more than
 *  rounding makes, so another build of the program made the file. */
int reference_prove(struct trainer *t, const struct reference *reference, const struct example *example, bool masked);
/** Fill view.reference from what was kept. OPA_EDATA: another number of tokens. */
int reference_fill(struct trainer *t, const struct reference *reference, struct example *example, bool masked);

#endif
