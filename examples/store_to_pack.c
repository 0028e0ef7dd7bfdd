/* SPDX-License-Identifier: Apache-2.0 */
/* Rollout files -> store -> pack: store_to_pack STORE PACK TOKENIZER FILE... */
#include <opapairs/opapairs.h>

#include <stdio.h>

static int print_finding(void *user, const opa_finding *f)
{
    (void)user;
    printf("OP%03d %s: %s\n", f->code, f->id ? f->id : "-", f->message);
    return 0; /* go on */
}

/* Every handle is freed at the end, whatever happened: freeing NULL is fine. */
static int run(opa_context *ctx, const char *store_path, const char *pack_path, const char *tokenizer_path,
               const char *const *files, size_t count)
{
    opa_store *store = NULL;
    opa_tokenizer *tokenizer = NULL;
    opa_recipe *recipe = NULL;
    opa_import_report imported;
    opa_pack_report packed;

    int status = opa_store_create(ctx, store_path);
    if (status == OPA_OK)
        status = opa_store_open(ctx, &store, store_path);
    if (status == OPA_OK)
        status = opa_store_import(store, files, count, NULL, &imported);
    if (status == OPA_OK)
        status = opa_tokenizer_open(ctx, &tokenizer, tokenizer_path);
    if (status == OPA_OK)
        status = opa_recipe_open(ctx, &recipe, NULL); /* opa-dpo */
    if (status == OPA_OK) {
        opa_pack_options options = OPA_PACK_OPTIONS_INIT;
        options.recipe = recipe;
        options.tokenizer = tokenizer;
        options.finding = print_finding;
        status = opa_pack_write(ctx, store, pack_path, &options, &packed);
    }
    if (status == OPA_OK)
        printf("%lld records, %lld samples, %lld packed, %lld left out\n", (long long)imported.records,
               (long long)imported.samples_added, (long long)packed.samples, (long long)packed.left_out);
    opa_recipe_free(recipe);
    opa_tokenizer_free(tokenizer);
    opa_store_free(store);
    return status;
}

int main(int argc, char **argv)
{
    opa_context *ctx;
    if (argc < 5 || opa_context_new(&ctx) != OPA_OK) {
        fprintf(stderr, "usage: store_to_pack STORE PACK TOKENIZER FILE...\n");
        return 2;
    }
    const int status = run(ctx, argv[1], argv[2], argv[3], (const char *const *)argv + 4, (size_t)argc - 4);
    if (status != OPA_OK)
        fprintf(stderr, "%s: %s\n", opa_status_name(status), opa_context_message(ctx));
    opa_context_free(ctx);
    return status == OPA_OK ? 0 : 1;
}
