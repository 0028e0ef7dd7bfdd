/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation fails once. A part of the way import -> check -> pack -> verify is run with the n-th allocation
 * failing, for n = 1, 2, ... until it runs through. Each time the call says OPA_ENOMEM or has the right result all the
 * same; nothing leaks; the store is sound; what stood there before is as it was; and the same call, made again, gives
 * exactly what it gives when memory never was short.
 *
 * Own allocations are gone through one by one, those of the libraries by a stride (OPA_TEST_LONG: one by one where they
 * are few). Not only the n-th but all allocations behind it fail in every third run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <opapairs/opapairs.h>

#include "memory.h"
#include "parts.h"

#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#endif
#endif
#ifdef ADDRESS_SANITIZER
#include <sanitizer/lsan_interface.h>
#endif

/* ---- what is left behind ---- */

static int refuse_finding(void *user, const opa_finding *f)
{
    (void)user;
    fprintf(stderr, "doctor: OP%d %s\n", f->code, f->message);
    return 1;
}

/* A store that is there is sound. */
static void assert_sound(const world *w)
{
    opa_context *ctx;
    struct stat info;
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    if (stat(w->store, &info) == 0 && info.st_size > 0) {
        const int status = opa_store_verify(ctx, w->store, NULL, refuse_finding, NULL, NULL);
        if (status != OPA_OK)
            fail_msg("the store is not sound: %s", opa_context_message(ctx));
    }
    opa_context_free(ctx);
}

/* Nothing lies beside what belongs there. */
static void assert_tidy(const world *w)
{
    const char *name = world_leftover(w);
    if (name)
        fail_msg("%s is left over", name);
}

/* ---- sweeping ---- */

static void prepare(const world *w, const part *p)
{
    world_tidy(w);
    if (p->from != NOTHING)
        world_copy(w->store, p->from == EMPTY ? w->empty : w->full);
    if (p->replaces) {
        assert_int_equal(mkdir(w->out, 0777), 0);
        char from[WORLD_PATH_SIZE], to[WORLD_PATH_SIZE];
        world_path(from, w->pack, "manifest.json");
        world_path(to, w->out, "manifest.json");
        world_copy(to, from);
    }
}

/* The digest of what a part read, and of what is there after it. */
static int run_part(world *w, const part *p, uint64_t *digest, char message[256])
{
    opa_context *ctx = NULL;
    w->digest = WORLD_DIGEST_INIT;
    int status = opa_context_new(&ctx);
    if (status == OPA_OK)
        status = part_run(p, w, ctx);
    snprintf(message, 256, "%s", ctx ? opa_context_message(ctx) : "");
    opa_context_free(ctx);
    *digest = w->digest;
    return status;
}

static uint64_t result_of(world *w, const part *p, uint64_t digest)
{
    opa_context *ctx;
    assert_int_equal(opa_context_new(&ctx), OPA_OK);
    w->digest = digest;
    if (p->effect == STORES || p->effect == BOTH)
        assert_int_equal(part_read_store(w, ctx), OPA_OK);
    if (p->effect == PACKS || p->effect == BOTH)
        digest_folder(w, w->out);
    opa_context_free(ctx);
    return w->digest;
}

/* After a failure: sound, tidy, and what was there is there. */
static void assert_unharmed(world *w, const part *p, uint64_t before)
{
    if (p->effect != READS || p->from != NOTHING)
        assert_sound(w);
    assert_tidy(w);
    if (p->effect != PACKS)
        return;
    w->digest = 0;
    digest_folder(w, w->out);
    assert_true(w->digest == before);
}

typedef struct sweep {
    const part *part;
    enum memory_whose whose;
    uint64_t want;
    long n;
    bool follow;
} sweep;

static void assert_no_leak(const sweep *s, long before)
{
#ifdef ADDRESS_SANITIZER
    (void)before;
    if (s->n % 16 == 0 && __lsan_do_recoverable_leak_check())
        fail_msg("%s: allocation %ld or one of the 15 before it leaks", s->part->name, s->n);
#else
    const long left = memory_live() - before;
    if (left > 0)
        fail_msg("%s: after allocation %ld failed, %ld blocks are not given back", s->part->name, s->n, left);
#endif
}

