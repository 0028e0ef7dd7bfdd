/* SPDX-License-Identifier: Apache-2.0 */
/** @file review.h
 *  How far the review of a sample is, read from its log. Nothing is kept twice: the entry that decides is looked for.
 */
#ifndef OPA_STORE_REVIEW_H
#define OPA_STORE_REVIEW_H

#include <opapairs/store.h>

/** The newest entry of the sample s of one of @p kinds that is not taken back. */
#define OPA_NEWEST_LIVE(kinds)                                                                                         \
    "(SELECT n.sequence FROM edits n WHERE n.sample = s.key AND n.what IN (" kinds ") AND NOT EXISTS"                  \
    " (SELECT 1 FROM edits u WHERE u.undoes = n.sequence) ORDER BY n.sequence DESC LIMIT 1)"

/** To a sample s with its head e: the entry d that decides of its review (an import, a change by hand or an acceptance),
 * and the mark v that somebody saw it. The head is the newest entry, so where it is of such a kind nothing is searched.
 */
#define OPA_REVIEW_JOIN                                                                                                \
    " JOIN edits d ON d.sequence = CASE WHEN e.what IN (0, 1, 2, 6) THEN e.sequence ELSE " OPA_NEWEST_LIVE(            \
        "0, 1, 2, 6") " END LEFT JOIN seen v ON v.sample = s.key AND v.entry = d.sequence "
_Static_assert(OPA_EDIT_IMPORT == 0 && OPA_EDIT_REVISED == 1 && OPA_EDIT_REPORT == 2 && OPA_EDIT_EXCLUDE == 3 &&
                   OPA_EDIT_ACCEPT == 6,
               "named in statements");

/** @p decides: the kind of the entry d; @p seen: is there a mark v? */
opa_review opa_review_of(opa_edit_what decides, bool excluded, bool seen);

#endif
