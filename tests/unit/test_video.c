/* test_video.c: the rules about videos that need no database. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "js.h"
#include "vector_text.h"
#include "vectors.h"
#include "video.h"

#define VIDEO   "6f1b1a34-0f0e-4f57-9d0e-6a2b3c4d5e6f"
#define CREATOR "0a0b0c0d-1111-2222-3333-444455556666"

static const char NO_VIDEO[] = "videoId is missing: send the id of a row of public.videos";

static json_t *parse(const char *text)
{
    struct err e;
    json_t *j = js_parse(text, strlen(text), &e);
    assert_non_null(j);
    return j;
}

static void test_uuids_have_one_form(void **state)
{
    (void)state;
    assert_true(is_uuid(VIDEO));
    assert_true(is_uuid("ABCDEFAB-CDEF-ABCD-EFAB-CDEFABCDEFAB"));
    assert_false(is_uuid(""));
    assert_false(is_uuid("6f1b1a34"));
    assert_false(is_uuid("6f1b1a340f0e4f579d0e6a2b3c4d5e6f"));
    assert_false(is_uuid(VIDEO "0"));
    assert_false(is_uuid("{" VIDEO "}"));
    assert_false(is_uuid("6f1b1a34-0f0e-4f57-9d0e-6a2b3c4d5e6g"));
    assert_false(is_uuid("6f1b1a34-0f0e-4f57-9d0e-6a2b3c4d5e6"));
    assert_false(is_uuid("6f1b1a3-40f0e-4f57-9d0e-6a2b3c4d5e6f"));
}

static void test_bad_ids_are_named_by_their_field(void **state)
{
    (void)state;
    static const struct {
        const char *data, *message;
    } cases[] = {
        {"{}", NO_VIDEO},
        {"{\"videoId\":null}", NO_VIDEO},
        {"{\"videoId\":\"\"}", NO_VIDEO},
        {"{\"videoId\":7}", "videoId 7 is not a UUID: take the id of a row of public.videos"},
        {"{\"videoId\":\"…\"}",
         "videoId \"…\" is not a UUID: take the id of a row of public.videos"},
        {"{\"videoId\":[\"" VIDEO "\"]}", "videoId [\"" VIDEO "\"] is not a UUID: take the id of a "
                                          "row of public.videos"},
        {"{\"videoId\":\"" VIDEO "\"}",
         "creatorId is missing: send the id of a row of public.creators"},
        {"{\"videoId\":\"" VIDEO "\",\"creatorId\":\"me\"}",
         "creatorId \"me\" is not a UUID: take the id of a row of public.creators"},
        {"[]", NO_VIDEO},
        {"7", NO_VIDEO},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_json *data = parse(cases[i].data);
        struct video_ids ids;
        struct err e;
        assert_false(video_ids(data, &ids, &e));
        assert_string_equal(e.msg, cases[i].message);
        assert_int_equal(e.code, ERR_INPUT);
    }
    struct video_ids ids;
    struct err e;
    assert_false(video_ids(NULL, &ids, &e));
    assert_string_equal(e.msg, NO_VIDEO);
}

static void test_an_id_of_any_name_is_read(void **state)
{
    (void)state;
    auto_json *data = parse("{\"lessonId\":\"" VIDEO "\",\"other\":\"\\u0001x\"}");
    struct err e;
    assert_string_equal(event_uuid(data, "lessonId", &e), VIDEO);
    assert_null(event_uuid(data, "other", &e));
    assert_string_equal(e.msg, "other \"\\u0001x\" is not a UUID");
    assert_null(event_uuid(data, "else", &e));
    assert_string_equal(e.msg, "else is missing");
}

static void test_good_ids_are_taken_as_they_are(void **state)
{
    (void)state;
    auto_json *data = parse("{\"videoId\":\"" VIDEO "\",\"creatorId\":\"" CREATOR "\"}");
    struct video_ids ids;
    struct err e;
    assert_true(video_ids(data, &ids, &e));
    assert_string_equal(ids.video, VIDEO);
    assert_string_equal(ids.creator, CREATOR);
}

static void test_the_source_of_the_event_must_be_the_videos(void **state)
{
    (void)state;
    static const struct {
        const char *data, *message; /* NULL = accepted */
    } cases[] = {
        {"{}", NULL},
        {"{\"source\":null}", NULL},
        {"{\"source\":\"loom\"}", NULL},
        {"{\"source\":\"youtube\"}",
         "the event says the source is youtube, but the video's source is loom"},
        {"{\"source\":\"vimeo\"}",
         "unknown source \"vimeo\": known are youtube, loom, mux and upload"},
        {"{\"source\":\"Loom\"}",
         "unknown source \"Loom\": known are youtube, loom, mux and upload"},
        {"{\"source\":\"\"}", "unknown source \"\": known are youtube, loom, mux and upload"},
        {"{\"source\":3}", "source is not a text"},
    };
    const struct video v = {.source = SOURCE_LOOM};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_json *data = parse(cases[i].data);
        struct err e = {.code = ERR_NONE};
        assert_int_equal(video_check_source(&v, data, &e), cases[i].message == NULL);
        if (cases[i].message != NULL)
            assert_string_equal(e.msg, cases[i].message);
    }
}

