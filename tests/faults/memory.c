/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* dladdr */
#include "memory.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static atomic_bool armed;
static atomic_long seen, target, live;
static bool all, follow;

void memory_arm(enum memory_whose whose, long n, bool on)
{
    all = whose == MEMORY_ALL;
    follow = on;
    target = n;
    seen = 0;
    armed = true;
}

long memory_disarm(void)
{
    armed = false;
    return seen;
}

long memory_live(void)
{
    return live;
}

/* Where a debugger stops to see whose allocation failed. */
void memory_struck(void)
{
    errno = ENOMEM;
}

/* Does this allocation fail? */
static bool strikes(bool own)
{
    if (!armed || own == all)
        return false;
    const long n = atomic_fetch_add(&seen, 1) + 1;
    const bool hit = target && (n == target || (follow && n > target));
    if (hit)
        memory_struck();
    return hit;
}

/* ---- the library's own calls ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t size);

void *__wrap_malloc(size_t size)
{
    return strikes(true) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return strikes(true) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return strikes(true) ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *s)
{
    return strikes(true) ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t size)
{
    return strikes(true) ? NULL : __real_strndup(s, size);
}

/* ---- everybody's ---- */

#ifdef OPA_TEST_OWN_ALLOCATOR

/* glibc's allocator under its other names. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *p, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size);
int posix_memalign(void **out, size_t alignment, size_t size);
void free(void *p);

bool memory_counts_all(void)
{
    return true;
}

/* libarchive ends the process where it finds no memory for a text (its __archive_errx()), and no caller can help that:
 * its allocations are left out. */
static bool is_left_out(const void *caller)
{
    Dl_info info;
    return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "libarchive");
}

#define strikes_caller() (strikes(false) && !is_left_out(__builtin_return_address(0)))

static void *counted(void *p)
{
    live += p != NULL;
    return p;
}

void *malloc(size_t size)
{
    return strikes_caller() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return strikes_caller() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *p, size_t size)
{
    if (strikes_caller())
        return NULL;
    void *q = __libc_realloc(p, size);
    live += (p == NULL && q != NULL) - (p != NULL && size == 0 && q == NULL);
    return q;
}

void *memalign(size_t alignment, size_t size)
{
    return strikes_caller() ? NULL : counted(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *p = memalign(alignment, size);
    if (!p)
        return ENOMEM;
    *out = p;
    return 0;
}

void free(void *p)
{
    live -= p != NULL;
    const int keep = errno;
    __libc_free(p);
    errno = keep;
}

#else

bool memory_counts_all(void)
{
    return false;
}

#endif
