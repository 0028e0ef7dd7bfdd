/* SPDX-License-Identifier: Apache-2.0 */
/** @file second.h
 *  A second reader: what libarchive sees in a shard must be what the index says. The own reader checks every byte of
 * every header; this one makes sure that other programs read the same.
 */
#ifndef OPA_PACK_SECOND_H
#define OPA_PACK_SECOND_H

#include "pack/shard.h"

/** *out NULL: the same members with the same sizes; else what differs, static storage. OPA_ENOMEM. */
int opa_second_opinion(opa_context *ctx, const char **out, int fd, const opa_shard_check *check);

#endif
