#include "unit.h"

#include "caption_check.h"

static void test_a_usual_file_is_read(void **state)
{
    (void)state;
    EXPECT(CAPTION_SRT,
           "\xEF\xBB\xBF"
           "1\r\n00:00:01,000 --> 00:00:02,500\r\nHello\r\nthere\r\n\r\n"
           "2\r\n00:00:03,000 --> 00:00:04,000\r\n<i>Bye</i>\r\n",
           "1000-2500 Hello there\n3000-4000 Bye\n");
}

static void test_sloppy_times_are_understood(void **state)
{
    (void)state;
    EXPECT(CAPTION_SRT, "0:0:1.5 --> 0:0:2,25 X1:40 X2:600 Y1:20 Y2:50\na", "1500-2250 a\n");
    EXPECT(CAPTION_SRT, "00:01 --> 1:00:02\na", "1000-3602000 a\n");
    EXPECT(CAPTION_SRT, " 00:00:01 ,5-->00: 00:02,0005\na", "1500-2000 a\n");
    EXPECT(CAPTION_SRT, "-00:00:01,000 --> 00:00:02,000\na", "0-2000 a\n");
    EXPECT(CAPTION_SRT, "100:00:00,000 --> 100:00:01,000\na", "360000000-360001000 a\n");
}

static void test_texts_may_contain_blank_lines_and_numbers(void **state)
{
    (void)state;
    EXPECT(CAPTION_SRT,
           "1\n00:00:01,000 --> 00:00:02,000\nfirst\n\nstill first\n\n42\n\n"
           "2\n00:00:03,000 --> 00:00:04,000\n43\n\n\n",
           "1000-2000 first still first 42\n3000-4000 43\n");
}

static void test_counters_and_blank_lines_may_be_missing(void **state)
{
    (void)state;
    EXPECT(CAPTION_SRT, "00:00:01,000 --> 00:00:02,000\na\n00:00:03,000 --> 00:00:04,000\nb",
           "1000-2000 a\n3000-4000 b\n");
    EXPECT(CAPTION_SRT, "1\n00:00:01,000 --> 00:00:02,000\na\n2\n00:00:03,000 --> 00:00:04,000\nb",
           "1000-2000 a\n3000-4000 b\n");
}

static void test_a_broken_timing_line_drops_its_own_cue_only(void **state)
{
    (void)state;
    EXPECT(CAPTION_SRT,
           "1\n00:00:01,000 --> 00:00:02,000\na\n\n2\n00:00:xx,000 --> 00:00:04,000\nlost\n\n"
           "3\n00:00:05,000 --> 00:00:06,000\nc",
           "1000-2000 a\n5000-6000 c\n");
}

static void test_markup_goes_and_what_only_looks_like_it_stays(void **state)
{
    (void)state;
    EXPECT(CAPTION_SRT,
           "00:00:01,000 --> 00:00:02,000\n{\\an8}<font color=\"#fff\">a</FONT> {b}b{/b} <B>c</B> "
           "1 < 2 <sighs> {x} {open",
           "1000-2000 a b c 1 < 2 <sighs> {x} {open\n");
    EXPECT(CAPTION_SRT, "00:00:01,000 --> 00:00:02,000\n&amp;amp; &lt;i&gt; R&D &eacute;",
           "1000-2000 &amp; <i> R&D &eacute;\n");
}

static void test_bytes_that_are_not_utf8_are_read_as_windows_1252(void **state)
{
    (void)state;
    EXPECT(CAPTION_SRT, "00:00:01,000 --> 00:00:02,000\ncaf\xE9 \x93quoted\x94 \x81",
           "1000-2000 caf\u00e9 \u201cquoted\u201d \uFFFD\n");
    EXPECT(CAPTION_SNIFF, "00:00:01,000 --> 00:00:02,000\ncaf\xE9", "1000-2000 caf\u00e9\n");
    EXPECT(CAPTION_SNIFF, "00:00:01,000 --> 00:00:02,000\ncaf\xC3\xA9", "1000-2000 caf\u00e9\n");
}

static void test_nothing_is_no_captions_and_prose_is_no_srt(void **state)
{
    (void)state;
    EXPECT(CAPTION_SRT, "", "");
    EXPECT(CAPTION_SRT, "\r\n \n", "");
    EXPECT_REFUSED(CAPTION_SRT, "Just a text.\n\nWith --> an arrow.");
}

static void test_times_far_out_are_dropped(void **state)
{
    (void)state;
    EXPECT(CAPTION_SRT,
           "99999999999999999999:00:00,0 --> 99999999999999999999:00:01,0\nlost\n\n"
           "00:00:01,000 --> 9999:00:00,000\nkept",
           "1000-1000 kept\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_usual_file_is_read),
        cmocka_unit_test(test_sloppy_times_are_understood),
        cmocka_unit_test(test_texts_may_contain_blank_lines_and_numbers),
        cmocka_unit_test(test_counters_and_blank_lines_may_be_missing),
        cmocka_unit_test(test_a_broken_timing_line_drops_its_own_cue_only),
        cmocka_unit_test(test_markup_goes_and_what_only_looks_like_it_stays),
        cmocka_unit_test(test_bytes_that_are_not_utf8_are_read_as_windows_1252),
        cmocka_unit_test(test_nothing_is_no_captions_and_prose_is_no_srt),
        cmocka_unit_test(test_times_far_out_are_dropped),
    };
    return cmocka_run_group_tests_name("srt", tests, NULL, NULL);
}
