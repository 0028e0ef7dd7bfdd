/* SPDX-License-Identifier: Apache-2.0 */
#include "drift.h"

#include <math.h>

static int score(struct trainer *t, struct session *session, struct prompter *prompter, struct example *e,
                 const struct dataset *dataset, size_t i)
{
    int status = example_read(session, prompter, e, dataset, i, CONTEXT_SFT);
    for (int r = 0; r < ROLE_COUNT && status == OPA_OK; r++)
        e->views[view_of((enum role)r, false)].used = e->sample.responses[r].there && e->ids[r].count > 0;
    if (status == OPA_OK)
        status = example_see(session, e, IMAGE_PROJECTED, NULL);
    if (status == OPA_OK)
        status = example_link(t, e);
    return status == OPA_OK ? example_refer(session, e, true, false) : status;
}

static void count(struct drift_distance *d, double a, double b)
{
    const double distance = fabs(a - b);
    d->sum += distance;
    d->most = distance > d->most ? distance : d->most;
}

int drift_add(struct trainer *t, struct drift *d, const struct dataset *dataset, size_t i)
{
    struct session *const sessions[] = {&d->base, &d->adapted, &d->merged};
    int status = OPA_OK;
    for (int k = 0; k < 3 && status == OPA_OK; k++)
        status = score(t, sessions[k], d->prompter, &d->examples[k], dataset, i);
    for (int r = 0; r < ROLE_COUNT && status == OPA_OK; r++) {
        const size_t v = view_of((enum role)r, false);
        const struct view *base = &d->examples[0].views[v], *adapted = &d->examples[1].views[v],
                          *merged = &d->examples[2].views[v];
        for (size_t k = 0; adapted->used && k < adapted->count; k++, d->tokens++) {
            count(&d->adapter, adapted->reference[k], base->reference[k]);
            count(&d->merge, adapted->reference[k], merged->reference[k]);
        }
    }
    if (status == OPA_OK && !(isfinite(d->adapter.sum) && isfinite(d->merge.sum)))
        status = trainer_fail(t, OPA_EDATA,
                              "sample %.120s: log-probs that are not finite: weights that hold NaN or overflow",
                              d->examples[0].sample.id);
    d->samples += status == OPA_OK;
    return status;
}

void drift_release(struct drift *d)
{
    for (int k = 0; k < 3; k++)
        example_release(&d->examples[k]);
    session_release(&d->base);
    session_release(&d->adapted);
    session_release(&d->merged);
}
