/* SPDX-License-Identifier: Apache-2.0 */
/** @file finding.h
 *  A finding is one result of validation. Its code has the same meaning for ever; check/codes.c holds the one table
 *  with name, severity, meaning and remedy of each.
 */
#ifndef OPAPAIRS_FINDING_H
#define OPAPAIRS_FINDING_H

#include <opapairs/base.h>

OPA_BEGIN_DECLS

typedef enum opa_severity {
    OPA_INFO,
    OPA_WARNING,
    OPA_ERROR, /**< this record cannot be trained on as it is */
} opa_severity;

/** Codes by theme. Printed as "OP%03d". */
enum opa_code {
    /* 0xx the file and the form of its JSON */
    OPA_F_JSON_INVALID = 1,    /**< error: not JSON; the record is quarantined */
    OPA_F_FILE_TRUNCATED = 2,  /**< error: the file ends inside this record */
    OPA_F_BYTE_ORDER_MARK = 3, /**< info */
    OPA_F_BARE_NAN = 4,        /**< warning: NaN or Infinity as a value, read as null */
    OPA_F_LONE_SURROGATE = 5,  /**< warning: half a surrogate pair, kept */
    OPA_F_NUL_CHARACTER = 6,   /**< warning: U+0000 in a text, kept */
    OPA_F_NUMBER_EXACT = 7,    /**< info: a number that a double cannot hold, kept as written */
    OPA_F_DUPLICATE_KEY = 8,   /**< warning: a key stands twice in an object, the last one counts */
    OPA_F_INVALID_UTF8 = 9,    /**< error: bytes that are no UTF-8; quarantined */
    OPA_F_JSON_DEPTH = 10,     /**< error: nested deeper than the limit; quarantined */
    OPA_F_JSON_SIZE = 11,      /**< error: a record larger than the limit; quarantined */
    OPA_F_RECORD_KIND = 12,    /**< error: the record is not an object, or of no known format */
    OPA_F_FIELD_MISSING = 13,  /**< error: a required field is absent */
    OPA_F_FIELD_TYPE = 14,     /**< error: a field has the wrong type */
    OPA_F_FILE_SYNTAX = 15,    /**< warning: what stands between the records is no JSON; every record was read */
    OPA_F_TIME_INVALID = 16,   /**< warning: "at" is no time; that of the import stands in the log */
    /* 1xx placing the copied sentences in the response */
    OPA_F_SEGMENT_MISSING = 101,    /**< warning: a copied sentence stands nowhere in the response (broken) */
    OPA_F_SEGMENT_GAP = 102,        /**< warning: visible text of the response is in no sentence (broken) */
    OPA_F_SEGMENT_OVERLAP = 103,    /**< warning: two sentences claim the same text (broken) */
    OPA_F_SEGMENT_SPACE = 104,      /**< info: found after tolerance for white space (repaired) */
    OPA_F_SEGMENT_QUOTES = 105,     /**< info: found after tolerance for quotes and dashes (repaired) */
    OPA_F_SEGMENT_NORMALIZED = 106, /**< info: found after NFC normalisation (repaired) */
    OPA_F_SEGMENT_CASE = 107,       /**< info: found after case folding (repaired) */
    OPA_F_SEGMENT_NEAR = 108,       /**< info: found with a bounded number of edits (repaired) */
    OPA_F_SEGMENT_MOVED = 109,      /**< warning: reported in another order than the response has (repaired) */
    OPA_F_SEGMENT_AMBIGUOUS = 110,  /**< warning: several equally good places (ambiguous) */
    OPA_F_SEGMENT_EMPTY = 111,      /**< warning: a sentence without copied text but with a rewriting */
    OPA_F_KEY_ORDER = 112,          /**< warning: sentence numbers not ascending; document order is used (repaired) */
    /* 2xx the form of the expert's report */
    OPA_F_REPORT_MISSING = 201,      /**< error: no report (the released code writes "" when the API failed) */
    OPA_F_REPORT_REFUSED = 202,      /**< error: the expert refused */
    OPA_F_REPORT_CUT = 203,          /**< error: the report ends in the middle; whole sentences are kept */
    OPA_F_REPORT_UNREADABLE = 204,   /**< error: not a report, and no sentence could be read */
    OPA_F_REPORT_FENCED = 205,       /**< info: inside a Markdown code fence */
    OPA_F_REPORT_PROSE = 206,        /**< info: text before or after the report */
    OPA_F_REPORT_STRING = 207,       /**< info: the report is JSON inside a string */
    OPA_F_REPORT_SYNTAX = 208,       /**< warning: repaired syntax (trailing comma, single quotes, comments ...) */
    OPA_F_REPORT_LIST = 209,         /**< info: a list where an object was expected */
    OPA_F_KEY_SPELLING = 210,        /**< info: spaces for underscores, or another spelling of a key */
    OPA_F_SCORE_TYPE = 211,          /**< info: a score written as text, read as a number */
    OPA_F_SCORE_RANGE = 212,         /**< warning: a score outside 1..4, weighed as 4 (weight 1), as the release does */
    OPA_F_SCORE_MISSING = 213,       /**< warning: a sentence without a score */
    OPA_F_ERROR_TYPE_SPELLING = 214, /**< info: e.g. Image_recognition_error */
    OPA_F_ERROR_TYPE_UNKNOWN = 215,  /**< warning: an error type outside the three */
    OPA_F_ERROR_TYPE_MISSING = 216,  /**< warning: a sentence without an error type */
    OPA_F_SENTENCE_NUMBER = 217,     /**< warning: a missing, extra or repeated sentence number */
    OPA_F_SENTENCE_KIND = 218,       /**< warning: an entry that is not a sentence, left out */
    OPA_F_REWRITTEN_MISSING = 219,   /**< warning: no rewritten text; the copied one stands */
    OPA_F_REPORT_FIELD_TYPE = 220,   /**< warning: a field of a sentence has the wrong type */
    /* 3xx what the edits say */
    OPA_F_CHANGED_AT_4 = 301,       /**< warning: score 4, but the sentence was changed */
    OPA_F_UNCHANGED_BELOW_4 = 302,  /**< warning: score below 4, but the sentence is the same */
    OPA_F_TYPE_CONTRADICTS = 303,   /**< warning: "correct" with a score below 4, or an error with 4 */
    OPA_F_REVISED_DIFFERS = 304,    /**< warning: the stored revised text is not what the edits give */
    OPA_F_REWRITTEN_UNPLACED = 305, /**< info: a rewritten sentence is not in the revised text */
    /* 4xx images */
    OPA_F_IMAGE_MISSING = 401,     /**< error: the record, or its prompt, has a place for an image, but none */
    OPA_F_IMAGE_BASE64 = 402,      /**< error: not base64 */
    OPA_F_IMAGE_KIND = 403,        /**< error: not an image */
    OPA_F_IMAGE_UNSUPPORTED = 404, /**< error: an image of a kind that is not read (WebP, GIF ...) */
    OPA_F_IMAGE_TRUNCATED = 405,   /**< error: the image's data end early */
    OPA_F_IMAGE_CORRUPT = 406,     /**< error: the image does not decode */
    OPA_F_IMAGE_HUGE = 407,        /**< error: more pixels than the limit */
    OPA_F_IMAGE_ORIENTATION = 408, /**< info: EXIF orientation; the reference ignores it */
    OPA_F_IMAGE_MODE = 409,        /**< info: CMYK, 16-bit, palette, alpha: converted to RGB */
    OPA_F_IMAGE_EXTENSION = 410,   /**< info: the name says another kind than the bytes */
    OPA_F_IMAGE_TINY = 411,        /**< warning: a side below 16 pixels: a placeholder? */
    OPA_F_IMAGE_FILE = 412,        /**< error: the image's file cannot be read */
    OPA_F_IMAGE_TRAILING = 413,    /**< info: bytes after the image's end */
    OPA_F_IMAGE_BASE64_FORM = 414, /**< info: base64 with line breaks, a data URL or without padding */
    OPA_F_IMAGE_PASSED_OVER = 415, /**< warning: a record of a sample that needs none brings no readable image */
    /* 5xx texts */
    OPA_F_GROUND_TRUTH_MISSING = 501, /**< warning: no ground truth; its pairs are not built */
    OPA_F_REVISED_EMPTY = 502,        /**< warning: the revised text is empty; its pairs are not built */
    OPA_F_GENERATED_EMPTY = 503,      /**< error: the response is empty */
    OPA_F_IDENTICAL = 504,            /**< warning: ground truth equals the generated response */
    OPA_F_SWAPPED = 505,              /**< error: the generated response holds the rewritten sentences */
    OPA_F_REPETITION = 506,           /**< error: the response ends in a loop */
    OPA_F_REPETITION_RELEASED = 507,  /**< info: the released filter would drop it, though it does not loop */
    OPA_F_PROMPT_LONG = 508,          /**< warning: the released query of 128 tokens would be cut */
    OPA_F_RESPONSE_LONG = 509,        /**< warning: over 896 tokens, the released micro-batch loses its weights */
    OPA_F_IMAGE_PLACEHOLDER = 510, /**< warning: "<image>" stands twice in the prompt, or in a rollout's not at all */
    OPA_F_PROMPT_EMPTY = 511,      /**< error: the prompt is empty */
    OPA_F_UNEDITED = 512,          /**< info: the revised response equals the generated one */
    /* 6xx identity, over all files */
    OPA_F_DUPLICATE_RECORD = 601, /**< warning: a byte-equal copy of another record, merged */
    OPA_F_IMAGE_ID_REUSED = 602,  /**< warning: one image_id names different images */
    OPA_F_REVISION = 603,         /**< info: the same sample with another report or revised text; the last counts */
    OPA_F_ID_CONFLICT = 604,      /**< error: a known id with another image, prompt or response; quarantined */
    OPA_F_IMAGE_SHARED = 605,     /**< info: several samples use this image */
    OPA_F_TEXT_SHARED = 606,      /**< info: another sample has the same response */
    OPA_F_ID_INVALID = 607,       /**< error: the id is empty or no text */
    OPA_F_ID_UNKNOWN = 608,       /**< error: an edit of a sample that the store does not have; quarantined */
    /* 7xx what a pack leaves out or holds by decision, not by damage */
    OPA_F_EXCLUDED = 701, /**< info: excluded by a person */
    OPA_F_FILTERED = 702, /**< info: the recipe's filter leaves it out */
    OPA_F_NO_PAIRS = 703, /**< info: packed, but the recipe builds no pair from it */
    /* 8xx packs */
    OPA_F_MEMBER_ALTERED = 801,   /**< error */
    OPA_F_MEMBER_MISSING = 802,   /**< error */
    OPA_F_MEMBER_EXTRA = 803,     /**< error */
    OPA_F_SHARD_ALTERED = 804,    /**< error: bytes outside every sample differ (headers, padding, end) */
    OPA_F_SHARD_MISSING = 805,    /**< error */
    OPA_F_SHARD_TRUNCATED = 806,  /**< error */
    OPA_F_FILE_EXTRA = 807,       /**< error: a file that the manifest does not know */
    OPA_F_MANIFEST_INVALID = 808, /**< error: manifest.json, index.tsv or SHA256SUMS is missing or altered */
    OPA_F_MEMBER_INVALID = 809,   /**< error: a member's content breaks the schema */
    /* 9xx ourselves */
    OPA_F_ALIGNMENT_PROOF = 901, /**< error: the edit script does not give the other side back: a bug, report it */
    /* 91x the store itself (opa_store_verify()) */
    OPA_F_STORE_PAGES = 911,     /**< error: SQLite finds its file damaged */
    OPA_F_STORE_REFERENCE = 912, /**< error: a row refers to one that is not there */
    OPA_F_STORE_IMAGE = 913,     /**< error: an image's bytes are not those that were imported */
    OPA_F_STORE_RECORD = 914,    /**< error: a record's bytes are not those that were imported */
    OPA_F_STORE_SAMPLE = 915,    /**< error: a sample is not what its records say */
    OPA_F_STORE_LOG = 916,       /**< error: the log of a sample contradicts itself */
};

