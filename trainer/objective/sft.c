/* SPDX-License-Identifier: Apache-2.0 */
#include "objective/sft.h"

double sft_add(double *slope, const double *logp, size_t count, double scale)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum -= logp[i];
        slope[i] = -scale;
    }
    return sum * scale;
}
