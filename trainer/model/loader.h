/* SPDX-License-Identifier: Apache-2.0 */
/** @file loader.h
 *  From tensors with names to the layers of a model. A family asks for what it needs, by part, name and shape; what is
 *  missing, misshapen, of another type, or left over is named, with what was expected.
 *
 *  The first failure is kept in status and makes the later requests do nothing, so that a family reads like a list.
 */
#ifndef OPATRAIN_MODEL_LOADER_H
#define OPATRAIN_MODEL_LOADER_H

#include "model/config.h"
#include "model/linear.h"
#include "safetensors.h"

/** A linear layer with its name, for adapters. */
struct loader_module {
    enum part part;
    char *rest; /**< "layers.0.self_attn.q_proj"; owned */
    size_t rows, cols;
};

struct loader {
    struct trainer *t;
    int status;
    struct loader_entry *entries; /* by part and rest */
    size_t count, capacity;
    struct loader_module *modules; /**< by linear.id */
    size_t module_count;
    float **vectors; /* float32 copies of what is small: norms, biases */
    size_t vector_count;
    const char *prefix[PART_COUNT]; /* the checkpoint's spelling */
    enum part part;                 /* where requests look */
    char at[64];
};

/** List a checkpoint's tensors (again for a second file). OPA_EDATA: two keys mean the same tensor. */
int loader_add(struct loader *loader, const struct safetensors *st);
/** Has the checkpoint a tensor of this part? */
bool loader_has(const struct loader *loader, enum part part);
/** Ends with the first tensor that nobody asked for. */
int loader_finish(struct loader *loader);
/** The linear layer of a path ("model.layers.0.self_attn.q_proj") in any spelling, or NULL; its place in the list is its id. */
const struct loader_module *loader_module_of(const struct loader *loader, const char *path);
/** The model's vectors and names of modules go with it: release it with the model. */
void loader_release(struct loader *loader);

/** Later requests are for this part. */
void loader_top(struct loader *loader, enum part part);
/** Later requests are for this part, below this prefix of names. */
void loader_at(struct loader *loader, enum part part, const char *format, ...) OPA_PRINTF(3, 4);
/** A matrix in its stored type, [rows, cols] (a convolution's kernel counts as [out, rest]). */
ops_matrix loader_matrix(struct loader *loader, const char *name, size_t rows, size_t cols);
/** A small tensor of @p size elements as float32, owned by the loader. */
const float *loader_vector(struct loader *loader, const char *name, size_t size);
/** A matrix as float32 [rows, cols], owned by the loader. */
const float *loader_table(struct loader *loader, const char *name, size_t rows, size_t cols);
/** NAME.weight [out, in] and NAME.bias [out]; the layer gets the next id. */
void loader_linear(struct loader *loader, struct linear *out, const char *name, size_t out_size, size_t in_size,
                   bool bias);
/** This tensor may be there and is not read. */
void loader_ignore(struct loader *loader, const char *name);

#endif
