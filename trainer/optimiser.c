/* SPDX-License-Identifier: Apache-2.0 */
#include "optimiser.h"

#include <math.h>
#include <stdlib.h>

static size_t moment_size(const struct optimiser *o)
{
    return o->options.bf16_moments ? sizeof(uint16_t) : sizeof(float);
}

size_t optimiser_moment_bytes(const struct optimiser *o)
{
    return o->count * moment_size(o);
}

int optimiser_init(struct trainer *t, struct optimiser *out, const struct optimiser_options *options, size_t count)
{
    *out = (struct optimiser){.ops = t->ops, .options = *options, .count = count};
    out->m = calloc(count + 1, moment_size(out));
    out->v = calloc(count + 1, moment_size(out));
    if (out->m != NULL && out->v != NULL)
        return OPA_OK;
    optimiser_release(out);
    return trainer_fail(t, OPA_ENOMEM, "out of memory: %.2f GiB for the optimiser's moments",
                        2 * (double)(count * sizeof(float)) / (double)(1 << 30));
}

void optimiser_release(struct optimiser *o)
{
    free(o->m);
    free(o->v);
    *o = (struct optimiser){0};
}

double optimiser_norm(const struct optimiser *o, const float *gradient)
{
    return sqrt(ops_square_sum(o->ops, gradient, o->count));
}

static ops_adamw factors_of(const struct optimiser *o, double norm, double rate)
{
    const struct optimiser_options *x = &o->options;
    const double n = (double)o->updates;
    const double clip = x->clip > 0 ? x->clip / (norm + 1e-6) : 1;
    return (ops_adamw){.keep = (float)(1 - rate * x->weight_decay),
                       .clip = (float)(clip < 1 ? clip : 1),
                       .beta1_rest = (float)(1 - x->beta1),
                       .beta2 = (float)x->beta2,
                       .beta2_rest = (float)(1 - x->beta2),
                       .step = (float)(rate / (1 - pow(x->beta1, n))),
                       .root = (float)sqrt(1 - pow(x->beta2, n)),
                       .epsilon = (float)x->epsilon};
}

void optimiser_step(struct optimiser *o, float *values, const float *gradient, double norm, double rate)
{
    o->updates++;
    const ops_adamw f = factors_of(o, norm, rate);
    if (o->options.bf16_moments)
        ops_adamw_step_bf16(o->ops, values, o->m, o->v, gradient, o->count, &f, (uint64_t)o->updates);
    else
        ops_adamw_step(o->ops, values, o->m, o->v, gradient, o->count, &f);
}
