#include "unit.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

/* What the calls between capture_start and capture_stop wrote to standard error. */
static FILE *sink;
static int real_stderr;
static char captured[1 << 20];

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

/* ---- json ---- */

static json_t *json_line(const char *out)
{
    json_error_t why;
    json_t *j = json_loads(out, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &why);
    assert_non_null(j);
    return j;
}

static const char *text_in(const json_t *j, const char *key)
{
    return json_string_value(json_object_get(j, key));
}

static void test_a_json_line_is_one_object_whatever_is_in_it(void **state)
{
    (void)state;
    log_style(LOG_JSON, 0);
    capture_start();
    log_error("m", "a", "x\n\"}\\ \x01 \xc3\xa9 \xff\xed\xa0\x80", "attempt", "3", "run", "12",
              "took_ms", "x", LOG_END);
    const char *out = capture_stop();
    assert_int_equal(count_lines(out), 1);
    json_t *j = json_line(out);
    assert_string_equal(text_in(j, "level"), "error");
    assert_string_equal(text_in(j, "prog"), "tester");
    assert_string_equal(text_in(j, "a"),
                        "x\n\"}\\ \x01 \xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    assert_int_equal(json_integer_value(json_object_get(j, "attempt")), 3);
    assert_string_equal(text_in(j, "run"), "12"); /* an id stays text, whatever it looks like */
    assert_string_equal(text_in(j, "took_ms"), "x");
    json_decref(j);
}

static void test_a_json_line_that_is_too_long_is_still_an_object(void **state)
{
    (void)state;
    static char huge[4000];
    memset(huge, 1, sizeof(huge) - 1); /* six bytes each when escaped */
    log_style(LOG_JSON, 0);
    capture_start();
    log_error("m", "a", huge, "b", huge, "c", "short", LOG_END);
    const char *out = capture_stop();
    assert_true(strlen(out) <= 8192 + 64);
    json_t *j = json_line(out);
    assert_int_equal(json_string_length(json_object_get(j, "a")), 1024 + 3);
    assert_null(json_object_get(j, "b"));
    assert_string_equal(text_in(j, "c"), "short");
    assert_true(json_is_true(json_object_get(j, "truncated")));
    json_decref(j);
}

/* ---- codes ---- */

static void test_a_known_message_has_its_code_and_another_none(void **state)
{
    (void)state;
    log_style(LOG_LOGFMT, 0);
    capture_start();
    log_warn("run failed", LOG_END);
    log_warn("run faile", LOG_END);
    const char *out = capture_stop();
    assert_non_null(strstr(out, " prog=tester code=run-failed msg=\"run failed\"\n"));
    assert_non_null(strstr(out, " prog=tester msg=\"run faile\"\n"));
}

/* ---- repeats ---- */

static void warn_times(int n, const char *v)
{
    for (int i = 0; i < n; i++)
        log_warn("away", "v", v, LOG_END);
}

static void test_repeats_are_counted_and_the_count_is_stated(void **state)
{
    (void)state;
    log_style(LOG_LOGFMT, 60000);
    capture_start();
    warn_times(500, "a");
    warn_times(3, "b");
    log_flush(false); /* their time is not over */
    warn_times(1, "a");
    log_flush(true);
    log_flush(true);
    const char *out = capture_stop();
    assert_int_equal(count_lines(out), 4);
    assert_non_null(strstr(out, "msg=away v=a repeated=500\n"));
    assert_non_null(strstr(out, "msg=away v=b repeated=2\n"));
}

static void test_a_count_is_written_when_its_time_is_over(void **state)
{
    (void)state;
    log_style(LOG_JSON, 1);
    capture_start();
    int64_t until = mono_ms() + 200;
    unsigned said = 0;
    while (mono_ms() < until) {
        log_warn("away", LOG_END);
        said++;
    }
    log_flush(true);
    const char *out = capture_stop();
    size_t written = 0;
    for (const char *p = out; *p != '\0'; p = strchr(p, '\n') + 1) {
        json_t *j = json_line(p);
        json_t *repeated = json_object_get(j, "repeated");
        written += repeated != NULL ? (size_t)json_integer_value(repeated) : 1;
        json_decref(j);
    }
    assert_true(count_lines(out) < said);
    assert_int_equal(written, said); /* none is lost */
}

static void test_more_kinds_of_repeats_than_are_kept_lose_no_count(void **state)
{
    (void)state;
    log_style(LOG_LOGFMT, 60000);
    capture_start();
    for (int i = 0; i < 100; i++) {
        char v[8];
        (void)snprintf(v, sizeof(v), "%d", i);
        warn_times(2, v);
    }
    log_flush(true);
    assert_int_equal(count_lines(capture_stop()), 200);
}

static void test_milestones_are_never_folded(void **state)
{
    (void)state;
    log_style(LOG_LOGFMT, 60000);
    capture_start();
    log_info("ready", LOG_END);
    log_info("ready", LOG_END);
    assert_int_equal(count_lines(capture_stop()), 2);
    log_style(LOG_LOGFMT, 0);
}

/* ---- traces ---- */

static void test_what_a_thread_works_on_is_on_each_of_its_lines(void **state)
{
    (void)state;
    log_style(LOG_LOGFMT, 0);
    capture_start();
    log_trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    log_info("a", "run", "r", LOG_END);
    log_info("b", "trace_id", "given", LOG_END);
    log_trace(NULL, NULL);
    log_info("c", LOG_END);
    const char *out = capture_stop();
    assert_non_null(strstr(
        out, "msg=a run=r trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7\n"));
    assert_non_null(strstr(out, "msg=b trace_id=given\n"));
    assert_non_null(strstr(out, "msg=c\n"));
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
        cmocka_unit_test(test_a_json_line_is_one_object_whatever_is_in_it),
        cmocka_unit_test(test_a_json_line_that_is_too_long_is_still_an_object),
        cmocka_unit_test(test_a_known_message_has_its_code_and_another_none),
        cmocka_unit_test(test_repeats_are_counted_and_the_count_is_stated),
        cmocka_unit_test(test_a_count_is_written_when_its_time_is_over),
        cmocka_unit_test(test_more_kinds_of_repeats_than_are_kept_lose_no_count),
        cmocka_unit_test(test_milestones_are_never_folded),
        cmocka_unit_test(test_what_a_thread_works_on_is_on_each_of_its_lines),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
