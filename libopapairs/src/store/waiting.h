/* SPDX-License-Identifier: Apache-2.0 */
/** @file waiting.h
 *  Edits that came before their samples. They wait in quarantine, and are taken at the end of the import that brings the
 *  sample, in the order in which they came (last).
 */
#ifndef OPA_STORE_WAITING_H
#define OPA_STORE_WAITING_H

#include "store/writer.h"

/** A raw of this import waits. */
int opa_waiting_note(opa_writer *w, int64_t raw);
/** Take what need not wait any more, of this import or an earlier one. */
int opa_waiting_take(opa_writer *w);

#endif
