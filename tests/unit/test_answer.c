/* test_answer.c: reading answers, choosing tracks, and the delays that hide in messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "answer.h"
#include "js.h"
#include "language.h"
#include "openai.h"

static struct http_response made(long status, const char *body)
{
    struct http_response r = {.status = status, .retry_after_ms = -1, .should_retry = -1};
    buf_init(&r.body, 1 << 16);
    if (!buf_adds(&r.body, body))
        abort();
    return r;
}

static void reads(const char *body, const char *expected)
{
    struct http_response r = made(200, body);
    struct err e;
    auto_json *j = answer_object(&r, "svc", &e);
    assert_non_null(j);
    assert_string_equal(js_str(j, "a"), expected);
    http_response_release(&r);
}

static void test_half_an_emoji_does_not_spoil_the_document(void **state)
{
    (void)state;
    reads("{\"a\":\"x\\ud83d\"}", "x\xef\xbf\xbd");
    reads("{\"a\":\"\\ude00y\"}", "\xef\xbf\xbdy");
    reads("{\"a\":\"\\ud83d\\ud83d\\ude00\"}", "\xef\xbf\xbd\xf0\x9f\x98\x80");
    reads("{\"a\":\"\\\\ud83d\\ud83d\"}", "\\ud83d\xef\xbf\xbd");
    reads("{\"a\":\"\\u0000z\"}", "\xef\xbf\xbdz");
}

static void test_what_is_no_object_is_unreadable(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "", "[]", "1", "{", "garbage", "<html></html>", "<!DOCTYPE html><p>", "{\"a\":\"\\ud8"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct http_response r = made(200, bodies[i]);
        struct err e;
        assert_null(answer_object(&r, "svc", &e));
        assert_int_equal(e.code, ERR_RETRY);
        assert_ptr_equal(strstr(e.msg, "svc: unreadable answer"), e.msg);
        http_response_release(&r);
    }
}

static void test_text_is_searched_without_case_or_typography(void **state)
{
    (void)state;
    assert_true(TEXT_HAS("Sign in to confirm you\xe2\x80\x99re NOT a bot", "you're not a bot"));
    assert_true(TEXT_HAS("a b", "x", "b"));
    assert_false(TEXT_HAS("a b", "c"));
    assert_false(TEXT_HAS(NULL, "c"));
}

static void test_languages_have_codes(void **state)
{
    (void)state;
    char out[16];
    assert_true(language_code("english", out, sizeof(out)));
    assert_string_equal(out, "en");
    assert_true(language_code("Haitian Creole", out, sizeof(out)));
    assert_string_equal(out, "ht");
    assert_true(language_code("pt-BR", out, sizeof(out)));
    assert_string_equal(out, "pt-BR");
    assert_false(language_code("klingon", out, sizeof(out)));
    assert_false(language_code(NULL, out, sizeof(out)));
    assert_true(language_primary("iw", out, sizeof(out)));
    assert_string_equal(out, "he");
    assert_true(language_primary("EN_gb", out, sizeof(out)));
    assert_string_equal(out, "en");
    assert_false(language_primary("english", out, sizeof(out)));
    assert_false(language_primary("", out, sizeof(out)));
}

static void test_the_best_track_is_chosen(void **state)
{
    (void)state;
    const struct track all[] = {
        {.language = "en", .automatic = true},  {.language = "en-GB"},
        {.language = "de", .tie = 1},           {.language = "de"},
        {.language = "fr", .is_default = true},
    };
    assert_int_equal(track_choose(all, 5, NULL), 1);
    assert_int_equal(track_choose(all, 5, "en"), 1);
    assert_int_equal(track_choose(all, 1, "en"), 0);
    assert_int_equal(track_choose(all, 5, "de"), 3);
    assert_int_equal(track_choose(all, 5, "de-CH"), 3);
    assert_int_equal(track_choose(all, 5, "es"), 1);     /* English comes next */
    assert_int_equal(track_choose(all + 2, 3, "es"), 2); /* then the default one */
    assert_int_equal(track_choose(all, 0, "en"), 0);
    const struct track rest[] = {{.language = "ja", .forced = true},
                                 {.language = "ko", .automatic = true}};
    assert_int_equal(track_choose(rest, 2, "ja"), 1);
    assert_int_equal(track_choose(rest, 1, "en"), 0);
}