/* One run with a fault. False: the part has fewer allocations. */
static bool strike(world *w, const sweep *s)
{
    const part *p = s->part;
    uint64_t digest, before;
    char message[256];
    prepare(w, p);
    w->digest = 0;
    if (p->effect == PACKS)
        digest_folder(w, w->out);
    before = w->digest;
    sqlite3_shutdown(); /* so that its own beginning fails, too */
    const long live = memory_live();
    memory_arm(s->whose, s->n, s->follow);
    const int status = run_part(w, p, &digest, message);
    const long seen = memory_disarm();
    sqlite3_shutdown();
    assert_no_leak(s, live);
    if (seen < s->n)
        return false;
    if (status != OPA_OK && status != OPA_ENOMEM)
        fail_msg("%s: allocation %ld failed: %s: %s", p->name, s->n, opa_status_name(status), message);
    if (status == OPA_ENOMEM) {
        assert_unharmed(w, p, before);
        /* The whole round does not make its store twice. */
        if (p->effect == BOTH)
            prepare(w, p);
        if (run_part(w, p, &digest, message) != OPA_OK)
            fail_msg("%s: allocation %ld failed, and then the part without a fault: %s", p->name, s->n, message);
    }
    if (result_of(w, p, digest) != s->want)
        fail_msg("%s: allocation %ld failed: %s, and the result is another one", p->name, s->n,
                 status == OPA_OK ? "the part went on" : "it was done again");
    return true;
}

/* How far from one failing allocation to the next. */
static long stride_of(enum memory_whose whose, long total, bool thorough)
{
    const long most = whose == MEMORY_OWN ? (thorough ? 20000 : 1500) : (thorough ? 1000 : 120);
    return total <= most ? 1 : total / most + 1;
}

static void sweep_part(world *w, const part *p, enum memory_whose whose)
{
    sweep s = {.part = p, .whose = whose};
    char message[256];
    uint64_t digest;
    const bool thorough = getenv("OPA_TEST_LONG") != NULL;
    for (int warm = 0; warm < 2; warm++) {
        prepare(w, p);
        memory_arm(whose, 0, false);
        const int status = run_part(w, p, &digest, message);
        s.n = memory_disarm();
        if (status != OPA_OK)
            fail_msg("%s: %s: %s", p->name, opa_status_name(status), message);
        s.want = result_of(w, p, digest);
    }
    const long total = s.n, stride = stride_of(whose, total, thorough);
    long runs = 0;
    for (s.n = 1; s.n <= total + 200; s.n += stride, runs++) {
        s.follow = runs % 3 == 2;
        if (!strike(w, &s))
            break;
    }
    printf("%s: %ld %sallocations, each %ld. failed: %ld runs\n", p->name, total, whose == MEMORY_OWN ? "own " : "",
           stride, runs);
    assert_true(runs > 0);
}

/* ---- the tests ---- */

static world the_world;

static int setup(void **state)
{
    (void)state;
    world_init(&the_world);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_release(&the_world);
    return 0;
}

static void test_own(void **state)
{
    sweep_part(&the_world, *state, MEMORY_OWN);
}

static void test_all(void **state)
{
    if (!memory_counts_all())
        skip();
    sweep_part(&the_world, *state, MEMORY_ALL);
}

/* The sweep would see nothing if the faults did not arrive. */
static void test_faults_arrive(void **state)
{
    (void)state;
    opa_context *ctx;
    memory_arm(MEMORY_OWN, 1, false);
    const int status = opa_context_new(&ctx);
    assert_int_equal(memory_disarm(), 1);
    assert_int_equal(status, OPA_ENOMEM);
}

int main(int argc, char **argv)
{
    enum { MOST = 64 };
    struct CMUnitTest tests[2 * MOST + 1] = {cmocka_unit_test(test_faults_arrive)};
    char names[2 * MOST][80];
    size_t count = 1;
    assert_true(part_count <= MOST);
    for (size_t i = 0; i < 2 * part_count; i++) {
        const part *p = &parts[i % part_count];
        const bool own = i < part_count;
        snprintf(names[i], sizeof names[i], "%s: %s", own ? "own" : "libraries", p->name);
        if (argc > 1 && !strstr(names[i], argv[1])) /* to look at one of them */
            continue;
        union {
            const void *from;
            void *to;
        } state = {p};
        tests[count++] = (struct CMUnitTest){names[i], own ? test_own : test_all, NULL, NULL, state.to};
    }
    return _cmocka_run_group_tests("allocations", tests, count, setup, teardown);
}
