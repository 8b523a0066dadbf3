/* test_storage.c: the local directory, its links and its secret. */
#include "unit.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "buf.h"
#include "clock.h"
#include "storage.h"

static char root[] = "/tmp/test_storage_XXXXXX", url[64];
static struct services svc = {
    .storage_url = url, .storage_key = "", .storage_secret = "", .storage_public_url = ""};

static int make_root(void **state)
{
    (void)state;
    if (mkdtemp(root) == NULL)
        return -1;
    (void)snprintf(url, sizeof(url), "file:%s/files", root);
    return 0;
}

static int remove_root(void **state)
{
    (void)state;
    char command[64];
    (void)snprintf(command, sizeof(command), "rm -rf %s", root);
    return system(command);
}

/* ---- a source of bytes ---- */

struct text {
    const char *left;
    bool breaks;
};

static ssize_t read_text(void *arg, void *p, size_t n, struct err *e)
{
    struct text *t = arg;
    size_t len = strlen(t->left) < 3 ? strlen(t->left) : 3; /* in small pieces */
    if (len == 0 && t->breaks)
        return err_set(e, ERR_POSTGRES, "the rows broke off") ? 0 : -1;
    len = len < n ? len : n;
    memcpy(p, t->left, len);
    t->left += len;
    return (ssize_t)len;
}

static bool put(const char *bucket, const char *path, const char *content, struct err *e)
{
    struct text t = {.left = content};
    struct storage_source from = {read_text, &t, -1};
    return storage_put(NULL, &svc, bucket, path, "text/plain", &from, e);
}

/* The content, in a static buffer; NULL on failure. */
static const char *get(const char *bucket, const char *path, struct err *e)
{
    static char content[256];
    FILE *f = tmpfile();
    bool ok = storage_get(NULL, &svc, bucket, path, fileno(f), 200, e);
    rewind(f);
    content[fread(content, 1, sizeof(content) - 1, f)] = '\0';
    (void)fclose(f);
    return ok ? content : NULL;
}

static int count_files(const char *folder)
{
    char command[256];
    (void)snprintf(command, sizeof(command), "find %s/%s -mindepth 1 2>/dev/null | wc -l", root,
                   folder);
    FILE *p = popen(command, "r");
    int n = -1;
    assert_int_equal(fscanf(p, "%d", &n), 1);
    (void)pclose(p);
    return n;
}

/* ---- objects ---- */

static void test_what_is_put_comes_back(void **state)
{
    (void)state;
    struct err e;
    assert_true(put("exports", "c1/a b+?#é.csv", "one,two", &e));
    assert_string_equal(get("exports", "c1/a b+?#é.csv", &e), "one,two");
    assert_true(put("exports", "c1/a b+?#é.csv", "three", &e));
    assert_string_equal(get("exports", "c1/a b+?#é.csv", &e), "three");
    assert_true(put("exports", "empty", "", &e));
    assert_string_equal(get("exports", "empty", &e), "");
    assert_null(get("other", "empty", &e));
    assert_int_equal(e.code, ERR_PERMANENT);
    assert_string_equal(e.msg, "storage: the file does not exist");
}

static void test_a_file_above_the_limit_is_refused(void **state)
{
    (void)state;
    struct err e;
    char big[300];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    assert_true(put("exports", "big", big, &e));
    assert_null(get("exports", "big", &e));
    assert_int_equal(e.code, ERR_PERMANENT);
    assert_string_equal(e.msg, "storage: the file is larger than 200 bytes");
}

static void test_a_source_that_fails_leaves_the_old_object(void **state)
{
    (void)state;
    struct err e;
    assert_true(put("exports", "kept", "old", &e));
    struct text t = {.left = "new and longer", .breaks = true};
    struct storage_source from = {read_text, &t, -1};
    assert_false(storage_put(NULL, &svc, "exports", "kept", "text/plain", &from, &e));
    assert_int_equal(e.code, ERR_POSTGRES);
    assert_string_equal(e.msg, "the rows broke off");
    assert_string_equal(get("exports", "kept", &e), "old");
    assert_int_equal(count_files("files/.tmp"), 0);
    from = (struct storage_source){read_text, &t, 99};
    t = (struct text){.left = "short"};
    assert_false(storage_put(NULL, &svc, "exports", "kept", "text/plain", &from, &e));
    assert_int_equal(e.code, ERR_RETRY);
    assert_string_equal(get("exports", "kept", &e), "old");
}

