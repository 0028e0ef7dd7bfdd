/* SPDX-License-Identifier: Apache-2.0 */
/* A store or a pack behind one face: the verbs that look at samples do not care which it is. */
#ifndef OPAPAIRS_CLI_SOURCE_H
#define OPAPAIRS_CLI_SOURCE_H

#include "cli.h"

/* One of store and pack is set. Findings that import recorded are kept sorted by id; the ones of a pack are none. */
struct source {
    struct cli *cli;
    const char *path;
    opa_store *store;
    opa_pack *pack;
    enum opa_order order;     /* default OPA_ORDER_SOURCE; a pack has OPA_ORDER_KEY only */
    opa_cursor *cursor;       /* of a store */
    size_t next;              /* of a pack */
    opa_pack_members members; /* of the pack's sample read last */
    opa_findings stored;      /* sorted by id; those without a sample first */
    opa_recipe *recipe;       /* the default one */
    opa_checker *checker;
    size_t id_columns;                                        /* of the longest id, once source_note() has seen all */
    opa_tokenizer *tokenizer;                                 /* of --tokenizer, or the embedded words */
    bool own_tokenizer;                                       /* --tokenizer was given */
    int damaged;                                              /* samples of a pack that could not be read */
    bool (*skip)(const void *user, const opa_sample *sample); /* source_each() passes these over; NULL: none */
    const void *skip_user;
};

/* What is known of one sample; views into it live until view_release() or the source's next read. */
struct view {
    opa_sample sample;
    opa_assessment assessment;
    opa_findings findings; /* stored, assessed, and the checker's once it has seen all; file, record and id filled in */
    opa_certificate certificate;
    bool edited;   /* the revised text in force differs from the generated one */
    bool left_out; /* excluded, or with an error, or filtered */
    opa_pair_counts pairs;
};

/* Open what stands at @p path. An exit code, or 0; the message is printed. */
int source_open(struct source *out, struct cli *cli, const char *path);
void source_close(struct source *s);
/* Load --tokenizer (NULL: the embedded words). */
int source_tokenizer(struct source *s, const char *path);
/* Show every sample to the checker, so that source_view() can say what follows from comparing them. Of a pack all has to
 * be read for that, seconds for thousands of samples. */
int source_note_all(struct source *s);
/* The same, but a pack is not read where @p at_once: the first sample can be looked at now, and what only a comparison
 * with others would say of it (OP602, OP605, OP606) is left unsaid. */
int source_note(struct source *s, bool at_once);
/* From the start. */
int source_rewind(struct source *s);
/* OPA_OK, OPA_END, OPA_ERECORD for a sample of a pack that is damaged (go on), or another status. Not printed. */
int source_next(struct source *s, opa_sample *out);
/* One sample; the message is printed. */
int source_find(struct source *s, opa_sample *out, opa_text id);
/* Is there such a sample? 1 or 0; or an exit code below 0, and the message is printed. */
int source_has(struct source *s, opa_text id);
/* Open a store that is going to be edited; a pack is refused in words. An exit code, or 0. */
int store_to_edit(struct cli *cli, opa_store **out, const char *path);
/* What a read returned: a sample of a pack that is altered, or whose shard is missing? The others can still be read. */
bool source_is_lost(const struct source *s, int status);
/* Is this finding of a file, or of a record in quarantine, whatever id that says? No sample brings it along. */
bool source_is_orphan(const opa_finding *finding);
/* Append what import recorded of a sample. False: no memory. */
bool source_add_stored(const struct source *s, opa_findings *out, opa_text id);
/* What is said of a report stands where the report is, which may be another record than the sample's, or none. A status.
 */
int view_place_report(struct source *s, struct view *v);
/* Everything about a sample that was just read. An exit code, or 0. */
int source_view(struct source *s, struct view *out, const opa_sample *sample);
/* Findings that follow from a sample do not say where it came from: give them its file, record and id. False: no
 * memory. */
bool view_fill_in(struct view *view);
void view_release(struct view *view);
/* The bytes of the image of the sample read last. OPA_OK, or a status. */
int source_image(struct source *s, opa_text *out, const opa_sample *sample);
/* Number of samples, or -1. */
int64_t source_count(struct source *s);

/* Go through all samples. @p fn returns 0 to go on, else the exit code to stop with. @p stage names the progress, NULL
 * for none. A damaged sample of a pack is said on stderr, and the exit code is then 65 in the end. */
typedef int (*view_fn)(void *user, struct view *view);
int source_each(struct source *s, const char *stage, view_fn fn, void *user);

#endif
