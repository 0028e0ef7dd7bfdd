/* SPDX-License-Identifier: Apache-2.0 */
#include "model/plain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The widest row of a model, for one row of any weight. */
static float *weight_row(const struct trainer *t, ops_matrix w, size_t i)
{
    float *row = malloc((w.cols + 1) * sizeof *row);
    if (row != NULL)
        ops_expand(t->ops, row, w, i, 1);
    return row;
}

/* y[i, o] (+)= scale * x[i, :] . w[o, :] + bias[o] */
static int multiply(const struct trainer *t, float *y, const float *x, size_t rows, ops_matrix w, const float *bias,
                    double scale, bool add)
{
    for (size_t o = 0; o < w.rows; o++) {
        float *row = weight_row(t, w, o);
        if (row == NULL)
            return OPA_ENOMEM;
        for (size_t i = 0; i < rows; i++) {
            double sum = 0;
            for (size_t k = 0; k < w.cols; k++)
                sum += (double)x[i * w.cols + k] * (double)row[k];
            sum = scale * sum + (bias ? (double)bias[o] : 0) + (add ? (double)y[i * w.rows + o] : 0);
            y[i * w.rows + o] = (float)sum;
        }
        free(row);
    }
    return OPA_OK;
}

static int linear(const struct trainer *t, const struct linear *l, const struct adapter *a, float *y, const float *x,
                  size_t rows, bool add)
{
    const struct lora *lora = a ? &a->of[l->id] : NULL;
    int status = multiply(t, y, x, rows, l->w, l->bias, 1, add);
    if (lora == NULL || lora->rank == 0 || status != OPA_OK)
        return status;
    float *low = malloc(rows * lora->rank * sizeof *low);
    status = low ? multiply(t, low, x, rows, lora->a, NULL, 1, false) : OPA_ENOMEM;
    if (status == OPA_OK)
        status = multiply(t, y, low, rows, lora->b, NULL, (double)lora->scale, true);
    free(low);
    return status;
}

static void rms_norm(float *out, const float *x, const float *weight, size_t rows, size_t width, double eps)
{
    for (size_t i = 0; i < rows; i++) {
        double sum = 0;
        for (size_t k = 0; k < width; k++)
            sum += (double)x[i * width + k] * (double)x[i * width + k];
        const double r = 1 / sqrt(sum / (double)width + eps);
        for (size_t k = 0; k < width; k++)
            out[i * width + k] = (float)((double)weight[k] * (double)x[i * width + k] * r);
    }
}

static void rotate(float *x, size_t heads, const struct llama *llama, const bool *real, size_t length)
{
    const size_t dim = llama->config.head_dim, half = dim / 2;
    size_t position = 0;
    for (size_t i = 0; i < length; i++) {
        for (size_t h = 0; h < heads; h++) {
            float *v = x + (i * heads + h) * dim;
            for (size_t k = 0; k < half; k++) {
                const float angle = (float)position * llama->inv_freq[k], c = cosf(angle), s = sinf(angle);
                const float a = v[k], b = v[k + half];
                v[k] = a * c - b * s;
                v[k + half] = b * c + a * s;
            }
        }
        position += real[i];
    }
}

/* One query of one head over all real keys up to it. */
static void attend_one(float *out, const float *q, const float *k, const float *v, size_t stride, size_t dim,
                       const bool *real, size_t at, double *scores)
{
    double largest = -INFINITY, sum = 0;
    for (size_t j = 0; j <= at; j++) {
        double dot = 0;
        for (size_t d = 0; d < dim; d++)
            dot += (double)q[d] * (double)k[j * stride + d];
        scores[j] = real[j] ? dot / sqrt((double)dim) : -INFINITY;
        largest = scores[j] > largest ? scores[j] : largest;
    }
    for (size_t j = 0; j <= at; j++)
        sum += scores[j] = exp(scores[j] - largest);
    for (size_t d = 0; d < dim; d++) {
        double value = 0;
        for (size_t j = 0; j <= at; j++)
            value += scores[j] / sum * (double)v[j * stride + d];
        out[d] = (float)value;
    }
}

