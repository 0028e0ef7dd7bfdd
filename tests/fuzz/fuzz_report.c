/* SPDX-License-Identifier: Apache-2.0 */
/* The expert's report: whatever the bytes, one state, sentences within bounds, findings in words. */
#include <stdint.h>
#include <stdlib.h>

#include <opapairs/json.h>
#include <opapairs/report.h>

/* Touch every byte that the report lends out. */
static size_t touch(const opa_report *report)
{
    size_t sum = 0;
    for (size_t i = 0; i < report->count; i++) {
        const opa_sentence *s = &report->sentences[i];
        const opa_text texts[] = {s->key, s->copied, s->rewritten, s->error_type_raw, s->reason};
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            for (size_t b = 0; texts[k].data && b < texts[k].size; b++)
                sum += (unsigned char)texts[k].data[b];
        for (size_t k = 0; k < s->object_count; k++)
            sum += s->objects[k].size;
        if (s->score < 0 || s->score > 4 || s->number < -1)
            abort();
    }
    return sum;
}

static size_t parse(opa_context *ctx, opa_text json)
{
    opa_report report;
    opa_findings findings = {0};
    if (opa_report_parse(ctx, &report, json, &findings) != OPA_OK)
        abort(); /* memory is not short here */
    const bool has = report.state == OPA_REPORT_READ || report.state == OPA_REPORT_CUT;
    if (report.state == OPA_REPORT_NONE || (report.state == OPA_REPORT_READ && report.count == 0) ||
        (!has && report.count > 0))
        abort();
    for (size_t i = 0; i < findings.count; i++)
        if (!findings.items[i].message || !findings.items[i].message[0])
            abort();
    const size_t sum = touch(&report);
    opa_findings_release(&findings);
    opa_report_release(&report);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    opa_context *ctx;
    opa_json_writer *w;
    opa_text string;
    const opa_text bytes = {size ? (const char *)data : "", size};
    if (opa_context_new(&ctx) != OPA_OK || opa_json_writer_new(ctx, &w) != OPA_OK)
        abort();
    volatile size_t sum = parse(ctx, bytes); /* as a value in the record */
    opa_json_write_text(w, bytes);
    if (opa_json_writer_finish(w, &string) == OPA_OK)
        sum += parse(ctx, string); /* as a text in it */
    (void)sum;
    opa_json_writer_free(w);
    opa_context_free(ctx);
    return 0;
}
