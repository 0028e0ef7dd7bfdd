/* SPDX-License-Identifier: Apache-2.0 */
/** @file review.h
 *  How far the review of a sample is, read from its log. Nothing is kept twice: the entry that decides is looked for.
 */
#ifndef OPA_STORE_REVIEW_H
#define OPA_STORE_REVIEW_H

#include <sqlite3.h>

#include <opapairs/store.h>

/** The newest entry of the sample s of one of @p kinds that is not taken back. */
#define OPA_NEWEST_LIVE(kinds)                                                                                         \
    "(SELECT n.sequence FROM edits n WHERE n.sample = s.key AND n.what IN (" kinds ") AND NOT EXISTS"                  \
    " (SELECT 1 FROM edits u WHERE u.undoes = n.sequence) ORDER BY n.sequence DESC LIMIT 1)"

/** To a sample s with its head e: the entry d that decides of its review (an import, a change by hand or an acceptance),
 * the mark v that somebody saw it, and the exclusion x. The head is the newest entry, so where it is of such a kind
 * nothing is searched. */
#define OPA_REVIEW_JOIN                                                                                                \
    " JOIN edits d ON d.sequence = CASE WHEN e.what IN (0, 1, 2, 6) THEN e.sequence ELSE " OPA_NEWEST_LIVE(            \
        "0, 1, 2, 6") " END LEFT JOIN seen v ON v.sample = s.key AND v.entry = d.sequence"                             \
                      " LEFT JOIN edits x ON e.excluded AND x.sequence = " OPA_NEWEST_LIVE("3") " "
_Static_assert(OPA_EDIT_IMPORT == 0 && OPA_EDIT_REVISED == 1 && OPA_EDIT_REPORT == 2 && OPA_EDIT_EXCLUDE == 3 &&
                   OPA_EDIT_ACCEPT == 6,
               "named in statements");

/** What opa_review_read() reads, of that join. */
#define OPA_REVIEW_COLUMNS " d.what, e.excluded, v.entry, v.by, v.at, d.sequence, d.by, d.at, x.sequence, x.by, x.at "
/** The columns from @p first on; the id is the caller's. Texts borrowed from the statement. */
void opa_review_read(opa_reviewed *out, sqlite3_stmt *row, int first);

#endif