struct rows {
    float *x, *q, *k, *v, *out, *gate, *up;
    double *scores;
};

static void attend(const struct rows *r, const struct llama_config *c, const bool *real, size_t length)
{
    const size_t dim = c->head_dim, group = c->heads / c->kv_heads;
    for (size_t i = 0; i < length; i++) {
        for (size_t h = 0; h < c->heads && real[i]; h++) {
            const size_t at = (i * c->heads + h) * dim, kv = h / group * dim;
            attend_one(r->out + at, r->q + at, r->k + kv, r->v + kv, c->kv_heads * dim, dim, real, i, r->scores);
        }
    }
}

static int layer(struct trainer *t, const struct llama *llama, const struct adapter *a, size_t index, float *h,
                 const bool *real, size_t n, const struct rows *r)
{
    const struct llama_config *c = &llama->config;
    const struct llama_layer *l = &llama->layers[index];
    rms_norm(r->x, h, l->input_norm, n, c->hidden, c->rms_eps);
    int bad = linear(t, &l->q, a, r->q, r->x, n, false) | linear(t, &l->k, a, r->k, r->x, n, false) |
              linear(t, &l->v, a, r->v, r->x, n, false);
    rotate(r->q, c->heads, llama, real, n);
    rotate(r->k, c->kv_heads, llama, real, n);
    attend(r, c, real, n);
    bad |= linear(t, &l->o, a, h, r->out, n, true);
    rms_norm(r->x, h, l->post_norm, n, c->hidden, c->rms_eps);
    bad |= linear(t, &l->gate, a, r->gate, r->x, n, false) | linear(t, &l->up, a, r->up, r->x, n, false);
    for (size_t i = 0; i < n * c->intermediate; i++)
        r->gate[i] = (float)((double)r->gate[i] / (1 + exp(-(double)r->gate[i])) * (double)r->up[i]);
    bad |= linear(t, &l->down, a, h, r->gate, n, true);
    return bad ? trainer_fail_memory(t) : OPA_OK;
}

int plain_forward(struct trainer *t, const struct llama *llama, const struct adapter *adapter, float *h,
                  const bool *real, size_t length)
{
    const struct llama_config *c = &llama->config;
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    struct rows r = {calloc(length, c->hidden * sizeof(float)),
                     calloc(length, q * sizeof(float)),
                     calloc(length, kv * sizeof(float)),
                     calloc(length, kv * sizeof(float)),
                     calloc(length, q * sizeof(float)),
                     calloc(length, c->intermediate * sizeof(float)),
                     calloc(length, c->intermediate * sizeof(float)),
                     calloc(length + 1, sizeof(double))};
    int status = OPA_OK;
    if (!r.x || !r.q || !r.k || !r.v || !r.out || !r.gate || !r.up || !r.scores)
        status = trainer_fail_memory(t);
    for (size_t i = 0; i < c->layers && status == OPA_OK; i++)
        status = layer(t, llama, adapter, i, h, real, length, &r);
    float *const all[] = {r.x, r.q, r.k, r.v, r.out, r.gate, r.up};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
    free(r.scores);
    return status;
}

double plain_logp(const struct trainer *t, const struct llama *llama, const float *h, size_t row, int32_t target)
{
    const struct llama_config *c = &llama->config;
    float *x = malloc(c->hidden * sizeof *x), *logits = malloc(c->vocabulary * sizeof *logits);
    double sum = 0, result = NAN;
    if (x != NULL && logits != NULL) {
        rms_norm(x, h + row * c->hidden, llama->norm, 1, c->hidden, c->rms_eps);
        if (multiply(t, logits, x, 1, llama->head, NULL, 1, false) == OPA_OK) {
            for (size_t i = 0; i < c->vocabulary; i++)
                sum += exp((double)logits[i]);
            result = (double)logits[target] - log(sum);
        }
    }
    free(x);
    free(logits);
    return result;
}
