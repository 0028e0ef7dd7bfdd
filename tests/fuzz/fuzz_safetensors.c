/* SPDX-License-Identifier: Apache-2.0 */
/* A safetensors file: its header, and what a loader would ask of the tensors. */
#include "safetensors.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trainer t = {0};
    struct safetensors *st;
    if (opa_context_new(&t.opa) != OPA_OK)
        return 0;
    if (safetensors_parse(&t, &st, data, size, "fuzz") == OPA_OK) {
        unsigned sum = 0;
        for (size_t i = 0; i < st->count; i++) {
            const struct tensor *tensor = &st->tensors[i];
            ops_matrix m;
            char shape[160];
            tensor_matrix(&m, tensor);
            tensor_shape_text(shape, tensor->shape, tensor->rank);
            if (safetensors_find(st, tensor->name) != tensor)
                abort();
            for (size_t k = 0; k < tensor->size; k++)
                sum += ((const unsigned char *)tensor->data)[k];
        }
        if (sum == UINT32_MAX)
            abort(); /* the sum is used, the reads are not taken out */
        safetensors_free(st);
    }
    opa_context_free(t.opa);
    return 0;
}
