/* SPDX-License-Identifier: Apache-2.0 */
/** @file check.h
 *  Everything that can be said about samples without training on them. Import already recorded what concerns the form
 * of each record (opa_store_findings()); the checker adds what follows from the sample itself and from comparing all
 * samples.
 */
#ifndef OPAPAIRS_CHECK_H
#define OPAPAIRS_CHECK_H

#include <opapairs/sample.h>

OPA_BEGIN_DECLS

/** Knows what all samples have in common. First note every sample, then ask for each. Works for stores and packs alike.
 */
typedef struct opa_checker opa_checker;

typedef struct opa_check_options {
    const opa_tokenizer *tokenizer; /**< default NULL: lengths are lower bounds by words, and the messages say so */
} opa_check_options;
#define OPA_CHECK_OPTIONS_INIT                                                                                         \
    {                                                                                                                  \
        0                                                                                                              \
    }

OPA_API int opa_checker_new(opa_context *ctx, opa_checker **out, const opa_check_options *options);
OPA_API void opa_checker_free(opa_checker *checker);
/** First pass. Of @p sample only hashes and its id are kept. */
OPA_API int opa_checker_note(opa_checker *checker, const opa_sample *sample);
/** Second pass: the findings of this sample that follow from it and from its like. @p assessment carries its own
 * already. */
OPA_API int opa_checker_sample(opa_checker *checker, const opa_sample *sample, const opa_assessment *assessment,
                               opa_findings *findings);

/** The worst severity in a list; OPA_INFO for an empty one. @p code gets the first code of that severity (0: none), may
 * be NULL. */
OPA_API opa_severity opa_findings_worst(const opa_findings *list, int *code);

OPA_END_DECLS
#endif
