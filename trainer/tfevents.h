/* SPDX-License-Identifier: Apache-2.0 */
/** @file tfevents.h
 *  TensorBoard's event files, written by hand: they need no more of protobuf than a few fields.
 *
 *  A file is a list of records (TFRecord): length u64, masked CRC-32C of the length, bytes, masked CRC-32C of the bytes, all
 *  little-endian. Each record is an Event (tensorflow/core/util/event.proto): the first says "brain.Event:2", the second is
 *  SessionLog START, then one Summary of simple values a step.
 *
 *  A resumed run writes a new file, whose name sorts behind the older ones. Its START carries the first step that is to come:
 *  TensorBoard then forgets what older files say of that step and later ones, as the log is cut back. The name ends in the
 *  program's, where others put the machine's: who gets the folder need not know it.
 */
#ifndef OPATRAIN_TFEVENTS_H
#define OPATRAIN_TFEVENTS_H

#include <stdio.h>

#include "trainer.h"

enum { TFEVENTS_TAG = 100, TFEVENTS_VALUES = 64 };

struct tfevents {
    FILE *file;
    char *path;
    double wall_time; /* of the event that is being made */
    int64_t step;
    size_t size;
    unsigned char values[TFEVENTS_VALUES * (TFEVENTS_TAG + 16)]; /* its Summary */
};

/** Begin DIR/events.out.tfevents.SECONDS.opatrain. @p wall_time in seconds since 1970; @p first is the first step that will be
 *  written. OPA_ECREATE, OPA_EIO, OPA_ENOMEM. Release with tfevents_release(). */
int tfevents_open(struct trainer *t, struct tfevents *out, const char *dir, int64_t first, double wall_time);
/** One event: begin, its scalars (at most TFEVENTS_VALUES, tags shorter than TFEVENTS_TAG), end. OPA_EIO. */
void tfevents_begin(struct tfevents *events, int64_t step, double wall_time);
void tfevents_scalar(struct tfevents *events, const char *tag, double value);
int tfevents_end(struct trainer *t, struct tfevents *events);
void tfevents_release(struct tfevents *events);

/** CRC-32C (Castagnoli), rotated and shifted as TFRecord wants it. */
uint32_t tfevents_masked_crc(const void *bytes, size_t size);

#endif
