/* SPDX-License-Identifier: Apache-2.0 */
/** @file vision_cache.h
 *  What a frozen vision tower makes of the images of a run, made once and kept in a file beside it.
 *
 *  A record is what clip_forward() gives for one version of one sample's image, [image rows, vision hidden] in float32: the bits
 *  that making it anew gives, so a run's bytes do not depend on what is kept. The projector's output is not kept instead: it is
 *  four times as wide in LLaVA-1.5 (90 GB for 4,800 samples with a masked image each, 23 GB here), and making it again is a
 *  thousandth of a step. Nor is anything held in memory: records are read, not mapped, so they cost the run none of its
 *  --memory, and the system keeps as many of them in memory as nothing else wants.
 *
 *  The file is a cache: a record that is missing, cut or damaged is made again, and a disk that is full ends the keeping, not
 *  the run. Only a file that was made with another model, adapter, pack or mask is refused.
 */
#ifndef OPATRAIN_VISION_CACHE_H
#define OPATRAIN_VISION_CACHE_H

#include "trainer.h"

struct vision_cache {
    char *path; /**< NULL: nothing is kept */
    int fd;
    size_t floats;            /**< of a record */
    size_t samples, versions; /**< places, and image versions of each, clean first */
    uint32_t *at;             /**< [samples, versions] 1 + number of the record; 0: not there */
    uint32_t count, most;     /**< records, and how many the disk has room for */
    uint64_t begin;           /**< bytes before the first record */
};

/** Open or begin the file at @p path for records of @p floats floats. @p depends is text, one "name: value" a line. At most
 *  half of the free disk is taken. OPA_EDATA: made with another of these, which the message names; OPA_ECREATE; OPA_EIO;
 *  OPA_ENOMEM. Zero a struct that is never opened; release with vision_cache_release(). */
int vision_cache_open(struct trainer *t, struct vision_cache *out, const char *path, const char *depends,
                      size_t samples, size_t versions, size_t floats);
void vision_cache_release(struct vision_cache *cache);
/** Delete the file, too: the run is finished. */
void vision_cache_remove(struct vision_cache *cache);

/** More will not be kept: the disk has no room for it, or nothing was opened. */
bool vision_cache_full(const struct vision_cache *cache);
bool vision_cache_has(const struct vision_cache *cache, size_t place, size_t version);
/** out [floats]; false: it is not there, or damaged, and *out holds anything. */
bool vision_cache_read(const struct vision_cache *cache, size_t place, size_t version, float *out);
/** Keep @p data [floats], where there is room; replaces a damaged record. */
void vision_cache_add(struct vision_cache *cache, size_t place, size_t version, const float *data);

#endif
