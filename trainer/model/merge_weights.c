/* SPDX-License-Identifier: Apache-2.0 */
#include "model/merge_weights.h"

#include <stdlib.h>
#include <string.h>

#include "ops/round.h"

enum { BLOCK = 1 << 20 }; /* elements, or a row where that is longer */

void merge_weights_release(struct merge_weights *m)
{
    free(m->block);
    free(m->stored);
}

const struct lora *merge_change_of(const struct merge_weights *m, const struct tensor *tensor)
{
    static const char end[] = ".weight";
    char path[256];
    const size_t n = strlen(tensor->name), k = strlen(end);
    if (n <= k || n - k >= sizeof path || strcmp(tensor->name + n - k, end) != 0)
        return NULL;
    memcpy(path, tensor->name, n - k);
    path[n - k] = '\0';
    const struct loader_module *module = loader_module_of(&m->model->loader, path);
    if (module == NULL)
        return NULL;
    const struct lora *lora = &m->adapter->of[module - m->model->loader.modules];
    return lora->rank > 0 ? lora : NULL;
}

static int reserve(struct merge_weights *m, size_t elements)
{
    if (elements <= m->capacity)
        return OPA_OK;
    merge_weights_release(m);
    m->block = malloc(3 * elements * sizeof *m->block);
    m->stored = malloc(elements * sizeof(float));
    m->capacity = m->block && m->stored ? elements : 0;
    return m->capacity > 0 ? OPA_OK : trainer_fail_memory(m->t);
}

/* What rounding took: @p stored are the numbers of @p w + @p change in the type that they are written in. */
static void count_lost(struct merge_weights *m, const float *w, const float *change, float *stored, size_t n)
{
    struct merge_report *r = &m->report;
    for (size_t i = 0; i < n; i++) {
        const double wanted = (double)change[i], got = (double)stored[i] - (double)w[i];
        r->change += wanted * wanted;
        r->lost += (got - wanted) * (got - wanted);
        r->changed += stored[i] != w[i];
    }
    r->weights += n;
}

/* Rows [begin, begin + rows) as @p to into m->stored. */
static void make_block(struct merge_weights *m, ops_matrix from, const struct lora *lora, size_t begin, size_t rows,
                       ops_dtype to)
{
    const ops_context *ops = m->t->ops;
    const size_t n = rows * from.cols;
    float *w = m->block, *change = w + m->capacity, *b = change + m->capacity;
    ops_expand(ops, w, from, begin, rows);
    if (lora == NULL) {
        ops_round(ops, m->stored, to, w, n);
        return;
    }
    ops_expand(ops, b, lora->b, begin, rows);
    ops_gemm_nn(ops, change, from.cols, ops_rows(b, rows, lora->rank), lora->a, lora->scale, 0);
    float *sum = b; /* B is used up */
    for (size_t i = 0; i < n; i++)
        sum[i] = w[i] + change[i];
    ops_round(ops, m->stored, to, sum, n);
    ops_expand(ops, sum, (ops_matrix){m->stored, 1, n, n, to}, 0, 1);
    count_lost(m, w, change, sum, n);
}

static ops_dtype dtype_of(const char *name)
{
    return strcmp(name, "F32") == 0 ? OPS_F32 : strcmp(name, "BF16") == 0 ? OPS_BF16 : OPS_F16;
}

int merge_weights_put(struct merge_weights *m, struct durable *out, const struct tensor *tensor, const char *dtype)
{
    const struct lora *lora = merge_change_of(m, tensor);
    ops_matrix from;
    if (!tensor_matrix(&from, tensor) || (lora == NULL && strcmp(dtype, tensor->dtype) == 0)) {
        durable_write(out, tensor->data, tensor->size);
        return OPA_OK;
    }
    const size_t wide = lora && lora->rank > from.cols ? lora->rank : from.cols;
    const size_t rows = wide > 0 && BLOCK / wide > 1 ? BLOCK / wide : 1;
    const int status = reserve(m, rows * wide);
    for (size_t begin = 0; status == OPA_OK && begin < from.rows; begin += rows) {
        const size_t n = from.rows - begin < rows ? from.rows - begin : rows;
        make_block(m, from, lora, begin, n, dtype_of(dtype));
        durable_write(out, m->stored, n * from.cols * ops_dtype_size(dtype_of(dtype)));
    }
    m->report.layers += lora != NULL;
    return status;
}
