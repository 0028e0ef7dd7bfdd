/* SPDX-License-Identifier: Apache-2.0 */
#include "align/near.h"

#include <string.h>

/* Columns of the edit matrix, as vertical differences of +1 (plus) and -1 (minus) in blocks of 64 rows. */
typedef struct columns {
    uint64_t *equal; /* [256][blocks]: rows whose pattern byte is this byte */
    uint64_t *plus, *minus;
    size_t blocks, rows;
    size_t score; /* the last row's value */
} columns;

static bool start(opa_arena *scratch, columns *m, opa_text pattern, bool reversed)
{
    m->rows = pattern.size;
    m->blocks = (pattern.size + 63) / 64;
    m->score = pattern.size;
    m->equal = opa_arena_array(scratch, 256 * m->blocks, sizeof *m->equal);
    m->plus = opa_arena_array(scratch, m->blocks, sizeof *m->plus);
    m->minus = opa_arena_array(scratch, m->blocks, sizeof *m->minus);
    if (!m->equal || !m->plus || !m->minus)
        return false;
    memset(m->plus, 0xFF, m->blocks * sizeof *m->plus);
    for (size_t i = 0; i < pattern.size; i++) {
        const unsigned char c = (unsigned char)pattern.data[reversed ? pattern.size - 1 - i : i];
        m->equal[c * m->blocks + i / 64] |= (uint64_t)1 << (i % 64);
    }
    return true;
}

/* The next column. @p carry is the difference along row 0: 0 where a match may begin anywhere, 1 where it is anchored.
 */
static void step(columns *m, unsigned char c, int carry)
{
    const uint64_t *equal = m->equal + c * m->blocks;
    for (size_t k = 0; k < m->blocks; k++) {
        const uint64_t plus = m->plus[k], minus = m->minus[k], in_minus = carry < 0;
        const uint64_t eq = equal[k] | in_minus;
        const uint64_t xv = equal[k] | minus;
        const uint64_t xh = (((eq & plus) + plus) ^ plus) | eq;
        uint64_t hplus = minus | ~(xh | plus), hminus = plus & xh;
        const unsigned top = k + 1 < m->blocks ? 63 : (unsigned)((m->rows - 1) % 64);
        const int out = (int)(hplus >> top & 1) - (int)(hminus >> top & 1);
        hplus = hplus << 1 | (carry > 0);
        hminus = hminus << 1 | in_minus;
        m->plus[k] = hminus | ~(xv | hplus);
        m->minus[k] = hplus & xv;
        carry = out;
    }
    m->score = (size_t)((long long)m->score + carry);
}

bool opa_near_find(opa_arena *scratch, opa_span *out, size_t *edits, opa_text text, opa_text pattern, size_t limit)
{
    columns m;
    if (pattern.size == 0 || text.size == 0 || !start(scratch, &m, pattern, false))
        return false;
    size_t best = limit + 1, end = 0;
    for (size_t i = 0; i < text.size; i++) {
        step(&m, (unsigned char)text.data[i], 0);
        /* Of equals right behind each other the last: a wrong last character belongs to the place too. */
        if (m.score < best || (m.score == best && best <= limit && end == i)) {
            best = m.score;
            end = i + 1;
        }
    }
    if (best > limit || !start(scratch, &m, pattern, true))
        return false;
    /* Backwards from the end, anchored there: where does the same number of edits suffice? */
    size_t begin = end;
    const size_t reach = pattern.size + best < end ? pattern.size + best : end;
    for (size_t i = 0; i < reach; i++) {
        step(&m, (unsigned char)text.data[end - 1 - i], 1);
        if (m.score == best)
            begin = end - 1 - i;
    }
    *out = (opa_span){begin, end};
    *edits = best;
    return begin < end;
}
