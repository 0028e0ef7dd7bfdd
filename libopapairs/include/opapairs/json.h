/* SPDX-License-Identifier: Apache-2.0 */
/** @file json.h
 *  JSON in and out. cJSON parses, behind a guard that sees the bytes first: cJSON 1.7.15 cuts texts at \u0000, rounds
 *  large integers, fails whole documents on NaN or a lone surrogate, ignores case in look-ups and keeps duplicate keys.
 *  Here each of these survives exactly or is a finding with its line; anything else that RFC 8259 forbids is refused
 *  with line and column. Read values through the functions below, never through cJSON's own look-ups or valuestring.
 */
#ifndef OPAPAIRS_JSON_H
#define OPAPAIRS_JSON_H

#include <opapairs/finding.h>

struct cJSON;

OPA_BEGIN_DECLS

/** One guarded document. */
typedef struct opa_json opa_json;

typedef struct opa_json_options {
    size_t max_depth;   /**< default 128; deeper nesting is refused (OPA_F_JSON_DEPTH) */
    size_t max_size;    /**< bytes, default 256 MiB; a larger document is refused (OPA_F_JSON_SIZE) */
    int64_t first_line; /**< default 1: the line at which @c bytes begins in its file, for messages */
    bool strict;        /**< default false: true also refuses NaN, Infinity, lone surrogates and a byte order mark */
} opa_json_options;
#define OPA_JSON_OPTIONS_INIT                                                                                          \
    {                                                                                                                  \
        .max_depth = 128, .max_size = (size_t)256 << 20, .first_line = 1, .strict = false                              \
    }

/** Parse one document. @p bytes must outlive *out (long strings are not copied). NULL @p options are the defaults.
 *  Repairs and reasons of refusal are appended to @p findings (may be NULL) with their line.
 *  Returns OPA_EDATA when refused (message: line, column, what), OPA_ENOMEM. Free *out with opa_json_free(). */
OPA_API int opa_json_parse(opa_context *ctx, opa_json **out, opa_text bytes, const opa_json_options *options,
                           opa_findings *findings);
OPA_API void opa_json_free(opa_json *doc);

/** The root value; borrowed from @p doc, never NULL. */
OPA_API const struct cJSON *opa_json_root(const opa_json *doc);
/** The member @p key of an object, compared byte by byte; of duplicates the last. NULL: no such member, or no object.
 */
OPA_API const struct cJSON *opa_json_get(const struct cJSON *object, const char *key);
/** The text of a string value, exactly: NULs and lone surrogates included. false: not a string. Borrowed from @p doc.
 */
OPA_API bool opa_json_text(const opa_json *doc, const struct cJSON *value, opa_text *out);
/** The name of an object's member, like opa_json_text(). */
OPA_API opa_text opa_json_key(const opa_json *doc, const struct cJSON *member);
/** The number as it was written (all its digits). false: not a number. */
OPA_API bool opa_json_lexeme(const opa_json *doc, const struct cJSON *value, opa_text *out);
/** The number as a double (+-HUGE_VAL when out of range). false: not a number. */
OPA_API bool opa_json_number(const opa_json *doc, const struct cJSON *value, double *out);
/** The number when it is an integer that fits ("3", "3.0", "3e0"). false: it is not. */
OPA_API bool opa_json_integer(const opa_json *doc, const struct cJSON *value, int64_t *out);
/** True for null, and for what the guard reads as null (NaN, Infinity). */
OPA_API bool opa_json_is_null(const struct cJSON *value);
OPA_API bool opa_json_is_string(const opa_json *doc, const struct cJSON *value);

/** Where a member of the root object stands in the bytes that were parsed. Of duplicates the last. */
typedef struct opa_json_place {
    opa_span value; /**< bytes of the value, quotes included */
    int64_t line;   /**< of the value, 1-based, counted from options.first_line */
} opa_json_place;
/** false: the root is no object or has no such member. */
OPA_API bool opa_json_place_of(const opa_json *doc, const char *key, opa_json_place *out);

/* ---- streams of records ---- */

