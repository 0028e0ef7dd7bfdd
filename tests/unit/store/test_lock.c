/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include <signal.h>
#include <sys/wait.h>

#include "store/lock.h"

static void test_second_is_told_who(void **state)
{
    fixture *f = *state;
    opa_lock one, two;
    char who[32];
    snprintf(who, sizeof who, "process %ld ", (long)getpid());
    assert_int_equal(opa_lock_take(f->ctx, &one, f->path, "importing", 0), OPA_OK);
    assert_int_equal(opa_lock_take(f->ctx, &two, f->path, "editing", 50), OPA_EBUSY);
    assert_non_null(strstr(opa_context_message(f->ctx), who));
    assert_non_null(strstr(opa_context_message(f->ctx), "is importing since 2"));
    opa_lock_release(&one);
    assert_int_equal(opa_lock_take(f->ctx, &two, f->path, "editing", 0), OPA_OK);
    opa_lock_release(&two);
    opa_lock_release(&two);
    char path[200];
    snprintf(path, sizeof path, "%s-lock", f->path);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void test_the_dead_hold_nothing(void **state)
{
    fixture *f = *state;
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        opa_lock lock;
        opa_context *ctx;
        if (opa_context_new(&ctx) != OPA_OK || opa_lock_take(ctx, &lock, f->path, "importing", 0) != OPA_OK ||
            write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    opa_lock lock;
    assert_int_equal(opa_lock_take(f->ctx, &lock, f->path, "editing", 0), OPA_EBUSY);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(opa_lock_take(f->ctx, &lock, f->path, "editing", 0), OPA_OK);
    opa_lock_release(&lock);
    close(ready[0]);
    close(ready[1]);
}

static void test_no_room_beside_the_store(void **state)
{
    fixture *f = *state;
    opa_lock lock;
    assert_int_equal(opa_lock_take(f->ctx, &lock, "/nonexistent/a.store", "editing", 0), OPA_EIO);
    assert_non_null(strstr(opa_context_message(f->ctx), "cannot write beside the store"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_second_is_told_who, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_dead_hold_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_room_beside_the_store, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
