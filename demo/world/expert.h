/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle expert: knows the scene, and corrects an answer sentence by sentence with as few words as it can, as the
 * paper's prompt asks of GPT-4V (arXiv 2501.09695, appendix). A wrong colour or place is put right in the sentence; an
 * object that is not there makes room for one that nobody mentioned, in the expert's own words. These frames are what
 * makes the corrections off-policy. */
#ifndef MICROWORLD_EXPERT_H
#define MICROWORLD_EXPERT_H

#include "sentence.h"

/* What the expert says of one sentence. */
struct correction {
    opa_text copied;    /* borrowed from the answer */
    int score;          /* 1: invented or said twice, 2: colour or context, 3: place, or cut off, 4: right */
    const char *type;   /* "correct", "image_recognition_error", "language_comprehension_error" */
    char *rewritten;    /* malloc()ed; "" where the sentence goes */
    char reason[96];    /* "" where it is right */
    char change[2][96]; /* what was said and what is so; "" where there is nothing to say */
};

struct corrections {
    struct correction *of;
    size_t count;
};

/* OPA_OK or OPA_ENOMEM; *out is to be released either way. @p answer must outlive it. */
int expert_correct(struct corrections *out, const struct scene *scene, opa_text answer);
/* The copied or the rewritten sentences with a space between, and before them the spaces that the answer begins with: to a
 * byte-level tokenizer " A" and "A" are different words, and the base only knows the first. malloc()ed, NULL: out of
 * memory. */
char *corrections_joined(const struct corrections *c, bool rewritten, opa_text answer);
void corrections_release(struct corrections *c);

#endif
