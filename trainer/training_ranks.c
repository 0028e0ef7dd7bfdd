/* SPDX-License-Identifier: Apache-2.0 */
/* What the ranks of a run agree on before its first update. The first one writes and speaks for all of them. */
#include <stdlib.h>
#include <string.h>

#include "training.h"

int training_begin(struct training *tr)
{
    struct cli *cli = tr->run.cli;
    const int status = ranks_open(&tr->run.t, &tr->ranks);
    tr->run.divided = true;
    if (status != OPA_OK)
        return run_fail(&tr->run, status); /* each for itself: mpirun may end the others before they say it */
    if (!ranks_first(&tr->ranks)) {
        cli->held = tr->held;
        cli->held_size = sizeof tr->held;
    }
    return GO_ON;
}

int training_agree(struct training *tr, int go)
{
    struct trainer *t = &tr->run.t;
    const bool first = ranks_first(&tr->ranks), good = go == GO_ON;
    if (!first && !good)
        trainer_fail(t, go, "%s", tr->held);
    go = ranks_agree(&tr->ranks, t, go - GO_ON) + GO_ON;
    if (first && good && go > EXIT_DONE)
        cli_error(tr->run.cli, go, "%s", t->message);
    return go;
}

/* Other files, options or processors would give other numbers on every rank. */
int training_compare(struct training *tr)
{
    struct settings *own = &tr->run.settings;
    struct trainer *t = &tr->run.t;
    char name[SETTINGS_NAME] = "";
    size_t size = own->size;
    ranks_broadcast(&tr->ranks, 0, &size, sizeof size);
    char *text = malloc(size + 1);
    int status = ranks_agree(&tr->ranks, t, text && !own->failed ? OPA_OK : trainer_fail_memory(t));
    if (status == OPA_OK) {
        if (ranks_first(&tr->ranks))
            memcpy(text, own->data, size);
        ranks_broadcast(&tr->ranks, 0, text, size);
        settings_difference(name, text, size, own->data);
        if (name[0] != '\0')
            status = trainer_fail(
                t, OPA_EDATA, "another %s than rank 0's: all ranks need the same options, files and kind of processor",
                name);
        status = ranks_agree(&tr->ranks, t, status);
    }
    free(text);
    return status;
}

/* What the first rank found in the folder. */
void training_share(struct training *tr)
{
    const struct ranks *r = &tr->ranks;
    struct optimiser *o = &tr->optimiser;
    ranks_broadcast(r, 0, &tr->folder.step, sizeof tr->folder.step);
    if (tr->folder.step < 0)
        return;
    ranks_broadcast(r, 0, tr->params.value, tr->params.total * sizeof *tr->params.value);
    ranks_broadcast(r, 0, o->m, optimiser_moment_bytes(o));
    ranks_broadcast(r, 0, o->v, optimiser_moment_bytes(o));
    ranks_broadcast(r, 0, &o->updates, sizeof o->updates);
}
