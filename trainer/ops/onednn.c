/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/onednn.h"

#include <stdio.h>
#include <stdlib.h>

#include <dnnl.h>

#include "ops/context.h"

/* Activations that are rounded at a time. A row chunk of a product with k columns has HALVES / k rows: 512 with k = 8192. */
#define HALVES ((size_t)1 << 22)

struct ops_onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    uint16_t *halves; /* [HALVES] */
};

ops_onednn *ops_onednn_new(void)
{
    ops_onednn *dnn = calloc(1, sizeof *dnn);
    if (!dnn)
        return NULL;
    dnn->halves = malloc(HALVES * sizeof *dnn->halves);
    if (!dnn->halves || dnnl_engine_create(&dnn->engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&dnn->stream, dnn->engine, dnnl_stream_default_flags) != dnnl_success) {
        ops_onednn_free(dnn);
        return NULL;
    }
    return dnn;
}

void ops_onednn_free(ops_onednn *dnn)
{
    if (!dnn)
        return;
    if (dnn->stream)
        dnnl_stream_destroy(dnn->stream);
    if (dnn->engine)
        dnnl_engine_destroy(dnn->engine);
    free(dnn->halves);
    free(dnn);
}

const char *ops_onednn_version(void)
{
    static char text[64]; /* the same for all that ask */
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, sizeof text, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
    return text;
}

bool ops_onednn_has_bf16(void)
{
    const unsigned isa = (unsigned)dnnl_get_effective_cpu_isa(), bf16 = dnnl_cpu_isa_avx512_core_bf16;
    return (isa & bf16) == bf16; /* the sets of instructions are bits that include the smaller sets' */
}

/* ---- one product ---- */

/* An operand: [rows, cols], elements @p down and @p right apart. */
typedef struct operand {
    const void *data;
    size_t rows, cols, down, right;
    dnnl_data_type_t type;
} operand;

static bool describe(dnnl_memory_desc_t *out, const operand *o)
{
    const dnnl_dims_t dims = {(dnnl_dim_t)o->rows, (dnnl_dim_t)o->cols};
    const dnnl_dims_t strides = {(dnnl_dim_t)o->down, (dnnl_dim_t)o->right};
    return dnnl_memory_desc_init_by_strides(out, 2, dims, o->type, strides) == dnnl_success;
}

/* alpha scales the product, beta what was there. */
static dnnl_primitive_attr_t make_attributes(float alpha, float beta)
{
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t after = NULL;
    bool good = dnnl_primitive_attr_create(&attributes) == dnnl_success &&
                dnnl_primitive_attr_set_output_scales(attributes, 1, 0, &alpha) == dnnl_success;
    if (good && beta != 0)
        good = dnnl_post_ops_create(&after) == dnnl_success && dnnl_post_ops_append_sum(after, beta) == dnnl_success &&
               dnnl_primitive_attr_set_post_ops(attributes, after) == dnnl_success;
    if (after)
        dnnl_post_ops_destroy(after);
    if (!good && attributes) {
        dnnl_primitive_attr_destroy(attributes);
        attributes = NULL;
    }
    return attributes;
}

/* oneDNN keeps the primitives that it made, so one for the same sizes again is a look-up. */
static dnnl_primitive_t make_primitive(const ops_onednn *dnn, const dnnl_memory_desc_t desc[3], float alpha, float beta)
{
    dnnl_matmul_desc_t product;
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_primitive_attr_t attributes = make_attributes(alpha, beta);
    if (!attributes)
        return NULL;
    if (dnnl_matmul_desc_init(&product, &desc[0], &desc[1], NULL, &desc[2]) == dnnl_success &&
        dnnl_primitive_desc_create(&description, &product, attributes, dnn->engine, NULL) == dnnl_success &&
        dnnl_primitive_create(&primitive, description) != dnnl_success)
        primitive = NULL;
    if (description)
        dnnl_primitive_desc_destroy(description);
    dnnl_primitive_attr_destroy(attributes);
    return primitive;
}

/* operands: A, B, C */
static bool multiply(const ops_onednn *dnn, const operand operands[3], float alpha, float beta)
{
    static const int arguments[3] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
    dnnl_memory_desc_t desc[3];
    dnnl_exec_arg_t bound[3] = {{0}};
    bool good = true;
    for (int i = 0; i < 3; i++) {
        union { /* oneDNN takes inputs as pointers to what may be written */
            const void *from;
            void *to;
        } data = {operands[i].data};
        bound[i].arg = arguments[i];
        good = good && describe(&desc[i], &operands[i]) &&
               dnnl_memory_create(&bound[i].memory, &desc[i], dnn->engine, data.to) == dnnl_success;
    }
    dnnl_primitive_t primitive = good ? make_primitive(dnn, desc, alpha, beta) : NULL;
    good = primitive && dnnl_primitive_execute(primitive, dnn->stream, 3, bound) == dnnl_success &&
           dnnl_stream_wait(dnn->stream) == dnnl_success;
    if (primitive)
        dnnl_primitive_destroy(primitive);
    for (int i = 0; i < 3; i++)
        if (bound[i].memory)
            dnnl_memory_destroy(bound[i].memory);
    return good;
}

/* Rows [begin, begin + count) of A as bf16 without gaps. */
static operand rounded(const ops_onednn *dnn, const ops_context *ctx, ops_matrix a, size_t begin, size_t count)
{
#pragma omp parallel for num_threads(ctx->threads)
    for (size_t i = 0; i < count; i++)
        ctx->simd->to_bf16(dnn->halves + i * a.cols, ops_matrix_at(&a, begin + i, 0), a.cols);
    return (operand){dnn->halves, count, a.cols, a.cols, 1, dnnl_bf16};
}

bool ops_onednn_product(ops_onednn *dnn, const ops_context *ctx, float *c, size_t ldc, ops_matrix a, ops_matrix b,
                        bool trans, float alpha, float beta)
{
    const size_t n = trans ? b.rows : b.cols, step = b.dtype == OPS_BF16 ? HALVES / a.cols : a.rows;
    const dnnl_data_type_t type = b.dtype == OPS_BF16 ? dnnl_bf16 : dnnl_f32;
    if (step == 0)
        return false;
    for (size_t i = 0; i < a.rows; i += step) {
        const size_t m = ops_min(step, a.rows - i);
        operand o[3] = {{ops_matrix_at(&a, i, 0), m, a.cols, a.stride, 1, dnnl_f32},
                        {b.data, a.cols, n, trans ? 1 : b.stride, trans ? b.stride : 1, type},
                        {c + i * ldc, m, n, ldc, 1, dnnl_f32}};
        if (b.dtype == OPS_BF16)
            o[0] = rounded(dnn, ctx, a, i, m);
        if (!multiply(dnn, o, alpha, beta))
            return false; /* it refuses the first rows or none */
    }
    return true;
}