static void test_no_name_leads_outside(void **state)
{
    (void)state;
    static const char *const paths[] = {"",    "/a", "a//b", "a/../b", "../a",
                                        "./a", "a/", "..",   "a\nb",   "a\\b"};
    struct err e;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_false(put("exports", paths[i], "x", &e));
        assert_int_equal(e.code, ERR_PERMANENT);
        assert_null(get("exports", paths[i], &e));
    }
    static const char *const buckets[] = {"", "..", ".tmp", ".secret", "a/b", "."};
    for (size_t i = 0; i < sizeof(buckets) / sizeof(buckets[0]); i++)
        assert_false(put(buckets[i], "a", "x", &e));
    char at[128], outside[128];
    (void)snprintf(outside, sizeof(outside), "%s/outside", root);
    assert_int_equal(mkdir(outside, 0700), 0);
    (void)snprintf(at, sizeof(at), "%s/files/exports/link", root);
    assert_true(put("exports", "there", "x", &e));
    assert_int_equal(symlink(outside, at), 0);
    assert_false(put("exports", "link/a", "x", &e));
    assert_int_equal(e.code, ERR_PERMANENT);
    assert_int_equal(count_files("outside"), 0);
    (void)snprintf(at, sizeof(at), "%s/files/exports/passwd", root);
    assert_int_equal(symlink("/etc/passwd", at), 0);
    assert_null(get("exports", "passwd", &e));
    assert_int_equal(e.code, ERR_PERMANENT);
}

static void test_a_path_through_a_file_is_refused(void **state)
{
    (void)state;
    struct err e;
    assert_true(put("exports", "file", "x", &e));
    assert_false(put("exports", "file/below", "x", &e));
    assert_int_equal(e.code, ERR_PERMANENT);
    assert_true(put("exports", "folder/file", "x", &e));
    assert_false(put("exports", "folder", "x", &e));
    assert_int_equal(e.code, ERR_PERMANENT);
    assert_null(get("exports", "folder", &e));
    assert_int_equal(e.code, ERR_PERMANENT);
}

static void test_deleted_files_and_their_empty_folders_are_gone(void **state)
{
    (void)state;
    struct err e;
    assert_true(put("gone", "c1/v1/a", "x", &e));
    assert_true(put("gone", "c1/v2/b", "x", &e));
    assert_true(put("gone", "c1/v3/c", "x", &e));
    const char *paths[] = {"c1/v1/a", "c1/v2/b", "c1/never", "never/x", "c1/v1/a", "c1/v3"};
    size_t deleted = 99;
    assert_true(storage_delete(NULL, &svc, "gone", paths, 6, &deleted, &e));
    assert_int_equal(deleted, 2);
    assert_int_equal(count_files("files/gone"), 3); /* c1, c1/v3, c1/v3/c */
    assert_true(storage_delete(NULL, &svc, "gone", paths, 0, &deleted, &e));
    assert_int_equal(deleted, 0);
    paths[1] = "c1/../../x";
    paths[0] = "c1/v3/c";
    assert_false(storage_delete(NULL, &svc, "gone", paths, 2, &deleted, &e));
    assert_string_equal(get("gone", "c1/v3/c", &e), "x"); /* all are checked before any is gone */
}

