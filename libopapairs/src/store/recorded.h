/* SPDX-License-Identifier: Apache-2.0 */
/** @file recorded.h
 *  What import recorded: findings and the records themselves. Which of several equal records is the original follows
 * from their places and is found out when they are read, so it does not depend on the order of import.
 */
#ifndef OPA_STORE_RECORDED_H
#define OPA_STORE_RECORDED_H

#include "store/store.h"

#define OPA_REVISION_MESSAGE                                                                                           \
    "the sample was known with another report, revised text or ground truth; this one came later and counts"

/** Of a sample s: has it the image that it needs? One of text alone needs none. */
#define OPA_SAMPLE_COMPLETE                                                                                            \
    "iif(s.image IS NULL, NOT s.image_expected, s.image NOT IN (SELECT image FROM image_faults))"
/** What is said behind the reason where an image cannot be read and need not be (OPA_F_IMAGE_PASSED_OVER). */
#define OPA_PASSED_OVER_MESSAGE "; the sample stays as it is"

/** "byte-equal copy of record 3 of step0_rank0.json". @p same_bytes false: it only says the same. */
void opa_copy_message(opa_buffer *out, bool same_bytes, opa_text file, int64_t record);
/** The line in the file of a finding on line @p relative (1-based, 0 unknown) of a record that begins at @p line. */
int64_t opa_recorded_line(int64_t line, int64_t relative);
/** Is the place (a_key, a_record) before (b_key, b_record)? Keys are sort keys of files. */
bool opa_place_before(opa_text a_key, int64_t a_record, opa_text b_key, int64_t b_record);

/** Findings on records that made or changed a sample, whatever the place: id, code and message, in no order. */
int opa_store_sample_findings(opa_store *store, opa_finding_fn fn, void *user);

#endif
