/* SPDX-License-Identifier: Apache-2.0 */
#include "base/context.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* The buffer is part of the context, so that keeping a message can never fail. */
#define MESSAGE_SIZE 1024

struct opa_context {
    char message[MESSAGE_SIZE];
};

int opa_context_new(opa_context **out)
{
    *out = calloc(1, sizeof **out);
    return *out ? OPA_OK : OPA_ENOMEM;
}

void opa_context_free(opa_context *ctx)
{
    free(ctx);
}

const char *opa_context_message(const opa_context *ctx)
{
    return ctx->message;
}

/* Make @p s one line of UTF-8, in place; a character that the buffer cut in two is dropped. */
static void tidy(char *s)
{
    const size_t size = strlen(s);
    size_t from = 0, to = 0;
    while (from < size) {
        uint32_t c;
        const size_t n = opa_utf8_decode(&c, s + from, size - from);
        if (n == 0) {
            if (size - from < 4 && size + 1 == MESSAGE_SIZE)
                break;
            s[to++] = '?';
            from++;
        } else if (c < 0x20 || c == 0x7F || (c >= 0x80 && c < 0xA0)) {
            s[to++] = c == '\n' || c == '\t' ? ' ' : '?';
            from += n;
        } else {
            memmove(s + to, s + from, n);
            to += n;
            from += n;
        }
    }
    s[to] = '\0';
}

int opa_fail(opa_context *ctx, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(ctx->message, sizeof ctx->message, format, args);
    va_end(args);
    tidy(ctx->message);
    return status;
}

int opa_fail_memory(opa_context *ctx)
{
    return opa_fail(ctx, OPA_ENOMEM, "out of memory");
}

int opa_fail_system(opa_context *ctx, int status, const char *path)
{
    const int reason = errno;
    return reason == ENOMEM ? opa_fail_memory(ctx) : opa_fail(ctx, status, "%s: %s", path, strerror(reason));
}

void opa_fail_prefix(opa_context *ctx, const char *prefix)
{
    char rest[MESSAGE_SIZE];
    memcpy(rest, ctx->message, sizeof rest);
    snprintf(ctx->message, sizeof ctx->message, "%.200s: %.800s", prefix, rest);
    tidy(ctx->message);
}

const char *opa_status_name(int status)
{
    switch (status) {
    case OPA_OK:
        return "OPA_OK";
    case OPA_END:
        return "OPA_END";
    case OPA_ENOMEM:
        return "OPA_ENOMEM";
    case OPA_EINVAL:
        return "OPA_EINVAL";
    case OPA_EDATA:
        return "OPA_EDATA";
    case OPA_ERECORD:
        return "OPA_ERECORD";
    case OPA_ENOENT:
        return "OPA_ENOENT";
    case OPA_ECREATE:
        return "OPA_ECREATE";
    case OPA_EIO:
        return "OPA_EIO";
    case OPA_EBUSY:
        return "OPA_EBUSY";
    case OPA_EUNSUPPORTED:
        return "OPA_EUNSUPPORTED";
    case OPA_EVERSION:
        return "OPA_EVERSION";
    case OPA_ECANCELLED:
        return "OPA_ECANCELLED";
    case OPA_ECHANGED:
        return "OPA_ECHANGED";
    default:
        return "?";
    }
}