static void test_every_source_has_its_name(void **state)
{
    (void)state;
    for (int i = 0; i < SOURCE_COUNT; i++) {
        enum video_source source;
        assert_true(video_source_parse(video_source_name((enum video_source)i), &source));
        assert_int_equal(source, i);
    }
}

static void test_public_url_is_given_or_derived(void **state)
{
    (void)state;
    char url[64];
    const struct video given = {.source = SOURCE_UPLOAD, .url = "https://example.com/v"};
    assert_true(video_public_url(&given, url, sizeof(url)));
    assert_string_equal(url, "https://example.com/v");
    const struct video youtube = {.source = SOURCE_YOUTUBE, .youtube_video_id = "dQw4w9WgXcQ"};
    assert_true(video_public_url(&youtube, url, sizeof(url)));
    assert_string_equal(url, "https://www.youtube.com/watch?v=dQw4w9WgXcQ");
    const struct video loom = {.source = SOURCE_LOOM, .url = "", .embed_id = "abc"};
    assert_true(video_public_url(&loom, url, sizeof(url)));
    assert_string_equal(url, "https://www.loom.com/share/abc");
    const struct video upload = {.source = SOURCE_UPLOAD, .storage_path = "a/b.mp4"};
    assert_false(video_public_url(&upload, url, sizeof(url)));
    assert_false(video_public_url(&given, url, 8)); /* rather none than half of one */
}

static void test_credits_are_thousandths_of_a_dollar_rounded_up(void **state)
{
    (void)state;
    assert_int_equal(cost_credits(0), 0);
    assert_int_equal(cost_credits(0.0000002), 1);
    assert_int_equal(cost_credits(0.0333), 34);
    assert_int_equal(cost_credits(0.06), 60);
    assert_int_equal(cost_credits(1), 1000);
    assert_int_equal(cost_credits(-1), 0);
    assert_int_equal(cost_credits(NAN), 0);
    assert_int_equal(cost_credits(INFINITY), 0);
}

static void test_lengths_are_javascripts(void **state)
{
    (void)state;
    assert_int_equal(utf16_length(""), 0);
    assert_int_equal(utf16_length("abc"), 3);
    assert_int_equal(utf16_length("h\xc3\xa9"), 2);
    assert_int_equal(utf16_length("\xe2\x82\xac"), 1);
    assert_int_equal(utf16_length("\xf0\x9f\x98\x80!"), 3);
}

static void test_vectors_keep_every_bit(void **state)
{
    (void)state;
    const float v[] = {0.1f, -1.0f / 3, 1e-30f, 16777216.0f, 0, 3.4028235e38f};
    auto_buf b = BUF_INIT(1000);
    assert_true(vector_add_text(&b, v, ARRAY_LEN(v)));
    auto_json *j = parse(b.data);
    assert_int_equal(json_array_size(j), ARRAY_LEN(v));
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        assert_true((float)json_number_value(json_array_get(j, i)) == v[i]);
}

static void test_vectors_of_anything_but_numbers_are_refused(void **state)
{
    (void)state;
    const float nan_inside[] = {1, NAN}, infinite[] = {INFINITY};
    auto_buf b = BUF_INIT(1000);
    assert_false(vector_add_text(&b, nan_inside, 2));
    assert_false(vector_add_text(&b, infinite, 1));
    auto_buf small = BUF_INIT(4);
    const float fits_not[] = {1, 2, 3};
    assert_false(vector_add_text(&small, fits_not, 3));
}

static void test_the_model_says_when_it_is_the_development_one(void **state)
{
    (void)state;
    struct services svc = {.embedder = "embedded", .embed_model = "text-embedding-3-small"};
    assert_string_equal(vectors_model(&svc), "chronos-embedded-hash-v1");
    svc.embedder = "openai";
    assert_string_equal(vectors_model(&svc), "text-embedding-3-small");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uuids_have_one_form),
        cmocka_unit_test(test_bad_ids_are_named_by_their_field),
        cmocka_unit_test(test_an_id_of_any_name_is_read),
        cmocka_unit_test(test_good_ids_are_taken_as_they_are),
        cmocka_unit_test(test_the_source_of_the_event_must_be_the_videos),
        cmocka_unit_test(test_every_source_has_its_name),
        cmocka_unit_test(test_public_url_is_given_or_derived),
        cmocka_unit_test(test_credits_are_thousandths_of_a_dollar_rounded_up),
        cmocka_unit_test(test_lengths_are_javascripts),
        cmocka_unit_test(test_vectors_keep_every_bit),
        cmocka_unit_test(test_vectors_of_anything_but_numbers_are_refused),
        cmocka_unit_test(test_the_model_says_when_it_is_the_development_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
