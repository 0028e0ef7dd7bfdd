/* SPDX-License-Identifier: Apache-2.0 */
#include "optimiser.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    *out = (struct optimiser){.options = *options, .count = count};
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
    double sum = 0;
    for (size_t i = 0; i < o->count; i++)
        sum += (double)gradient[i] * (double)gradient[i];
    return sqrt(sum);
}

/* ---- moments in 16 bits ---- */

static float widen(uint16_t half)
{
    const uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Up or down at random, so that sums of many small changes keep their mean: beta2 = 0.999 moves v by less than half a step
 * of 8 bits. The bits of the place and the update decide, not a state: a resumed run draws the same. */
static uint16_t narrow(float x, uint32_t dice)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + (dice & 0xFFFF)) >> 16);
}

/* SplitMix64's finaliser */
static uint64_t scatter(uint64_t z)
{
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* ---- the update ---- */

/* Factors of one update, rounded to float32 where torch's kernel does. */
struct factors {
    float keep, clip, beta1_rest, beta2, beta2_rest, step, root, epsilon;
};

static struct factors factors_of(const struct optimiser *o, double norm, double rate)
{
    const struct optimiser_options *x = &o->options;
    const double n = (double)o->updates;
    const double clip = x->clip > 0 ? x->clip / (norm + 1e-6) : 1;
    return (struct factors){.keep = (float)(1 - rate * x->weight_decay),
                            .clip = (float)(clip < 1 ? clip : 1),
                            .beta1_rest = (float)(1 - x->beta1),
                            .beta2 = (float)x->beta2,
                            .beta2_rest = (float)(1 - x->beta2),
                            .step = (float)(rate / (1 - pow(x->beta1, n))),
                            .root = (float)sqrt(1 - pow(x->beta2, n)),
                            .epsilon = (float)x->epsilon};
}

static inline void update(const struct factors *f, float *p, float *m, float *v, float gradient)
{
    const float g = gradient * f->clip;
    *m += f->beta1_rest * (g - *m);
    *v = f->beta2 * *v + f->beta2_rest * g * g;
    *p = *p * f->keep - f->step * *m / (sqrtf(*v) / f->root + f->epsilon);
}

static void step_f32(struct optimiser *o, const struct factors *f, float *p, const float *g)
{
    float *m = o->m, *v = o->v;
    for (size_t i = 0; i < o->count; i++)
        update(f, &p[i], &m[i], &v[i], g[i]);
}

static void step_bf16(struct optimiser *o, const struct factors *f, float *p, const float *g)
{
    uint16_t *m = o->m, *v = o->v;
    for (size_t i = 0; i < o->count; i++) {
        const uint64_t dice = scatter((uint64_t)o->updates * 0x9E3779B97F4A7C15u + i);
        float first = widen(m[i]), second = widen(v[i]);
        update(f, &p[i], &first, &second, g[i]);
        m[i] = narrow(first, (uint32_t)dice);
        v[i] = narrow(second, (uint32_t)(dice >> 32));
    }
}

void optimiser_step(struct optimiser *o, float *values, const float *gradient, double norm, double rate)
{
    o->updates++;
    const struct factors f = factors_of(o, norm, rate);
    if (o->options.bf16_moments)
        step_bf16(o, &f, values, gradient);
    else
        step_f32(o, &f, values, gradient);
}