/** One finding. Strings are owned by the list it is in; NULL, -1 or 0 where unknown. */
typedef struct opa_finding {
    int code;
    int64_t record;   /**< 0-based place in the file, -1 unknown */
    int64_t line;     /**< 1-based, 0 unknown */
    char *file;       /**< base name (the path as given where no record of it could be read), NULL unknown */
    char *id;         /**< of the sample, or what the record in quarantine says; NULL unknown */
    char *field;      /**< e.g. "AI_json_report.3.score", NULL unknown */
    char *message;    /**< what is wrong, here, in words; UTF-8, one line */
    bool quarantined; /**< of a record that is in quarantine: a sample of that id is another record's */
} opa_finding;

/** A growing list of findings; {0} is an empty one. */
typedef struct opa_findings {
    opa_finding *items;
    size_t count, capacity;
} opa_findings;

OPA_API void opa_findings_release(opa_findings *list);

/** What a code means. Static storage. */
typedef struct opa_code_info {
    int code;
    const char *name; /**< e.g. "segment-missing" */
    opa_severity severity;
    const char *meaning; /**< one sentence */
    const char *remedy;  /**< what to do about it, one sentence */
} opa_code_info;

/** The entry of @p code, or NULL. */
OPA_API const opa_code_info *opa_code_lookup(int code);
/** The whole table, ascending by code; *count entries. */
OPA_API const opa_code_info *opa_code_table(size_t *count);
/** "error", "warning" or "info". */
OPA_API const char *opa_severity_name(opa_severity severity);

OPA_END_DECLS
#endif
