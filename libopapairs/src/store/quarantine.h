/* SPDX-License-Identifier: Apache-2.0 */
/** @file quarantine.h
 *  Which findings on records in quarantine, and on files as a whole, still hold. A file that was mended and is imported
 *  again no longer has what they were about: they are closed, and said no more. The bytes stay where they are (table
 *  raws). Only the file that had them closes them, known by its path: another one of the same name does not.
 */
#ifndef OPA_STORE_QUARANTINE_H
#define OPA_STORE_QUARANTINE_H

#include "store/writer.h"

/** The record at this place (table records) is in quarantine, and the file has it. */
int opa_quarantine_note(opa_writer *w, opa_source *source, int64_t record);
/** The store took what it had refused. */
int opa_quarantine_release(opa_writer *w, int64_t raw);
/** All of the file was read: what it has no longer is closed, and what is to be said of it as a whole now holds. */
int opa_quarantine_settle(opa_writer *w, const opa_source *source);

#endif