/** Cuts a file into its records without holding it: a JSON array, JSON Lines, concatenated values, or one object.
 *  Memory: about the largest record. A damaged record does not hide the ones behind it. */
typedef struct opa_json_stream opa_json_stream;

typedef struct opa_json_record {
    opa_text bytes; /**< the record's value, as it stands in the file; borrowed until the next call */
    int64_t index;  /**< 0-based place in the file; damaged records count */
    int64_t line;   /**< 1-based line of its first byte */
    int64_t offset; /**< bytes from the file's start */
    bool truncated; /**< the file ends inside this record: bytes holds what there is */
    bool damaged;   /**< the record's end is a guess: brackets or quotes do not balance */
} opa_json_record;

/** Open @p path ("-" is standard input). max_size of @p options bounds one record. Findings on the file as a whole
 *  (byte order mark, text after the array) go to @p findings when it is not NULL, which must outlive the stream.
 *  OPA_ENOENT: no such file; OPA_EIO. A compressed file is OPA_EDATA with a hint. */
OPA_API int opa_json_stream_open(opa_context *ctx, opa_json_stream **out, const char *path,
                                 const opa_json_options *options, opa_findings *findings);
/** The same over bytes in memory, which must outlive the stream. */
OPA_API int opa_json_stream_memory(opa_context *ctx, opa_json_stream **out, opa_text bytes,
                                   const opa_json_options *options, opa_findings *findings);
/** OPA_OK and *out; OPA_END after the last record; OPA_EIO; OPA_ERECORD for a record over max_size, which is skipped
 *  (index, line and offset of *out are set). */
OPA_API int opa_json_stream_next(opa_json_stream *stream, opa_json_record *out);
/** Bytes read so far, and the file's size (-1 unknown): for progress. */
OPA_API void opa_json_stream_progress(const opa_json_stream *stream, int64_t *done, int64_t *total);
/** True when the whole file is one JSON array (true), false for lines and single values. Known after the first next().
 */
OPA_API bool opa_json_stream_is_array(const opa_json_stream *stream);
OPA_API void opa_json_stream_free(opa_json_stream *stream);

/* ---- writing ---- */

/** Appends JSON to a buffer of its own. Commas and colons are put by the writer. Output is one line, UTF-8;
 *  NUL and control characters are escaped, a lone surrogate is written as \udXXX, U+007F and above as they are.
 *  The first failure (only memory) is kept and makes the later calls do nothing; opa_json_writer_finish() reports it.
 */
typedef struct opa_json_writer opa_json_writer;

OPA_API int opa_json_writer_new(opa_context *ctx, opa_json_writer **out);
OPA_API void opa_json_writer_free(opa_json_writer *w);
OPA_API void opa_json_begin_object(opa_json_writer *w);
OPA_API void opa_json_end_object(opa_json_writer *w);
OPA_API void opa_json_begin_array(opa_json_writer *w);
OPA_API void opa_json_end_array(opa_json_writer *w);
OPA_API void opa_json_write_key(opa_json_writer *w, const char *key);
OPA_API void opa_json_write_key_text(opa_json_writer *w, opa_text key);
OPA_API void opa_json_write_text(opa_json_writer *w, opa_text text);   /**< absent (data NULL) is written as null */
OPA_API void opa_json_write_string(opa_json_writer *w, const char *s); /**< NULL is written as null */
OPA_API void opa_json_write_integer(opa_json_writer *w, int64_t n);
OPA_API void opa_json_write_number(opa_json_writer *w,
                                   double x); /**< shortest form that reads back; not finite: null */
OPA_API void opa_json_write_bool(opa_json_writer *w, bool b);
OPA_API void opa_json_write_null(opa_json_writer *w);
/** Bytes that are JSON already; white space outside strings is left out. */
OPA_API void opa_json_write_raw(opa_json_writer *w, opa_text json);
/** What was written since the start or the last clear. Borrowed until the next call. OPA_ENOMEM: something failed. */
OPA_API int opa_json_writer_finish(opa_json_writer *w, opa_text *out);
OPA_API void opa_json_writer_clear(opa_json_writer *w);

OPA_END_DECLS
#endif