static void test_delays_in_text(void **state)
{
    (void)state;
    assert_int_equal(openai_delay_in_text("Please try again in 60ms."), 60);
    assert_int_equal(openai_delay_in_text("Please try again in 7.2s. More."), 7200);
    assert_int_equal(openai_delay_in_text("try again in 6m0s"), 360000);
    assert_int_equal(openai_delay_in_text("try again in 1h2m3.4s"), 3723400);
    assert_int_equal(openai_delay_in_text("Try again in 12 seconds."), 12000);
    assert_int_equal(openai_delay_in_text("try again in a while"), 0);
    assert_int_equal(openai_delay_in_text("try again in 5 parsecs"), 0);
    assert_int_equal(openai_delay_in_text(""), 0);
}

static void test_errors_of_openai_and_its_imitators(void **state)
{
    (void)state;
    static const struct {
        long status;
        const char *body;
        enum err_code code;
    } rows[] = {
        {400,
         "{\"error\":{\"message\":\"x\",\"type\":\"invalid_request_error\",\"code\":\"max_tokens_"
         "per_request\"}}",
         ERR_SPLIT},
        {400,
         "{\"error\":{\"message\":\"This model's maximum context length is 8192 tokens, "
         "however\",\"code\":null}}",
         ERR_SPLIT},
        {400, "{\"error\":{\"message\":\"'$.input' is invalid\",\"code\":null}}", ERR_PERMANENT},
        {400,
         "{\"error\":{\"message\":\"Invalid file format.\",\"type\":\"invalid_request_error\"}}",
         ERR_PERMANENT},
        {400,
         "{\"error\":{\"message\":\"audio duration 1500 seconds is longer than 1400 "
         "seconds\",\"code\":\"invalid_value\"}}",
         ERR_SPLIT},
        {400, "{\"error\":{\"message\":\"response_format\",\"code\":\"unsupported_value\"}}",
         ERR_STOP_PROVIDER},
        {401, "", ERR_STOP_PROVIDER},
        {403, "{\"error\":{\"code\":\"unsupported_country_region_territory\"}}", ERR_STOP_PROVIDER},
        {404, "{\"detail\":\"model not installed\"}", ERR_STOP_PROVIDER},
        {408, "", ERR_RETRY},
        {409, "", ERR_RETRY},
        {413, "<html><title>413</title>", ERR_SPLIT},
        {413,
         "{\"error\":{\"type\":\"server_error\",\"message\":\"Maximum content size limit "
         "(26214400) exceeded\"}}",
         ERR_SPLIT},
        {429,
         "{\"error\":{\"message\":\"Rate limit. Please try again in "
         "7.2s.\",\"code\":\"rate_limit_exceeded\"}}",
         ERR_RATE_LIMITED},
        {429,
         "{\"error\":{\"message\":\"Request too large for m: Limit 30000, Requested "
         "30601\",\"code\":\"rate_limit_exceeded\"}}",
         ERR_SPLIT},
        {429,
         "{\"error\":{\"message\":\"quota\",\"type\":\"insufficient_quota\",\"code\":"
         "\"insufficient_quota\"}}",
         ERR_STOP_PROVIDER},
        {429, "{\"error\":{\"message\":\"quota\",\"type\":\"insufficient_quota\",\"code\":null}}",
         ERR_STOP_PROVIDER},
        {429, "{\"error\":{\"message\":\"no\",\"code\":\"credit_balance_exhausted\"}}",
         ERR_STOP_PROVIDER},
        {429, "{\"message\":\"busy\",\"code\":429,\"type\":\"Overloaded\"}", ERR_RATE_LIMITED},
        {422, "{\"message\":\"batch size 64 > 32\",\"code\":422,\"type\":\"Validation\"}",
         ERR_SPLIT},
        {422, "{\"detail\":[{\"msg\":\"field required\"}]}", ERR_PERMANENT},
        {424, "{\"message\":\"backend\",\"type\":\"Backend\"}", ERR_RETRY},
        {500,
         "{\"error\":{\"code\":500,\"message\":\"input (600 tokens) is too large to process. "
         "increase the physical batch size\",\"type\":\"server_error\"}}",
         ERR_SPLIT},
        {500, "{\"error\":{\"message\":\"oops\",\"type\":\"server_error\"}}", ERR_RETRY},
        {501, "{\"error\":{\"code\":501,\"type\":\"not_supported_error\",\"message\":\"no\"}}",
         ERR_STOP_PROVIDER},
        {502, "<html>", ERR_RETRY},
        {503, "{\"error\":{\"code\":\"slow_down\",\"message\":\"x\"}}", ERR_RATE_LIMITED},
        {503,
         "{\"error\":{\"code\":503,\"type\":\"unavailable_error\",\"message\":\"Loading model\"}}",
         ERR_RETRY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_response r = made(rows[i].status, rows[i].body);
        struct err e;
        assert_false(openai_err(&r, "openai", &e));
        if (e.code != rows[i].code)
            fail_msg("%ld %s is %s", rows[i].status, rows[i].body, err_name(e.code));
        if (strstr(rows[i].body, "7.2s") != NULL)
            assert_int_equal(e.retry_after_ms, 7200);
        http_response_release(&r);
    }
}

/* Named first by the header, then by the text, then by when what is used up is renewed. */
static void test_the_delay_of_a_limit(void **state)
{
    (void)state;
    struct http_response r = made(429, "{\"error\":{\"code\":\"rate_limit_exceeded\"}}");
    struct err e;
    r.retry_after_ms = -1;
    r.requests = (struct http_allowance){5, 90000};
    r.tokens = (struct http_allowance){0, 1500};
    assert_false(openai_err(&r, "openai", &e));
    assert_int_equal(e.code, ERR_RATE_LIMITED);
    assert_int_equal(e.retry_after_ms, 1500);
    r.requests.remaining = 0;
    (void)openai_err(&r, "openai", &e);
    assert_int_equal(e.retry_after_ms, 90000);
    r.retry_after_ms = 700;
    (void)openai_err(&r, "openai", &e);
    assert_int_equal(e.retry_after_ms, 700);
    r.retry_after_ms = -1;
    r.requests = r.tokens = (struct http_allowance){-1, -1};
    (void)openai_err(&r, "openai", &e);
    assert_int_equal(e.retry_after_ms, 0);
    http_response_release(&r);
}

static void test_a_refused_key_is_not_repeated(void **state)
{
    (void)state;
    struct http_response r = made(401, "{\"detail\":\"key hunter2-very-secret is wrong\"}");
    struct err e;
    assert_false(openai_err(&r, "openai", &e));
    assert_null(strstr(e.msg, "hunter2"));
    http_response_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_an_emoji_does_not_spoil_the_document),
        cmocka_unit_test(test_what_is_no_object_is_unreadable),
        cmocka_unit_test(test_text_is_searched_without_case_or_typography),
        cmocka_unit_test(test_languages_have_codes),
        cmocka_unit_test(test_the_best_track_is_chosen),
        cmocka_unit_test(test_delays_in_text),
        cmocka_unit_test(test_errors_of_openai_and_its_imitators),
        cmocka_unit_test(test_the_delay_of_a_limit),
        cmocka_unit_test(test_a_refused_key_is_not_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
