/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/blas.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cblas.h>

#include "ops/cpu.h"

static bool among(const char *name, const char *const *names)
{
    while (*names && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

const char *ops_blas_better_core(const char *core, bool avx2, bool avx512)
{
    static const char *const wide[] = {"SkylakeX", "Cooperlake", "SapphireRapids", NULL};
    static const char *const half[] = {"Haswell", "Zen", NULL};
    if (avx512)
        return among(core, wide) ? NULL : "SkylakeX";
    if (avx2)
        return among(core, half) ? NULL : "Haswell";
    return NULL;
}

void ops_blas_choose_core(char **argv)
{
    const char *better = ops_blas_better_core(openblas_get_corename(), ops_cpu_has_avx2(), ops_cpu_has_avx512());
    if (!better || getenv("OPENBLAS_CORETYPE") || setenv("OPENBLAS_CORETYPE", better, 1) != 0)
        return;
    execv("/proc/self/exe", argv);
    unsetenv("OPENBLAS_CORETYPE"); /* no /proc: on with what there is */
}

const char *ops_blas_core(void)
{
    return openblas_get_corename();
}

const char *ops_blas_config(void)
{
    return openblas_get_config();
}

void ops_blas_single_threaded(void)
{
    openblas_set_num_threads(1);
}
