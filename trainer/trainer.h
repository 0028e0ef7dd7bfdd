/* SPDX-License-Identifier: Apache-2.0 */
/** @file trainer.h
 *  What every module of the trainer gets: the library's and the kernels' contexts, and the message of the last failure.
 *  Functions return 0 or a negative OPA_E*; the message is set where the failure happens and printed once, by the
 *  program, as in the library (whose own context cannot be written to from outside).
 */
#ifndef OPATRAIN_TRAINER_H
#define OPATRAIN_TRAINER_H

#include <opapairs/opapairs.h>

#include "ops/ops.h"

struct trainer {
    opa_context *opa;
    ops_context *ops; /**< NULL where nothing is computed (parsers and their tests) */
    char message[1024];
    void (*note)(void *user, const char *message); /**< warnings; NULL: nobody listens */
    void *user;
};

/** Keep the message; returns @p status. */
int trainer_fail(struct trainer *t, int status, const char *format, ...) OPA_PRINTF(3, 4);
/** Keep "out of memory"; returns OPA_ENOMEM. */
int trainer_fail_memory(struct trainer *t);
/** Keep the library's message for its failure @p status, in front of it @p about (a file) unless NULL. */
int trainer_fail_library(struct trainer *t, int status, const char *about);
/** Put @p about (a file) in front of the message, unless the message names it; returns @p status. */
int trainer_fail_about(struct trainer *t, int status, const char *about);
/** A warning for the user: one line, no full stop. */
void trainer_note(const struct trainer *t, const char *format, ...) OPA_PRINTF(2, 3);

#endif
