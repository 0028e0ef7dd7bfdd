/* SPDX-License-Identifier: Apache-2.0 */
/** @file number.h
 *  JSON numbers and doubles, whatever the locale's decimal point is. Lexemes are valid JSON numbers (the guard saw to
 * that).
 */
#ifndef OPA_JSON_NUMBER_H
#define OPA_JSON_NUMBER_H

#include <opapairs/base.h>

/** Bytes of the longest JSON number at the beginning of @p s; 0 when there is none ("01" gives 1, "1." and "-" give 0).
 */
size_t opa_json_number_scan(const char *s, size_t size);
/** The nearest double; +-HUGE_VAL when out of range. *held (may be NULL): printing the double with as many digits as
 * the lexeme has gives the lexeme's value again, so nothing was lost. */
double opa_json_number_double(opa_text lexeme, bool *held);
/** false: not an integer, or it does not fit. */
bool opa_json_number_integer(opa_text lexeme, int64_t *out);

#define OPA_JSON_NUMBER_SIZE 32
/** The shortest of 15, 16 or 17 digits that reads back as @p x (finite), laid out as ECMAScript does. Returns the size;
 * no NUL. */
size_t opa_json_number_format(char out[OPA_JSON_NUMBER_SIZE], double x);

#endif
