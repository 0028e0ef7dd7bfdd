/* SPDX-License-Identifier: Apache-2.0 */
/* A context for all tests of a file: cmocka_run_group_tests(tests, make_context, free_context). Include it behind
 * cmocka.h. */
#ifndef OPA_TEST_WITH_CONTEXT_H
#define OPA_TEST_WITH_CONTEXT_H

#include <opapairs/base.h>

static opa_context *ctx;

static int make_context(void **state)
{
    (void)state;
    return opa_context_new(&ctx);
}

static int free_context(void **state)
{
    (void)state;
    opa_context_free(ctx);
    return 0;
}

#endif
