/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include "store/pipeline.h"

/* Batches come out in the order in which they went in, each of them read, with any number of threads. */
static void test_order(void **state)
{
    (void)state;
    opa_context *ctx;
    opa_findings none = {0};
    opa_source source = {.path = "x", .name = "x", .format = opa_format_lookup(OPA_TEXT("samples")), .findings = none};
    char folder[] = ".";
    source.images = folder;
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    for (int threads = 1; threads <= 8; threads++) {
        opa_pipeline *p;
        int64_t in = 0, out = 0;
        assert_int_equal(opa_pipeline_new(ctx, &p, threads), OPA_OK);
        while (out < 200) {
            opa_batch *batch = opa_pipeline_pop(p, in == 200 || opa_pipeline_full(p));
            if (batch) {
                assert_int_equal(batch->count, 1);
                assert_int_equal(batch->items[0].index, out++);
                assert_int_equal(batch->items[0].status, OPA_OK);
                opa_pipeline_recycle(p, batch);
            } else if (in < 200) {
                const opa_json_record record = {
                    .bytes = OPA_TEXT("{\"id\":\"a\",\"prompt\":\"p\",\"generated\":\"g\"}"), .index = in++};
                batch = opa_pipeline_batch(p);
                assert_non_null(batch);
                batch->source = &source;
                assert_non_null(opa_batch_add(batch, &record));
                opa_pipeline_push(p, batch);
            }
        }
        assert_null(opa_pipeline_pop(p, true));
        opa_pipeline_free(p);
    }
    opa_context_free(ctx);
}

/* Freed with work inside. */
static void test_free_early(void **state)
{
    (void)state;
    opa_context *ctx;
    char folder[] = ".";
    opa_source source = {.path = "x", .name = "x", .images = folder, .format = opa_format_lookup(OPA_TEXT("samples"))};
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    for (int round = 0; round < 20; round++) {
        opa_pipeline *p;
        assert_int_equal(opa_pipeline_new(ctx, &p, 3), OPA_OK);
        while (!opa_pipeline_full(p)) {
            const opa_json_record record = {.bytes = OPA_TEXT("{\"id\":")};
            opa_batch *batch = opa_pipeline_batch(p);
            assert_non_null(batch);
            batch->source = &source;
            assert_non_null(opa_batch_add(batch, &record));
            opa_pipeline_push(p, batch);
        }
        opa_pipeline_free(p);
    }
    opa_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_free_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
