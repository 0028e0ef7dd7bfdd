/* SPDX-License-Identifier: Apache-2.0 */
#include "review_edit.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "editor.h"
#include "json_lines.h"

/* One text in the editor. */
struct task {
    const char *ending; /* of the file's name */
    char *text;         /* what is edited; malloc()ed */
    size_t size;
    bool json; /* the report is JSON, and has to stay so */
    bool (*store)(struct desk *d, const struct task *task, opa_text text);
};

static bool copy_text(struct task *task, opa_text text)
{
    task->text = malloc(text.size + 1);
    if (task->text == NULL)
        return false;
    if (text.size > 0)
        memcpy(task->text, text.data, text.size);
    task->size = text.size;
    return true;
}

static int take_revised(void *user, struct view *v)
{
    const opa_text revised = v->assessment.alignment.revised;
    return copy_text(user, revised.data != NULL ? revised : v->sample.generated) ? 0 : EXIT_IO;
}

/* A report that came as text (in a code fence, say) is edited as that text; any other as JSON. */
static int take_report(void *user, struct view *v)
{
    struct task *task = user;
    opa_json *doc = NULL;
    opa_context *ctx;
    opa_text text;
    task->json = true;
    if (v->sample.report.data == NULL)
        return copy_text(task, OPA_TEXT("{\n}")) ? 0 : EXIT_IO;
    if (opa_context_new(&ctx) != OPA_OK)
        return EXIT_IO;
    if (opa_json_parse(ctx, &doc, v->sample.report, NULL, NULL) == OPA_OK && cJSON_IsString(opa_json_root(doc)) &&
        opa_json_text(doc, opa_json_root(doc), &text)) {
        task->json = false;
        copy_text(task, text);
    } else if ((task->text = json_lines(v->sample.report)) != NULL) {
        task->size = strlen(task->text);
    }
    opa_json_free(doc);
    opa_context_free(ctx);
    return task->text != NULL ? 0 : EXIT_IO;
}

static bool store_revised(struct desk *d, const struct task *task, opa_text text)
{
    (void)task;
    if (opa_text_blank(text)) {
        review_say(d->review, true, "the text is empty, and no pair could be built from it; x excludes the sample");
        return false;
    }
    desk_storing(d);
    return review_set_revised(d->review, text);
}

static bool store_report(struct desk *d, const struct task *task, opa_text text)
{
    opa_json *doc = NULL;
    if (task->json && opa_json_parse(d->review->cli->ctx, &doc, text, NULL, NULL) != OPA_OK) {
        review_say(d->review, true, "no JSON: %s", opa_context_message(d->review->cli->ctx));
        return false;
    }
    opa_json_free(doc);
    desk_storing(d);
    return review_set_report(d->review, text);
}

static void write_problem(struct sheet *out, size_t columns, const void *user)
{
    const struct review *r = user;
    struct wrap w = {.sheet = out, .indent = 2, .columns = columns};
    wrap_string(&w, "This edit is not stored:", STYLE_BOLD);
    wrap_end(&w);
    sheet_end_line(out);
    wrap_string(&w, r->message, STYLE_ERROR);
    wrap_end(&w);
}

/* What to do with a text that could not be stored. True: edit it again. */
static bool edit_again(struct desk *d, const struct draft *draft, bool *keep)
{
    struct review *r = d->review;
    int key = 0;
    d->question = "(e)dit again, (s)ave to a file, (d)rop? ";
    while (key != 'e' && key != 's' && key != 'd' && !d->over)
        key = desk_overlay(d, write_problem, r);
    d->question = NULL;
    if (key == 'e')
        return true;
    *keep = key != 'd'; /* also where the terminal went away */
    review_say(r, false, "nothing changed%s%s", *keep ? "; your text is in " : "", *keep ? draft->path : "");
    return false;
}

/* The editor, until the store has the text or the person gives up. True: the store has it. */
static bool edit_draft(struct desk *d, const struct task *task, struct draft *draft, bool *keep)
{
    struct review *r = d->review;
    char why[256];
    do {
        screen_suspend(d->screen);
        const bool edited = draft_edit(draft, why, sizeof why);
        screen_resume(d->screen);
        const int failed = draft_read(draft);
        if (!edited || failed) {
            /* What was saved before the editor died is somebody's work. */
            *keep = failed || draft_changed(draft);
            review_say(r, true, "nothing changed: %s%s%s", edited ? strerror(failed) : why,
                       *keep ? "; your text is in " : "", *keep ? draft->path : "");
            return false;
        }
        if (!draft_changed(draft)) {
            review_say(r, false, "nothing changed: the text is as it was");
            return false;
        }
        if (!review_unchanged(r)) {
            char changed[REVIEW_MESSAGE];
            snprintf(changed, sizeof changed, "%s", r->message);
            *keep = true; /* it was made from what is not in force any more */
            review_say(r, true, "%.300s; your text is in %s", changed, draft->path);
            return false;
        }
        if (task->store(d, task, draft_text(draft)))
            return true;
    } while (edit_again(d, draft, keep));
    return false;
}

static int find_errors(void *user, struct view *v)
{
    int code;
    *(bool *)user = opa_findings_worst(&v->findings, &code) == OPA_ERROR;
    return 0;
}

/* On to the next sample, unless the edit made an error: that is to be seen. */
static void go_on_if_sound(struct desk *d)
{
    struct review *r = d->review;
    char done[REVIEW_MESSAGE];
    bool errors = false;
    snprintf(done, sizeof done, "%s", r->message);
    if (!review_look(r, find_errors, &errors) || !errors) {
        desk_go_on(d);
        return;
    }
    desk_show(d);
    review_say(r, true, "%.300s; but it has an error now (f)", done);
}

static void edit(struct desk *d, struct task *task, view_fn take)
{
    struct review *r = d->review;
    struct draft draft = {0};
    bool stored = false, keep = false;
    if (review_unchanged(r) && review_look(r, take, task)) {
        const int failed = draft_open(&draft, (opa_text){task->text, task->size}, task->ending);
        if (failed)
            review_say(r, true, "no file for the editor: %s", strerror(failed));
        else
            stored = edit_draft(d, task, &draft, &keep);
    }
    draft_close(&draft, keep);
    free(task->text);
    if (stored)
        go_on_if_sound(d);
    else
        desk_layout(d);
}

void review_edit_revised(struct desk *d)
{
    struct task task = {.ending = ".txt", .store = store_revised};
    edit(d, &task, take_revised);
}

void review_edit_report(struct desk *d)
{
    struct task task = {.ending = ".json", .store = store_report};
    edit(d, &task, take_report);
}
