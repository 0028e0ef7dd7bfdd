/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rejoin.h"

#include "base/context.h"
#include "base/findings.h"
#include "base/utf8.h"

static void join(opa_buffer *out, const opa_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const opa_sentence *s = &report->sentences[i];
        const opa_text text = s->rewritten.data ? s->rewritten : s->copied;
        if (s->added && opa_text_blank(text))
            continue;
        if (i > 0)
            opa_buffer_add_char(out, ' ');
        opa_buffer_add_text(out, text);
    }
}

int opa_report_rejoin(opa_context *ctx, opa_buffer *out, opa_text json, const char *prefix, opa_findings *findings)
{
    opa_report report = {0};
    opa_findings own = {0};
    int status = opa_report_parse(ctx, &report, json, &own);
    if (status == OPA_OK && opa_findings_append(findings, &own, prefix) != OPA_OK)
        status = opa_fail_memory(ctx);
    if (status == OPA_OK && report.state != OPA_REPORT_READ && report.state != OPA_REPORT_CUT)
        status = opa_fail(ctx, OPA_ERECORD, "no sentence can be read from the report");
    if (status == OPA_OK)
        join(out, &report);
    if (status == OPA_OK && out->failed)
        status = opa_fail_memory(ctx);
    opa_findings_release(&own);
    opa_report_release(&report);
    return status;
}
