/* SPDX-License-Identifier: Apache-2.0 */
/* Does a model say yes to what is not there? Its answers to questions of yes or no, by what they are about. Those about
 * objects that are absent are false premises (arXiv 2501.09695, appendix). */
#ifndef MICROWORLD_PREMISES_H
#define MICROWORLD_PREMISES_H

#include "caption.h"
#include "measure.h"
#include "program.h"

/* {0}: none was asked. */
struct premises {
    int64_t asked[ABOUTS], accepted[ABOUTS];
    int64_t neither; /* answers that begin with neither Yes nor No: not accepted */
};

/* From the lines of opatrain generate over a questions.jsonl. 0, or an exit code: it was said what is wrong. */
int premises_read(struct cli *cli, struct premises *out, const char *path);
/* How many of the questions were accepted; value NAN where none was asked. */
struct estimate premises_accepted(const struct premises *p, enum about about);
int64_t premises_asked(const struct premises *p);

#endif
