/* SPDX-License-Identifier: Apache-2.0 */
/* The words of --only. */
#include "filter.h"

static bool has_severity(const struct view *v, opa_severity severity)
{
    for (size_t i = 0; i < v->findings.count; i++) {
        if (code_severity(v->findings.items[i].code) == severity)
            return true;
    }
    return false;
}

static bool is_edited(const struct view *v)
{
    return v->edited;
}

static bool is_unedited(const struct view *v)
{
    return !v->edited;
}

static bool is_exact(const struct view *v)
{
    return v->certificate == OPA_EXACT;
}

static bool is_repaired(const struct view *v)
{
    return v->certificate == OPA_REPAIRED;
}

static bool is_ambiguous(const struct view *v)
{
    return v->certificate == OPA_AMBIGUOUS;
}

static bool is_broken(const struct view *v)
{
    return v->certificate == OPA_BROKEN;
}

static bool has_no_report(const struct view *v)
{
    return v->certificate == OPA_CERTIFICATE_NONE;
}

static bool is_left_out(const struct view *v)
{
    return v->left_out;
}

static bool has_error(const struct view *v)
{
    return has_severity(v, OPA_ERROR);
}

static bool has_warning(const struct view *v)
{
    return has_severity(v, OPA_WARNING);
}

static bool has_moved(const struct view *v)
{
    const opa_alignment *a = &v->assessment.alignment;
    for (size_t i = 0; i < a->placed_count; i++) {
        if (a->placed[i].moved)
            return true;
    }
    return false;
}

static bool has_added(const struct view *v)
{
    const opa_report *report = &v->assessment.report;
    for (size_t i = 0; i < report->count; i++) {
        if (report->sentences[i].added)
            return true;
    }
    return false;
}

static bool is_excluded(const opa_sample *s)
{
    return s->excluded;
}

static bool is_included(const opa_sample *s)
{
    return !s->excluded;
}

static bool is_unseen(const opa_sample *s)
{
    return s->review == OPA_REVIEW_NONE;
}

static bool is_seen(const opa_sample *s)
{
    return s->review == OPA_REVIEW_SEEN;
}

static bool is_undecided(const opa_sample *s)
{
    return s->review == OPA_REVIEW_NONE || s->review == OPA_REVIEW_SEEN;
}

static bool is_accepted(const opa_sample *s)
{
    return s->review == OPA_REVIEW_ACCEPTED;
}

static bool is_changed(const opa_sample *s)
{
    return s->review == OPA_REVIEW_CHANGED;
}

/* Either the sample says it, or what was made of it. */
static const struct word {
    const char *name;
    bool (*sample)(const opa_sample *sample);
    bool (*view)(const struct view *view);
    bool checker; /* it takes the checker's findings */
} WORDS[] = {
    {"edited", NULL, is_edited, false},        {"unedited", NULL, is_unedited, false},
    {"exact", NULL, is_exact, false},          {"repaired", NULL, is_repaired, false},
    {"ambiguous", NULL, is_ambiguous, false},  {"broken", NULL, is_broken, false},
    {"no-report", NULL, has_no_report, false}, {"excluded", is_excluded, NULL, false},
    {"included", is_included, NULL, false},    {"left-out", NULL, is_left_out, true},
    {"error", NULL, has_error, true},          {"warning", NULL, has_warning, true},
    {"moved", NULL, has_moved, false},         {"added", NULL, has_added, false},
    {"unseen", is_unseen, NULL, false},        {"seen", is_seen, NULL, false},
    {"undecided", is_undecided, NULL, false},  {"accepted", is_accepted, NULL, false},
    {"changed", is_changed, NULL, false},
};
enum { WORD_COUNT = sizeof WORDS / sizeof *WORDS };
_Static_assert(WORD_COUNT <= 32, "a bit each");

const char *filter_word(int place)
{
    return place < WORD_COUNT ? WORDS[place].name : NULL;
}

bool filter_words_hold(uint32_t words, const opa_sample *sample, const struct view *v)
{
    for (int i = 0; i < WORD_COUNT; i++) {
        if ((words >> i & 1) == 0)
            continue;
        if (WORDS[i].sample ? WORDS[i].sample(sample) : v == NULL || WORDS[i].view(v))
            return true;
    }
    return false;
}

bool filter_words_want_checker(uint32_t words)
{
    bool wants = false;
    for (int i = 0; i < WORD_COUNT; i++)
        wants = wants || ((words >> i & 1) && WORDS[i].checker);
    return wants;
}
