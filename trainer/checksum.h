/* SPDX-License-Identifier: Apache-2.0 */
/** @file checksum.h
 *  A sum of 64 bits against torn writes and failing disks, at the speed of memory. None against forgery: that is
 *  SHA-256's. Of words in this machine's byte order, for files that belong to a run on one kind of processor.
 */
#ifndef OPATRAIN_CHECKSUM_H
#define OPATRAIN_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/** Of @p size bytes; another @p start gives another sum, so that the sum of a piece can begin the next one's. A change
 *  within one word (bytes 8k to 8k + 7) always changes it. */
uint64_t checksum(uint64_t start, const void *data, size_t size);

#endif
