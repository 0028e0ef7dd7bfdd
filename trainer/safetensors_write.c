/* SPDX-License-Identifier: Apache-2.0 */
#include "safetensors_write.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor_out *)a)->name, ((const struct tensor_out *)b)->name);
}

static size_t bytes_of(const struct tensor_out *tensor)
{
    return tensor->matrix.rows * tensor->matrix.cols * ops_dtype_size(tensor->matrix.dtype);
}

static void write_entry(opa_json_writer *w, const struct tensor *tensor, uint64_t begin)
{
    opa_json_write_key(w, tensor->name);
    opa_json_begin_object(w);
    opa_json_write_key(w, "dtype");
    opa_json_write_string(w, tensor->dtype);
    opa_json_write_key(w, "shape");
    opa_json_begin_array(w);
    for (size_t i = 0; i < tensor->rank; i++)
        opa_json_write_integer(w, (int64_t)tensor->shape[i]);
    opa_json_end_array(w);
    opa_json_write_key(w, "data_offsets");
    opa_json_begin_array(w);
    opa_json_write_integer(w, (int64_t)begin);
    opa_json_write_integer(w, (int64_t)(begin + tensor->size));
    opa_json_end_array(w);
    opa_json_end_object(w);
}

static void write_header(opa_json_writer *w, const struct tensor *tensors, size_t count,
                         const struct tensor_note *notes, size_t note_count)
{
    uint64_t begin = 0;
    opa_json_begin_object(w);
    opa_json_write_key(w, "__metadata__");
    opa_json_begin_object(w);
    for (size_t i = 0; i < note_count; i++) {
        opa_json_write_key(w, notes[i].key);
        opa_json_write_string(w, notes[i].value);
    }
    opa_json_end_object(w);
    for (size_t i = 0; i < count; i++) {
        write_entry(w, &tensors[i], begin);
        begin += tensors[i].size;
    }
    opa_json_end_object(w);
}

/* The header's length and text, filled with spaces so that the data begin at a multiple of 8. */
static void put_header(struct durable *d, opa_text header)
{
    unsigned char length[8];
    const size_t filled = (header.size + 7) & ~(size_t)7;
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(filled >> 8 * i);
    durable_write(d, length, sizeof length);
    durable_write(d, header.data, header.size);
    durable_write(d, "       ", filled - header.size);
}

int safetensors_begin(struct trainer *t, struct durable *out, const char *path, const struct tensor *tensors,
                      size_t count, const struct tensor_note *notes, size_t note_count)
{
    opa_json_writer *w;
    opa_text header;
    if (opa_json_writer_new(t->opa, &w) != OPA_OK)
        return trainer_fail_memory(t);
    write_header(w, tensors, count, notes, note_count);
    const int status =
        opa_json_writer_finish(w, &header) == OPA_OK ? durable_open(t, out, path) : trainer_fail_memory(t);
    if (status == OPA_OK)
        put_header(out, header);
    opa_json_writer_free(w);
    return status;
}

static struct tensor describe(const struct tensor_out *tensor)
{
    static const char *const dtypes[] = {[OPS_F32] = "F32", [OPS_BF16] = "BF16", [OPS_F16] = "F16"};
    const ops_matrix *m = &tensor->matrix;
    struct tensor out = {.name = (char *)(uintptr_t)tensor->name, .dtype = dtypes[m->dtype], .size = bytes_of(tensor)};
    if (!tensor->vector)
        out.shape[out.rank++] = m->rows;
    out.shape[out.rank++] = m->cols;
    return out;
}

int safetensors_write(struct trainer *t, const char *path, struct tensor_out *tensors, size_t count,
                      const struct tensor_note *notes, size_t note_count)
{
    struct durable d;
    struct tensor *list = malloc((count + 1) * sizeof *list);
    if (list == NULL)
        return trainer_fail_memory(t);
    qsort(tensors, count, sizeof *tensors, by_name);
    for (size_t i = 0; i < count; i++)
        list[i] = describe(&tensors[i]);
    const int status = safetensors_begin(t, &d, path, list, count, notes, note_count);
    free(list);
    if (status != OPA_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        durable_write(&d, tensors[i].matrix.data, bytes_of(&tensors[i]));
    return durable_commit(t, &d);
}
