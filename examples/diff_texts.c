/* SPDX-License-Identifier: Apache-2.0 */
/* Two texts -> hunks: diff_texts OLD NEW. */
#include <opapairs/opapairs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    opa_context *ctx;
    opa_hunk *hunks;
    size_t count;
    if (argc != 3 || opa_context_new(&ctx) != OPA_OK)
        return 2;
    const opa_text old = {argv[1], strlen(argv[1])}, new = {argv[2], strlen(argv[2])};
    if (opa_diff_words(ctx, &hunks, &count, old, new) != OPA_OK) {
        fprintf(stderr, "%s\n", opa_context_message(ctx));
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        const opa_span a = hunks[i].generated, b = hunks[i].revised;
        printf("%-10s '%.*s' -> '%.*s'\n", opa_op_name(hunks[i].op), (int)(a.end - a.begin), old.data + a.begin,
               (int)(b.end - b.begin), new.data + b.begin);
    }
    free(hunks);
    opa_context_free(ctx);
    return 0;
}
