/* SPDX-License-Identifier: Apache-2.0 */
#include "image/walk.h"

#include <stdarg.h>
#include <stdio.h>

void opa_image_walk_fault(opa_image_walk *walk, int code, const char *format, ...)
{
    if (walk->code)
        return;
    walk->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(walk->message, sizeof walk->message, format, args);
    va_end(args);
}
