/* SPDX-License-Identifier: Apache-2.0 */
/** @file json_fields.h
 *  Small documents (config.json and its kin) through the library's guarded reader: fields with their defaults, and errors
 *  that name file and field.
 */
#ifndef OPATRAIN_JSON_FIELDS_H
#define OPATRAIN_JSON_FIELDS_H

#include "mapped.h"

struct cJSON;

/** A document with the bytes that it borrows from. */
struct json_file {
    struct mapped map;
    opa_json *doc;
};

/** Read and parse; the root is an object. OPA_ENOENT, OPA_EIO; OPA_EDATA with file and line. */
int json_file_open(struct trainer *t, struct json_file *out, const char *path);
/** As json_file_open(), over bytes in memory, which must outlive *out; @p name is for messages. */
int json_file_parse(struct trainer *t, struct json_file *out, opa_text bytes, const char *name);
/** The same for what a person wrote to be taken at its word: what the reader would repair (NaN, names that stand twice) is
 *  refused, too. */
int json_file_parse_exact(struct trainer *t, struct json_file *out, opa_text bytes, const char *name);
void json_file_release(struct json_file *file);
/** What the strict reader lets pass with a finding: a name that stands twice in an object. OPA_EDATA; @p name is for the
 *  message. */
int json_refuse_duplicates(struct trainer *t, const opa_findings *findings, const char *name);
/** A reader of the root's fields. */
struct fields json_file_fields(struct trainer *t, const struct json_file *file, const char *where);

bool json_is_object(const struct cJSON *value);
bool json_is_array(const struct cJSON *value);
bool json_is_true(const struct cJSON *value);
bool json_is_false(const struct cJSON *value);
const struct cJSON *json_first(const struct cJSON *container); /**< NULL: empty, or no container */
const struct cJSON *json_next(const struct cJSON *item);
size_t json_count(const struct cJSON *container);

/** Copies, NUL-terminated, the caller's to free; NULL: out of memory, or no text. */
char *json_strdup(opa_text text);
char *json_strdup_value(const opa_json *doc, const struct cJSON *value);

/** Reads fields of one object; the first bad one is kept. */
struct fields {
    struct trainer *t;
    const opa_json *doc;
    const struct cJSON *object; /**< NULL: every field is absent */
    const char *where;          /**< for messages: file, or "file: text_config" */
    int status;
};

bool fields_has(const struct fields *f, const char *key); /**< there, and not null */
struct fields fields_object(struct fields *f, const char *key, const char *where);
/** A whole number in [least, most]; absent or null: @p otherwise. */
int64_t fields_integer(struct fields *f, const char *key, int64_t otherwise, int64_t least, int64_t most);
/** The numbers of an array; how many, at most @p most. Absent: 0. A single number counts as one where @p single. */
size_t fields_numbers(struct fields *f, const char *key, double *out, size_t most, bool single);
double fields_number(struct fields *f, const char *key, double otherwise);
bool fields_bool(struct fields *f, const char *key, bool otherwise);
/** The text, or @p otherwise (a literal). Borrowed from the document. */
opa_text fields_text(struct fields *f, const char *key, const char *otherwise);
/** Record a failure: "WHERE: what". */
void fields_fail(struct fields *f, int status, const char *format, ...) OPA_PRINTF(3, 4);

bool text_is(opa_text text, const char *literal);

#endif
