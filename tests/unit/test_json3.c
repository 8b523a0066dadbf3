#include "unit.h"

#include "caption_check.h"

static void test_an_automatic_file_is_read(void **state)
{
    (void)state;
    EXPECT_AUTOMATIC(
        CAPTION_JSON3,
        "{\"wireMagic\":\"pb3\",\"pens\":[{}],\"wsWinStyles\":[{},{\"mhModeHint\":2}],\"events\":["
        "{\"tStartMs\":0,\"dDurationMs\":9000,\"id\":1,\"wpWinPosId\":1,\"wsWinStyleId\":1},"
        "{\"tStartMs\":480,\"dDurationMs\":4000,\"wWinId\":1,\"segs\":[{\"utf8\":\"so\","
        "\"acAsrConf\":0},"
        "{\"utf8\":\" today\",\"tOffsetMs\":240,\"acAsrConf\":0}]},"
        "{\"tStartMs\":2100,\"dDurationMs\":2380,\"wWinId\":1,\"aAppend\":1,\"segs\":[{\"utf8\":"
        "\"\\n\"}]},"
        "{\"tStartMs\":2110,\"dDurationMs\":3000,\"segs\":[{\"utf8\":\"we\"},{\"utf8\":\" "
        "knit\"}]},"
        "{\"tStartMs\":6000,\"dDurationMs\":1000,\"segs\":[{\"utf8\":\"[Music]\"}]}]}",
        "480-2110 so today\n2110-5110 we knit\n6000-7000 [Music]\n");
}

static void test_appended_text_belongs_to_the_caption_before(void **state)
{
    (void)state;
    EXPECT(CAPTION_JSON3,
           "{\"events\":[{\"tStartMs\":0,\"dDurationMs\":1000,\"segs\":[{\"utf8\":\"a\"}]},"
           "{\"tStartMs\":500,\"dDurationMs\":2000,\"aAppend\":1,\"segs\":[{\"utf8\":\"b\"}]},"
           "{\"tStartMs\":600,\"aAppend\":1,\"segs\":[{\"utf8\":\"\\u200b\\n\"}]}]}",
           "0-2500 a b\n");
    EXPECT(CAPTION_JSON3,
           "{\"events\":[{\"tStartMs\":500,\"dDurationMs\":1,\"aAppend\":1,\"segs\":[{\"utf8\":"
           "\"b\"}]}]}",
           "500-501 b\n");
}

static void test_missing_and_string_times_are_understood(void **state)
{
    (void)state;
    EXPECT(CAPTION_JSON3,
           "{\"events\":[{\"segs\":[{\"utf8\":\"a\"}]},"
           "{\"tStartMs\":\"2000\",\"dDurationMs\":\"500\",\"segs\":[{\"utf8\":\"b\"},{}]},"
           "{\"tStartMs\":3000,\"segs\":[{\"utf8\":\"c\"}]}]}",
           "0-2000 a\n2000-2500 b\n3000-8000 c\n");
}

static void test_events_out_of_order_are_ordered(void **state)
{
    (void)state;
    EXPECT(CAPTION_JSON3,
           "{\"events\":[{\"tStartMs\":3000,\"segs\":[{\"utf8\":\"b\"}]},{\"tStartMs\":1000,"
           "\"segs\":[{\"utf8\":\"a\"}]}]}",
           "1000-3000 a\n3000-8000 b\n");
}

static void test_text_is_not_entity_decoded_and_white_space_is_folded(void **state)
{
    (void)state;
    EXPECT(CAPTION_JSON3,
           "{\"events\":[{\"tStartMs\":0,\"dDurationMs\":10,\"segs\":[{\"utf8\":\"&amp; "
           "<b>\\n>>\\u00a0x\\u200by\"}]}]}",
           "0-10 &amp; <b> >> xy\n");
}

static void test_what_javascript_writes_is_read_where_strict_json_would_fail(void **state)
{
    (void)state;
    EXPECT(CAPTION_JSON3,
           "{\"events\":[{\"tStartMs\":0,\"dDurationMs\":10,\"segs\":[{\"utf8\":"
           "\"a\\u0000b\\ud83cc\\udf89d\\ud83c\\udf89\\\\u0000\xFF\"}]}]}",
           "0-10 a\uFFFD"
           "b\uFFFD"
           "c\uFFFD"
           "d\U0001F389\\u0000\uFFFD\n");
}

static void test_no_events_are_no_captions_and_no_list_is_refused(void **state)
{
    (void)state;
    EXPECT(CAPTION_JSON3, "{\"events\":[]}", "");
    EXPECT(CAPTION_JSON3, "{\"events\":[1,null,\"x\",[],{\"segs\":7},{\"segs\":[7,{\"utf8\":7}]}]}",
           "");
    EXPECT_REFUSED(CAPTION_JSON3, "{}");
    EXPECT_REFUSED(CAPTION_JSON3, "{\"events\":{}}");
    EXPECT_REFUSED(CAPTION_JSON3, "[]");
    EXPECT_REFUSED(CAPTION_JSON3, "");
    EXPECT_REFUSED(CAPTION_JSON3, "{\"events\":[");
}

static void test_absurd_times_neither_overflow_nor_survive(void **state)
{
    (void)state;
    EXPECT(CAPTION_JSON3,
           "{\"events\":[{\"tStartMs\":9223372036854775807,\"dDurationMs\":9223372036854775807,"
           "\"segs\":[{\"utf8\":\"a\"}]},"
           "{\"tStartMs\":-9223372036854775808,\"dDurationMs\":1,\"segs\":[{\"utf8\":\"b\"}]},"
           "{\"tStartMs\":7,\"dDurationMs\":9223372036854775807,\"segs\":[{\"utf8\":\"c\"}]}]}",
           "0-0 b\n7-7 c\n");
}

static void test_loom_phrases_last_until_the_next(void **state)
{
    (void)state;
    EXPECT(CAPTION_PHRASES,
           "{\"phrases\":[{\"ts\":0.011,\"value\":\" Hello and welcome \",\"speaker\":0},"
           "{\"ts\":\"2.5\",\"value\":\"next\"},{\"ts\":4,\"value\":\"  "
           "\"},{\"ts\":5.0006,\"value\":\"last\"}]}",
           "11-2500 Hello and welcome\n2500-5001 next\n5001-8001 last\n");
    EXPECT(CAPTION_PHRASES, "{\"phrases\":[]}", "");
    EXPECT(CAPTION_PHRASES,
           "{\"phrases\":[3,{},{\"value\":4},{\"ts\":-1e300,\"value\":\"x\"},{\"ts\":1e300,"
           "\"value\":\"y\"}]}",
           "0-0 x\n");
    EXPECT_REFUSED(CAPTION_PHRASES, "{\"events\":[]}");
    EXPECT_REFUSED(CAPTION_PHRASES, "{\"phrases\":null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_automatic_file_is_read),
        cmocka_unit_test(test_appended_text_belongs_to_the_caption_before),
        cmocka_unit_test(test_missing_and_string_times_are_understood),
        cmocka_unit_test(test_events_out_of_order_are_ordered),
        cmocka_unit_test(test_text_is_not_entity_decoded_and_white_space_is_folded),
        cmocka_unit_test(test_what_javascript_writes_is_read_where_strict_json_would_fail),
        cmocka_unit_test(test_no_events_are_no_captions_and_no_list_is_refused),
        cmocka_unit_test(test_absurd_times_neither_overflow_nor_survive),
        cmocka_unit_test(test_loom_phrases_last_until_the_next),
    };
    return cmocka_run_group_tests_name("json3", tests, NULL, NULL);
}
