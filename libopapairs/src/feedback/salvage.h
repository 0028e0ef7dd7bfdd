/* SPDX-License-Identifier: Apache-2.0 */
/** @file salvage.h
 *  From what a model wrote to strict JSON. Bytes are repaired here, fields are interpreted elsewhere (entries.h): the
 * text that comes out goes through the guarded reader like any other.
 */
#ifndef OPA_FEEDBACK_SALVAGE_H
#define OPA_FEEDBACK_SALVAGE_H

#include "feedback/scanner.h"

/** Longer texts are not salvaged; a report has a few thousand bytes. */
#define OPA_SALVAGE_MAX ((size_t)4 << 20)
/** Deeper nesting is not salvaged. */
#define OPA_SALVAGE_DEPTH 32

/** One object or list found in a text; {0} is none. */
typedef struct opa_salvage {
    bool found;
    bool fenced; /**< in a Markdown code fence */
    bool prose;  /**< visible text before or after it, fences aside */
    size_t open; /**< containers that the text ends in: the root, its last member, that one's last member ... 0: none,
                    it is whole. Scalars and keys that the end cuts are left out, containers are closed */
    size_t end;  /**< where it ends in the text; look on from here */
    opa_scanner scanner; /**< scanner.out is the strict JSON, scanner.repairs what was repaired */
} opa_salvage;

/** Find the next object or list at or after byte @p from and rewrite it as strict JSON. *out is released by
 *  opa_salvage_release(). OPA_ENOMEM. */
int opa_salvage_next(opa_context *ctx, opa_salvage *out, opa_text text, size_t from);
void opa_salvage_release(opa_salvage *salvage);

/** Does the first quote behind the opening bracket carry a backslash, as in JSON that is still inside a string ({\"0\":
 * ...)? */
bool opa_salvage_is_escaped(opa_text text);

#endif
