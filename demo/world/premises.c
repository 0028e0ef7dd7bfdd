/* SPDX-License-Identifier: Apache-2.0 */
#include "premises.h"

#include <math.h>

#include "answers.h"

struct reading {
    struct cli *cli;
    struct premises *out;
    const char *path;
};

static bool says(opa_text answer, const char *word)
{
    opa_span first;
    size_t at = 0;
    return next_word(&first, answer, &at) && word_is(answer, first, word);
}

static int on_answer(void *user, opa_text id, opa_text text, int64_t line)
{
    struct reading *r = user;
    struct question question;
    if (!question_of_id(&question, id))
        return cli_error(r->cli, EXIT_DATA,
                         "%s:%lld: '%.*s' is no question of this world: scene-SEED-NUMBER-qNUMBER was expected",
                         r->path, (long long)line, (int)id.size, id.data);
    const bool yes = says(text, "yes");
    r->out->asked[question.about]++;
    r->out->accepted[question.about] += yes;
    r->out->neither += !yes && !says(text, "no");
    return 0;
}

int premises_read(struct cli *cli, struct premises *out, const char *path)
{
    struct reading reading = {cli, out, path};
    *out = (struct premises){0};
    return each_answer(cli, path, on_answer, &reading);
}

struct estimate premises_accepted(const struct premises *p, enum about about)
{
    const double asked = (double)p->asked[about], share = (double)p->accepted[about] / asked;
    return (struct estimate){asked > 0 ? 100 * share : NAN, 100 * sqrt(share * (1 - share) / asked)};
}

int64_t premises_asked(const struct premises *p)
{
    int64_t asked = 0;
    for (int i = 0; i < ABOUTS; i++)
        asked += p->asked[i];
    return asked;
}
