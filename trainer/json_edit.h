/* SPDX-License-Identifier: Apache-2.0 */
/** @file json_edit.h
 *  One member of a document changed, every other byte as it was: configs of other programs stay theirs.
 */
#ifndef OPATRAIN_JSON_EDIT_H
#define OPATRAIN_JSON_EDIT_H

#include "trainer.h"

/** *out (the caller frees it) is @p bytes, an object, in which the root's member @p key has the value @p value, which is
 *  JSON; where it has no such member, it is put in front, or, unless @p add, nothing changes. OPA_EDATA: no object (@p name is for the message); OPA_ENOMEM. */
int json_set_member(struct trainer *t, char **out, size_t *size, opa_text bytes, const char *key, const char *value,
                    bool add, const char *name);

#endif
