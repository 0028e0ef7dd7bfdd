/* SPDX-License-Identifier: Apache-2.0 */
/** @file context.h
 *  Failing with a message. The message is formed where the failure happens; callers pass the code up untouched.
 */
#ifndef OPA_BASE_CONTEXT_H
#define OPA_BASE_CONTEXT_H

#include <opapairs/base.h>

/** Keep a message and return @p status. Long messages are cut at a character border. Bytes that are no printable UTF-8
 *  (from hostile input) are shown as '?', so that a message is always one clean line. */
int opa_fail(opa_context *ctx, int status, const char *format, ...) OPA_PRINTF(3, 4);

/** opa_fail(ctx, OPA_ENOMEM, ...) with the standard words. */
int opa_fail_memory(opa_context *ctx);

/** "PATH: reason" of a call to the system that failed (errno). @p status, or OPA_ENOMEM where memory is what it lacked. */
int opa_fail_system(opa_context *ctx, int status, const char *path);

/** Put @p prefix and ": " before the message that is there, e.g. the file's name around a parser's message. */
void opa_fail_prefix(opa_context *ctx, const char *prefix);

#endif
