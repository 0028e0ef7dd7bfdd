/* SPDX-License-Identifier: Apache-2.0 */
/* adapter's verbs, as cmd_adapter.c takes them apart. */
#ifndef OPATRAIN_CMD_ADAPTER_H
#define OPATRAIN_CMD_ADAPTER_H

#include "opatrain.h"

struct adapter_run {
    struct run run;          /* run.adapter_dir is DIR */
    const char *to, *stored; /* --to, --dtype */
    struct texts packs;      /* --pack */
};

/* merge: the exit code. */
int adapter_merge(struct adapter_run *a);

#endif
