/* SPDX-License-Identifier: Apache-2.0 */
/* The report of a sample may be from another record than the sample: an edit, a later import, or a person. */
#include "source.h"

#include <stdlib.h>
#include <string.h>

/* A finding on the report: its field begins with the report's name. */
static bool is_of_report(const opa_finding *f, const char *name)
{
    const size_t n = strlen(name);
    return f->field != NULL && strncmp(f->field, name, n) == 0 && (f->field[n] == '\0' || f->field[n] == '.');
}

/* Put the finding where the report is; one that a person set is in no file. */
static bool move_to_report(opa_finding *f, const char *was, const opa_report_place *place)
{
    const char *rest = f->field + strlen(was), *now = place->field ? place->field : "report";
    const size_t room = strlen(now) + strlen(rest) + 1;
    char *field = malloc(room);
    if (field == NULL)
        return false;
    snprintf(field, room, "%s%s", now, rest);
    free(f->field);
    f->field = field;
    f->record = place->record;
    f->line = place->line;
    f->file = place->field ? strdup(place->file) : NULL;
    return place->field == NULL || f->file != NULL;
}

int view_place_report(struct source *s, struct view *v)
{
    opa_report_place place;
    int status = OPA_END;
    bool looked = false, memory = true;
    for (size_t i = 0; i < v->findings.count && memory && v->sample.report_moved; i++) {
        opa_finding *f = &v->findings.items[i];
        if (f->id != NULL || !is_of_report(f, v->sample.report_field))
            continue;
        if (!looked)
            status = opa_store_report_place(s->store, &place, v->sample.id, v->sample.report);
        if (status != OPA_OK && status != OPA_END)
            return status;
        looked = true;
        memory = move_to_report(f, v->sample.report_field, &place) && (f->id = text_duplicate(v->sample.id)) != NULL;
    }
    return memory ? OPA_OK : OPA_ENOMEM;
}