static void test_what_a_killed_writer_left_goes_with_the_next_write(void **state)
{
    (void)state;
    struct err e;
    assert_true(put("exports", "first", "x", &e));
    char dead[128], alive[128];
    (void)snprintf(dead, sizeof(dead), "%s/files/.tmp/dead", root);
    (void)snprintf(alive, sizeof(alive), "%s/files/.tmp/alive", root);
    assert_int_equal(close(open(dead, O_WRONLY | O_CREAT, 0600)), 0);
    int lock = open(alive, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_true(put("exports", "second", "x", &e));
    assert_int_not_equal(access(dead, F_OK), 0);
    assert_int_equal(access(alive, F_OK), 0);
    assert_int_equal(close(lock), 0);
    assert_true(put("exports", "third", "x", &e));
    assert_int_equal(count_files("files/.tmp"), 0);
}

/* ---- links ---- */

static void test_a_link_opens_what_it_was_made_for_until_it_expires(void **state)
{
    (void)state;
    struct err e;
    char link[STORAGE_URL_SIZE];
    struct storage_link l;
    assert_true(put("exports", "c1/a b&c=%?.csv", "x", &e));
    assert_true(
        storage_sign(NULL, &svc, "exports", "c1/a b&c=%?.csv", 60, "my \"file\"&.csv", link, &e));
    assert_true(storage_verify_link(&svc, link, wall_ms(), &l, &e));
    assert_string_equal(l.bucket, "exports");
    assert_string_equal(l.path, "c1/a b&c=%?.csv");
    assert_string_equal(l.file_name, "my \"file\"&.csv");
    assert_true(storage_verify_link(&svc, link, wall_ms() + 50000, &l, &e));
    assert_false(storage_verify_link(&svc, link, wall_ms() + 61000, &l, &e));
    assert_string_equal(e.msg, "the link has expired");
    uint64_t size;
    int fd = storage_open_local(&svc, l.bucket, l.path, &size, &e);
    assert_true(fd >= 0);
    assert_int_equal(size, 1);
    assert_int_equal(close(fd), 0);
    assert_false(storage_sign(NULL, &svc, "exports", "never", 60, NULL, link, &e));
    assert_int_equal(e.code, ERR_PERMANENT);
}

/* Every byte of it matters: no changed link is valid, and nothing in one makes the reader stumble. */
static void test_a_changed_link_is_refused(void **state)
{
    (void)state;
    struct err e;
    char link[STORAGE_URL_SIZE], other[STORAGE_URL_SIZE];
    struct storage_link l;
    assert_true(put("exports", "c1/report.csv", "x", &e));
    assert_true(storage_sign(NULL, &svc, "exports", "c1/report.csv", 60, "f", link, &e));
    for (size_t i = 0; i < strlen(link); i++) {
        for (const char *c = "0ax%&?=/."; *c != '\0'; c++) {
            memcpy(other, link, sizeof(link));
            if (other[i] == *c)
                continue;
            other[i] = *c;
            assert_false(storage_verify_link(&svc, other, wall_ms(), &l, &e));
            assert_int_equal(e.code, ERR_INPUT);
        }
        memcpy(other, link, i);
        other[i] = '\0';
        assert_false(storage_verify_link(&svc, other, wall_ms(), &l, &e));
    }
    assert_true(storage_verify_link(&svc, link, wall_ms(), &l, &e));
    static const char *const odd[] = {"",
                                      "/",
                                      "?",
                                      "/storage/",
                                      "/storage/a",
                                      "/storage/a?b",
                                      "/storage/%00/%",
                                      "/storage/a/b?expires=&signature=",
                                      "/storage/exports/../x?expires=1&signature=1"};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_false(storage_verify_link(&svc, odd[i], wall_ms(), &l, &e));
}

static void test_the_secret_is_made_once_and_kept_private(void **state)
{
    (void)state;
    struct err e;
    char path[128], link[STORAGE_URL_SIZE];
    struct stat st;
    struct storage_link l;
    (void)snprintf(path, sizeof(path), "%s/files/.secret", root);
    (void)unlink(path);
    assert_true(put("exports", "a", "x", &e));
    for (int i = 0; i < 4; i++) {
        if (fork() == 0)
            _exit(storage_sign(NULL, &svc, "exports", "a", 60, NULL, link, &e) &&
                          storage_verify_link(&svc, link, wall_ms(), &l, &e)
                      ? 0
                      : 1);
    }
    for (int i = 0; i < 4; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(storage_sign(NULL, &svc, "exports", "a", 60, NULL, link, &e));
    assert_int_equal(chmod(path, 0644), 0);
    assert_false(storage_verify_link(&svc, link, wall_ms(), &l, &e));
    assert_int_equal(e.code, ERR_STOP_PROVIDER);
    assert_non_null(strstr(e.msg, "chmod 600"));
    assert_int_equal(chmod(path, 0600), 0);
    assert_true(storage_verify_link(&svc, link, wall_ms(), &l, &e));

    struct services own = svc; /* a configured one counts instead */
    own.storage_secret = "a configured secret";
    own.storage_public_url = "https://console.example/";
    assert_false(storage_verify_link(&own, link, wall_ms(), &l, &e));
    assert_true(storage_sign(NULL, &own, "exports", "a", 60, NULL, link, &e));
    const char *base = "https://console.example";
    assert_memory_equal(link, base, strlen(base));
    assert_true(storage_verify_link(&own, link + strlen(base), wall_ms(), &l, &e));
    own.storage_secret = "short";
    assert_false(storage_sign(NULL, &own, "exports", "a", 60, NULL, link, &e));
    assert_non_null(strstr(e.msg, "STORAGE_SECRET"));
}

static void test_a_directory_that_cannot_be_used_is_named(void **state)
{
    (void)state;
    struct err e;
    struct services other = svc;
    other.storage_url = "file:/dev/null/files";
    struct text t = {.left = "x"};
    struct storage_source from = {read_text, &t, -1};
    assert_false(storage_put(NULL, &other, "a", "b", "text/plain", &from, &e));
    assert_int_equal(e.code, ERR_STOP_PROVIDER);
    assert_non_null(strstr(e.msg, "/dev/null/files (STORAGE_URL)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_put_comes_back),
        cmocka_unit_test(test_a_file_above_the_limit_is_refused),
        cmocka_unit_test(test_a_source_that_fails_leaves_the_old_object),
        cmocka_unit_test(test_no_name_leads_outside),
        cmocka_unit_test(test_a_path_through_a_file_is_refused),
        cmocka_unit_test(test_deleted_files_and_their_empty_folders_are_gone),
        cmocka_unit_test(test_what_a_killed_writer_left_goes_with_the_next_write),
        cmocka_unit_test(test_a_link_opens_what_it_was_made_for_until_it_expires),
        cmocka_unit_test(test_a_changed_link_is_refused),
        cmocka_unit_test(test_the_secret_is_made_once_and_kept_private),
        cmocka_unit_test(test_a_directory_that_cannot_be_used_is_named),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
