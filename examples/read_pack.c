/* SPDX-License-Identifier: Apache-2.0 */
/* All samples of a pack, or one by its id: read_pack PACK [ID]. Each read checks the sample's hash. */
#include <opapairs/opapairs.h>

#include <stdio.h>
#include <string.h>

static int print_sample(opa_pack *pack, size_t i)
{
    opa_pack_members members;
    opa_sample sample;
    int status = opa_pack_read(pack, &members, i);
    if (status == OPA_OK)
        status = opa_pack_sample(pack, &sample, &members);
    if (status == OPA_OK)
        printf("%.*s: %zu bytes of JSON, %zu bytes of %s; %s\n", (int)sample.id.size, sample.id.data, members.json.size,
               members.image.size, members.extension ? members.extension : "no image",
               sample.revised.data ? "revised" : "not revised");
    return status;
}

static int run(opa_context *ctx, const char *path, const char *id)
{
    opa_pack *pack;
    int status = opa_pack_open(ctx, &pack, path);
    if (status != OPA_OK)
        return status;
    size_t at;
    if (id == NULL) {
        for (size_t i = 0; i < opa_pack_count(pack) && status == OPA_OK; i++)
            status = print_sample(pack, i);
    } else if (opa_pack_find(pack, &at, (opa_text){id, strlen(id)})) {
        status = print_sample(pack, at);
    } else {
        fprintf(stderr, "no sample '%s'\n", id);
        status = OPA_ENOENT;
    }
    opa_pack_free(pack);
    return status;
}

int main(int argc, char **argv)
{
    opa_context *ctx;
    if (argc < 2 || argc > 3 || opa_context_new(&ctx) != OPA_OK) {
        fprintf(stderr, "usage: read_pack PACK [ID]\n");
        return 2;
    }
    const int status = run(ctx, argv[1], argc == 3 ? argv[2] : NULL);
    if (status != OPA_OK)
        fprintf(stderr, "%s: %s\n", opa_status_name(status), opa_context_message(ctx));
    opa_context_free(ctx);
    return status == OPA_OK ? 0 : 1;
}
