/* SPDX-License-Identifier: Apache-2.0 */
/* The world's English, both ways: claims into sentences, and sentences (the model's too, whatever it says) into claims. */
#ifndef MICROWORLD_SENTENCE_H
#define MICROWORLD_SENTENCE_H

#include "random.h"
#include "scene.h"

/* The longest answer that the world itself writes; a model's may be longer. */
enum { ANSWER_SIZE = 768 };

/* An answer in the making. */
struct answer {
    char text[ANSWER_SIZE];
    size_t size;
};

/* Who speaks: the web's usual annotator, a rare second one, or the expert. */
enum voice {
    VOICE_WEB,    /* "There is a red cup on the left." and two more ways */
    VOICE_SECOND, /* "Toward the left side lies one cup of red hue.": teaches the base words, not the expert's frames */
    VOICE_EXPERT, /* "One clearly visible object is a red cup on the left.": frames of objects that the base never saw */
};

/* Put a sentence behind those that are there, with a space between. */
void say(struct answer *a, const char *format, ...) OPA_PRINTF(2, 3);
void say_context(struct answer *a, enum voice voice, int context);
void say_object(struct answer *a, enum voice voice, int kind, int colour, int column, struct random *r);

/* What a sentence says; -1: nothing about it. Of several words of a sort the first counts, but kinds has them all. */
struct claim {
    int kind, colour, column, context;
    uint32_t kinds; /* bit k: names kind k */
    opa_span word;  /* bytes of the kind's word in the sentence */
    bool whole;     /* ends with a full stop */
};
struct claim claim_of(opa_text sentence);

/* Takes the next sentence, without the white space around it, off the front of @p rest; false: none is left. */
bool next_sentence(opa_text *out, opa_text *rest);

/* The next word of letters in @p text from *at on; false: none. */
bool next_word(opa_span *out, opa_text text, size_t *at);
bool word_is(opa_text text, opa_span word, const char *name);

#endif
