/* SPDX-License-Identifier: Apache-2.0 */
/* One of the two stores or packs that are compared.
 *
 * A pack lacks by decision what was excluded, what has an error and what its recipe filters out, and it has the texts
 * that its recipe makes. So where one side is a pack, a store on the other counts as the pack that it would give now
 * with the same recipe. Two stores are compared as they are. */
#ifndef OPAPAIRS_CLI_SIDE_H
#define OPAPAIRS_CLI_SIDE_H

#include "face.h"
#include "source.h"

/* Why a pack does not have a sample: code 0 when it would. */
struct left_out {
    int code;
    opa_text reason;
};

/* A line of a manifest's left_out; texts are the manifest's. */
struct left_out_line {
    opa_text id;
    struct left_out why;
};

struct side {
    struct source source;
    const opa_recipe *recipe; /* of the pack on the other side of a store; NULL: as it is */
    opa_recipe *own;          /* of a pack */
    struct left_out_line *left_out;
    size_t left_out_count; /* by id */
    opa_sample sample;     /* read last, see side_read() */
    opa_text id;           /* of it; known even where it could not be read */
    char key[OPA_KEY_SIZE];
    bool ended;
    bool lost;          /* it could not be read */
    int64_t lost_count; /* over all */
};

/* Open what stands at @p path. An exit code, or 0; the message is printed. */
int side_open(struct side *out, struct cli *cli, const char *path);
void side_close(struct side *side);
/* Let both know what the other is. */
void sides_meet(struct side sides[2]);
int side_rewind(struct side *side);
/* The next sample, in order of key; ended after the last. One of a pack that cannot be read is lost, which is said on
 * stderr. An exit code, or 0. */
int side_step(struct side *side);
/* Its sample. A pack's is parsed only now, and may be lost after all. An exit code, or 0. */
int side_read(struct side *side);
/* One sample by id, which is known to be there. An exit code, or 0. */
int side_find(struct side *side, opa_text id);

/* Release with face_release(). An exit code, or 0. */
int side_face(struct side *side, struct face *out, const opa_sample *sample);
/* Why a store's sample would not be in the pack now; the reason lives as long as the face. An exit code, or 0. */
int side_leaves_out(struct side *side, struct left_out *out, struct face *face);
/* Who excluded a store's sample, and why, as its log has it: "by anna: faces"; "" when it is not known. Returns @p out. */
enum { EXCLUSION_SIZE = 1024 };
const char *side_exclusion(struct side *side, char out[EXCLUSION_SIZE], opa_text id);
/* Does import know an error of the sample? */
bool side_has_error(const struct side *side, opa_text id);
/* Why a pack says that it does not have a sample; code 0: it does not know it. */
struct left_out side_left_out(const struct side *side, opa_text id);

#endif
