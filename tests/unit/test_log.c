#include "unit.h"

#include <unistd.h>

#include "log.h"

/* What the calls between capture_start and capture_stop wrote to standard error. */
static FILE *sink;
static int real_stderr;
static char captured[32768];

static void capture_start(void)
{
    sink = tmpfile();
    assert_non_null(sink);
    (void)fflush(stderr);
    real_stderr = dup(STDERR_FILENO);
    assert_true(real_stderr >= 0 && dup2(fileno(sink), STDERR_FILENO) >= 0);
}

static const char *capture_stop(void)
{
    (void)fflush(stderr);
    assert_true(dup2(real_stderr, STDERR_FILENO) >= 0);
    (void)close(real_stderr);
    rewind(sink);
    captured[fread(captured, 1, sizeof(captured) - 1, sink)] = '\0';
    (void)fclose(sink);
    return captured;
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; (text = strchr(text, '\n')) != NULL; text++)
        n++;
    return n;
}

static void test_a_line_has_time_level_program_message_and_pairs(void **state)
{
    (void)state;
    capture_start();
    log_info("run finished", "run", "r1", "fn", "extract", LOG_END);
    const char *out = capture_stop();
    assert_memory_equal(out, "ts=", 3);
    assert_int_equal(out[3 + 24 - 1], 'Z');
    assert_string_equal(out + 3 + 24,
                        " level=info prog=tester msg=\"run finished\" run=r1 fn=extract\n");
}

static void test_lines_below_the_threshold_are_not_written(void **state)
{
    (void)state;
    capture_start();
    log_debug("quiet", LOG_END);
    assert_string_equal(capture_stop(), "");
    assert_false(log_enabled(LOG_DEBUG));
    assert_true(log_enabled(LOG_ERROR));
}

static void test_a_value_can_neither_forge_a_line_nor_a_pair(void **state)
{
    (void)state;
    capture_start();
    log_warn("m", "v", "x\nlevel=error msg=\"no\\way\"\t\x01\x7f", LOG_END);
    const char *out = capture_stop();
    assert_int_equal(count_lines(out), 1);
    assert_non_null(strstr(out, "v=\"x\\nlevel=error msg=\\\"no\\\\way\\\"\\x09\\x01\\x7f\"\n"));
}

static void test_empty_and_missing_values_are_quoted_nothing(void **state)
{
    (void)state;
    capture_start();
    log_error("m", "empty", "", "null", (const char *)NULL, "last", "1", LOG_END);
    assert_non_null(strstr(capture_stop(), " empty=\"\" null=\"\" last=1\n"));
}

static void test_a_huge_value_is_cut_and_the_line_still_ends(void **state)
{
    (void)state;
    static char huge[100000];
    memset(huge, 'y', sizeof(huge) - 1);
    capture_start();
    log_error("m", "a", huge, "b", huge, "c", huge, "d", huge, "e", huge, "f", huge, "g", huge, "h",
              huge, "i", huge, LOG_END);
    const char *out = capture_stop();
    assert_int_equal(count_lines(out), 1);
    assert_true(strlen(out) <= 8192);
    assert_int_equal(out[strlen(out) - 1], '\n');
    assert_non_null(strstr(out, "yyy... b="));
}

static void test_a_hidden_secret_never_appears(void **state)
{
    (void)state;
    log_hide("s3cret-key");
    log_hide("short"); /* too short to hide: it would blot out words */
    capture_start();
    log_error("key s3cret-key used", "url", "http://u:s3cret-key@host/s3cret-keys3cret-key", "w",
              "short", LOG_END);
    const char *out = capture_stop();
    assert_null(strstr(out, "s3cret"));
    assert_non_null(strstr(out, "url=http://u:***@host/******"));
    assert_non_null(strstr(out, "w=short"));
}

static void test_a_secret_that_begins_with_another_is_hidden_whole(void **state)
{
    (void)state;
    log_hide("abcdef");
    log_hide("abcdef-and-more");
    capture_start();
    log_error("m", "v", "abcdef-and-more", LOG_END);
    assert_non_null(strstr(capture_stop(), "v=***\n"));
}

static void test_levels_are_read_by_name(void **state)
{
    (void)state;
    enum log_level level = LOG_ERROR;
    assert_true(log_level_parse("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_false(log_level_parse("loud", &level));
    assert_int_equal(level, LOG_DEBUG);
}

int main(void)
{
    log_init("tester", LOG_INFO);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_has_time_level_program_message_and_pairs),
        cmocka_unit_test(test_lines_below_the_threshold_are_not_written),
        cmocka_unit_test(test_a_value_can_neither_forge_a_line_nor_a_pair),
        cmocka_unit_test(test_empty_and_missing_values_are_quoted_nothing),
        cmocka_unit_test(test_a_huge_value_is_cut_and_the_line_still_ends),
        cmocka_unit_test(test_a_hidden_secret_never_appears),
        cmocka_unit_test(test_a_secret_that_begins_with_another_is_hidden_whole),
        cmocka_unit_test(test_levels_are_read_by_name),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
