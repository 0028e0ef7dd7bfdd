/* SPDX-License-Identifier: Apache-2.0 */
/** @file refusal.h
 *  Telling "I will not" from "this is broken": asking again helps with the second only.
 */
#ifndef OPA_FEEDBACK_REFUSAL_H
#define OPA_FEEDBACK_REFUSAL_H

#include <opapairs/base.h>

/** Does the text say that the expert would not or could not do it? For texts without a readable report in them only:
 * sound reports hold such words too. Looks at the first 2,000 bytes. */
bool opa_text_refuses(opa_text text);

#endif
