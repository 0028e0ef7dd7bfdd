/* SPDX-License-Identifier: Apache-2.0 */
#include "trainer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int trainer_fail(struct trainer *t, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(t->message, sizeof t->message, format, args);
    va_end(args);
    return status;
}

int trainer_fail_memory(struct trainer *t)
{
    return trainer_fail(t, OPA_ENOMEM, "out of memory");
}

int trainer_fail_library(struct trainer *t, int status, const char *about)
{
    const char *message = opa_context_message(t->opa);
    if (message[0] == '\0')
        message = status == OPA_ENOMEM ? "out of memory" : opa_status_name(status);
    if (about != NULL && strstr(message, about) == NULL)
        return trainer_fail(t, status, "%s: %s", about, message);
    return trainer_fail(t, status, "%s", message);
}

int trainer_fail_about(struct trainer *t, int status, const char *about)
{
    char message[sizeof t->message];
    if (strstr(t->message, about) != NULL)
        return status;
    memcpy(message, t->message, sizeof message);
    return trainer_fail(t, status, "%.400s: %.600s", about, message);
}

void trainer_note(const struct trainer *t, const char *format, ...)
{
    char line[1024];
    if (t->note == NULL)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    t->note(t->user, line);
}
