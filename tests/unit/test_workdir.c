/* test_workdir.c: what a dead worker left is removed, what a living one uses is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "workdir.h"

static void put_file(const char *folder)
{
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof(path), "%s/input", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
}

/* A worker that is killed: it removes nothing. */
static void leave_one(const char *base)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct workdir w;
        struct err e;
        bool ok = workdir_open(&w, base, &e);
        if (ok)
            put_file(w.path);
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_only_what_nobody_uses_is_swept(void **state)
{
    (void)state;
    char base[] = "/tmp/test-workdir-XXXXXX", other[64];
    assert_non_null(mkdtemp(base));
    (void)snprintf(other, sizeof(other), "%s/other", base);
    assert_int_equal(mkdir(other, 0700), 0);
    struct workdir mine;
    struct err e;
    assert_true(workdir_open(&mine, base, &e));
    put_file(mine.path);
    leave_one(base);
    leave_one(base);
    assert_int_equal(workdir_sweep(base), 2);
    assert_int_equal(workdir_sweep(base), 0);
    assert_int_equal(access(mine.path, F_OK), 0);
    assert_int_equal(access(other, F_OK), 0);
    workdir_release(&mine);
    assert_int_not_equal(access(mine.path, F_OK), 0);
    assert_int_equal(rmdir(other), 0);
    assert_int_equal(rmdir(base), 0);
}

static void test_a_base_that_is_not_there_is_told(void **state)
{
    (void)state;
    struct workdir w;
    struct err e;
    assert_int_equal(workdir_sweep("/nowhere/at/all"), 0);
    assert_false(workdir_open(&w, "/nowhere/at/all", &e));
    assert_int_equal(e.code, ERR_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_nobody_uses_is_swept),
        cmocka_unit_test(test_a_base_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
