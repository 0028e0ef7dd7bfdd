/* SPDX-License-Identifier: Apache-2.0 */
/** @file base.h
 *  What every other header needs: texts, spans, error codes and the context that keeps the message.
 *
 *  Thread rules, for the whole library: there is no global state. An object belongs to one thread at a time,
 *  unless its header says that it is immutable once made (opa_tokenizer, opa_recipe). Give each thread a context of
 *  its own; an object keeps using the context it was made with.
 *
 *  Words that always mean the same: _open/_new ... _free for handles on the heap, _init ... _release for structs of
 *  the caller's (both accept NULL or a zeroed struct). Out-parameters come first and are named out; after a failure
 *  *out is NULL (handles) or empty and releasable (structs).
 */
#ifndef OPAPAIRS_BASE_H
#define OPAPAIRS_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPA_API __attribute__((visibility("default")))
#ifdef __cplusplus
#define OPA_BEGIN_DECLS extern "C" {
#define OPA_END_DECLS }
#else
#define OPA_BEGIN_DECLS
#define OPA_END_DECLS
#endif
#define OPA_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

OPA_BEGIN_DECLS

#define OPA_VERSION "0.1.0"

/** A borrowed text: bytes with a length, not NUL-terminated. Inside the library texts are WTF-8: UTF-8 that may also
 *  hold lone surrogates (three bytes each, ED A0..BF xx) and NUL bytes, so that nothing a model wrote is lost.
 *  data == NULL means "absent"; an empty text has data != NULL and size 0. */
typedef struct opa_text {
    const char *data;
    size_t size; /**< bytes */
} opa_text;

/** A half-open range [begin, end). The unit (bytes, characters, tokens) is said where it is used. */
typedef struct opa_span {
    size_t begin, end;
} opa_span;

/** A text from a string literal. */
#define OPA_TEXT(literal) ((opa_text){(literal), sizeof(literal) - 1})

/** True when there is nothing in the text but white space, or it is absent. */
OPA_API bool opa_text_blank(opa_text text);

/** What a function returns: 0 or OPA_END, or a negative code. Codes keep their value for ever. */
enum opa_status {
    OPA_OK = 0,
    OPA_END = 1,           /**< an iteration has no more items; not an error */
    OPA_ENOMEM = -1,       /**< out of memory */
    OPA_EINVAL = -2,       /**< the caller broke the contract of the function */
    OPA_EDATA = -3,        /**< the input (a file, a document) is bad as a whole */
    OPA_ERECORD = -4,      /**< this record is bad, its findings say why; others can go on */
    OPA_ENOENT = -5,       /**< there is no such file, sample, member ... */
    OPA_ECREATE = -6,      /**< an output cannot be created */
    OPA_EIO = -7,          /**< reading or writing failed (disk full, device error) */
    OPA_EBUSY = -8,        /**< somebody else holds the store */
    OPA_EUNSUPPORTED = -9, /**< valid, but not built in (a tokenizer kind, an image format) */
    OPA_EVERSION = -10,    /**< written by a newer version of the format */
    OPA_ECANCELLED = -11,  /**< a progress callback asked to stop */
    OPA_ECHANGED = -12,    /**< it is not any more what the caller saw (opa_store_expect()) */
};

/** Keeps the message of the last failure. */
typedef struct opa_context opa_context;

/** Make a context. On success *out is set; free it with opa_context_free() after everything made with it. */
OPA_API int opa_context_new(opa_context **out);
OPA_API void opa_context_free(opa_context *ctx);

/** The message of the last failure that was reported through @p ctx: one line, no full stop, "" when there was none.
 *  Borrowed; valid until the next failing call with this context. */
OPA_API const char *opa_context_message(const opa_context *ctx);

/** The name of a status code, e.g. "OPA_EDATA"; "?" for an unknown one. */
OPA_API const char *opa_status_name(int status);

/** Names and versions of the linked libraries, one a line ("sqlite 3.40.1\n..."). Static storage. */
OPA_API const char *opa_versions(void);

OPA_END_DECLS
#endif
