#include "unit.h"

#include "caption_check.h"

static void test_a_usual_file_is_read(void **state)
{
    (void)state;
    EXPECT(CAPTION_VTT,
           "WEBVTT\nKind: captions\nLanguage: en\n\n"
           "NOTE made by hand\nover two lines\n\n"
           "STYLE\n::cue { color: red }\n\n"
           "1\n00:00:01.000 --> 00:00:02.500 align:start position:0%\nHello <b>there</b>\n\n"
           "00:03.000 --> 00:04.000\nTwo\nlines\n",
           "1000-2500 Hello there\n3000-4000 Two lines\n");
}

static void test_the_signature_decides(void **state)
{
    (void)state;
    EXPECT(CAPTION_VTT, "WEBVTT", "");
    EXPECT(CAPTION_VTT, "WEBVTT\n", "");
    EXPECT(CAPTION_VTT, "WEBVTT - a title\n\n00:01.000 --> 00:02.000\nx", "1000-2000 x\n");
    EXPECT(CAPTION_VTT, "WEBVTT\ttitle\n\n00:01.000 --> 00:02.000\nx", "1000-2000 x\n");
    EXPECT(CAPTION_VTT, "\xEF\xBB\xBFWEBVTT\n\n00:01.000 --> 00:02.000\nx", "1000-2000 x\n");
    EXPECT_REFUSED(CAPTION_VTT, "");
    EXPECT_REFUSED(CAPTION_VTT, "WEBVT");
    EXPECT_REFUSED(CAPTION_VTT, "webvtt\n");
    EXPECT_REFUSED(CAPTION_VTT, "WEBVTTx\n");
    EXPECT_REFUSED(CAPTION_VTT, "WEBVTT\f\n");
    EXPECT_REFUSED(CAPTION_VTT, " WEBVTT\n");
    EXPECT_REFUSED(CAPTION_VTT, "\nWEBVTT\n");
    EXPECT_REFUSED(CAPTION_VTT, "\xEF\xBB\xBF\xEF\xBB\xBFWEBVTT\n");
    EXPECT_REFUSED(CAPTION_VTT, "<html>");
}

static void test_line_ends_of_every_kind_are_the_same(void **state)
{
    (void)state;
    EXPECT(CAPTION_VTT,
           "WEBVTT\r\n\r\n00:01.000 --> 00:02.000\r\na\r\nb\r\n\r\n00:03.000 --> 00:04.000\r\nc",
           "1000-2000 a b\n3000-4000 c\n");
    EXPECT(CAPTION_VTT, "WEBVTT\r\r00:01.000 --> 00:02.000\ra\r\r00:03.000 --> 00:04.000\rc",
           "1000-2000 a\n3000-4000 c\n");
}

static void test_an_arrow_ends_the_header_and_begins_a_cue(void **state)
{
    (void)state;
    EXPECT(CAPTION_VTT, "WEBVTT\n00:01.000 --> 00:02.000\na", "1000-2000 a\n");
    EXPECT(CAPTION_VTT, "WEBVTT\nheader\n00:01.000 --> 00:02.000\na", "1000-2000 a\n");
    /* not in the header any more: the line before is an id */
    EXPECT(CAPTION_VTT, "WEBVTT\n\nid\n00:01.000 --> 00:02.000\na", "1000-2000 a\n");
}

static void test_an_arrow_in_a_text_begins_the_next_block(void **state)
{
    (void)state;
    EXPECT(CAPTION_VTT, "WEBVTT\n\n00:01.000 --> 00:02.000\na\n00:03.000 --> 00:04.000\nb",
           "1000-2000 a\n3000-4000 b\n");
    EXPECT(CAPTION_VTT,
           "WEBVTT\n\n00:01.000 --> 00:02.000\na\nhow --> now\nb\n\n00:03.000 --> 00:04.000\nc",
           "1000-2000 a\n3000-4000 c\n");
    /* in the third line of a block without cue */
    EXPECT(CAPTION_VTT, "WEBVTT\n\none\ntwo\n00:01.000 --> 00:02.000\na", "1000-2000 a\n");
}

static void test_a_line_of_spaces_is_not_blank(void **state)
{
    (void)state;
    EXPECT(CAPTION_VTT, "WEBVTT\n\n00:01.000 --> 00:02.000\na\n \nb\n\nc", "1000-2000 a b\n");
}

static void test_notes_are_dropped_but_note_in_a_text_is_text(void **state)
{
    (void)state;
    EXPECT(CAPTION_VTT,
           "WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:02.000\nNOTE this\nREGION\n\nSTYLE\na",
           "1000-2000 NOTE this REGION\n");
}

static void test_times_are_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "0:01.000 --> 00:02.000",
        "00:01,000 --> 00:02.000",
        "00:01.00 --> 00:02.000",
        "00:01.0000 --> 00:02.000",
        "00:60.000 --> 00:61.000",
        "60:01.000 --> 60:02.000",
        "00:00:01 --> 00:00:02",
        "00:01.000 -> 00:02.000",
        "00:01.000 -- > 00:02.000",
        "-00:01.000 --> 00:02.000",
        "00:01.000 -->",
        "--> 00:02.000",
        "00:1:01.000 --> 00:02.000",
        "x 00:01.000 --> 00:02.000",
        "00:60:01.000 --> 01:00:02.000",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char text[200];
        int n = snprintf(text, sizeof(text), "WEBVTT\n\n%s\nlost\n\n00:05.000 --> 00:06.000\nkept",
                         bad[i]);
        expect_captions_of(text, (size_t)n, CAPTION_VTT, false, "5000-6000 kept\n");
    }
    EXPECT(CAPTION_VTT, "WEBVTT\n\n \t00:01.000\t-->  00:02.000\t\na", "1000-2000 a\n");
    EXPECT(CAPTION_VTT, "WEBVTT\n\n00:01.000-->00:02.000\na", "1000-2000 a\n");
    EXPECT(CAPTION_VTT, "WEBVTT\n\n1:00:01.000 --> 0100:00:02.000\na", "3601000-360002000 a\n");
    EXPECT(CAPTION_VTT,
           "WEBVTT\n\n99999999999999999999:00:01.000 --> 99999999999999999999:00:02.000\na", "");
}

static void test_a_cue_that_ends_before_it_starts_is_still_a_cue(void **state)
{
    (void)state;
    EXPECT(CAPTION_VTT, "WEBVTT\n\n00:05.000 --> 00:02.000\na", "5000-5000 a\n");
}

static void test_cues_without_text_are_dropped(void **state)
{
    (void)state;
    EXPECT(CAPTION_VTT,
           "WEBVTT\n\n00:01.000 --> 00:02.000\n\n00:03.000 --> 00:04.000\n<i> &nbsp;</i>\n", "");
}

static void test_tags_are_stripped_and_then_references_decoded(void **state)
{
    (void)state;
    EXPECT(CAPTION_VTT,
           "WEBVTT\n\n00:01.000 --> 00:02.000\n<v.loud Mary Ann>Hi <00:00:01.500><c.x>you</c> "
           "<weird thing>!</v>",
           "1000-2000 Hi you !\n");
    EXPECT(CAPTION_VTT, "WEBVTT\n\n00:01.000 --> 00:02.000\n&lt;b&gt; &amp;lt; Q&A &eacute;&#150;",
           "1000-2000 <b> &lt; Q&A \u00e9\u2013\n");
    EXPECT(CAPTION_VTT,
           "WEBVTT\n\n00:01.000 --> 00:02.000\na < 5 and\nb > 3\n\n00:03.000 --> 00:04.000\nkept "
           "<open",
           "1000-2000 a 3\n3000-4000 kept\n");
    EXPECT(CAPTION_VTT, "WEBVTT\n\n00:01.000 --> 00:02.000\na&lrm;b&rlm;c", "1000-2000 abc\n");
}

static void test_ruby_readings_are_left_out(void **state)
{
    (void)state;
    EXPECT(CAPTION_VTT,
           "WEBVTT\n\n00:01.000 --> 00:02.000\n<ruby>base<rt>read&amp;ing</rt>more<rt>x</ruby> "
           "after <rt>text</rt>",
           "1000-2000 basemore after text\n");
}

#define CUE(text) "WEBVTT\n\n00:01.000 --> 00:02.000\n" text

static void test_a_reading_is_one_only_directly_inside_ruby(void **state)
{
    (void)state;
    static const struct {
        const char *file, *expected;
    } cases[] = {
        {CUE("<ruby>a<b><rt>b</rt></b></ruby>"), "1000-2000 ab\n"},
        {CUE("<ruby.big.red>a<rt.x>b<i>c</i></rt>d</ruby>e"), "1000-2000 ade\n"},
        {CUE("<ruby>a<rt>b<i>c</rt>d</i>e</rt>f"), "1000-2000 af\n"},
        {CUE("<ruby>a<rt>b</ruby>c<rt>d"), "1000-2000 acd\n"},
        {CUE("<ruby>a<rt>b</b>c</rt.x>d</ rt>e</rt>f"), "1000-2000 af\n"},
        {CUE("<ruby>a<rt>b<ruby>c<rt>d</ruby>e</rt>f"), "1000-2000 af\n"},
        {CUE("<rubyx>a<rt>b"), "1000-2000 ab\n"},
        {CUE("<Ruby>a<rt>b"), "1000-2000 ab\n"},
        {CUE("</ruby></rt><>a</><.c>b<0rt>c"), "1000-2000 abc\n"},
        {CUE("<ruby>a<rt\nb>c</rt>d"), "1000-2000 ad\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_captions_of(cases[i].file, strlen(cases[i].file), CAPTION_VTT, false,
                           cases[i].expected);
}

static void test_an_open_tag_ends_with_its_cue(void **state)
{
    (void)state;
    EXPECT(CAPTION_VTT, CUE("<ruby>a<rt>b") "\n\n00:03.000 --> 00:04.000\nc<rt>d",
           "1000-2000 a\n3000-4000 cd\n");
}

static void test_regions_and_styles_are_no_cues_wherever_they_stand(void **state)
{
    (void)state;
    EXPECT(CAPTION_VTT,
           "WEBVTT\n\nREGION\nid:fred\nwidth:40%\n\nSTYLE \t\n::cue(b) {\n}\n\n"
           "00:01.000 --> 00:02.000 region:fred vertical:rl line:-1,end size:50%\na\n\n"
           "STYLE\n::cue { color: red }\n\nREGION\nid:bill\n\n00:03.000 --> 00:04.000\nb",
           "1000-2000 a\n3000-4000 b\n");
    /* their name is an id when a timing line follows it */
    EXPECT(CAPTION_VTT, "WEBVTT\n\nSTYLE\n00:01.000 --> 00:02.000\na", "1000-2000 a\n");
}

static void test_settings_may_follow_the_time_at_once(void **state)
{
    (void)state;
    EXPECT(CAPTION_VTT, "WEBVTT\n\n00:01.000-->00:02.000align:start\na", "1000-2000 a\n");
    EXPECT(CAPTION_VTT, "WEBVTT\n\n00:01.000 --> 00:02.000 --> x\na", "1000-2000 a\n");
}

static void test_broken_bytes_and_nul_become_replacement_characters(void **state)
{
    (void)state;
    EXPECT(CAPTION_VTT,
           "WEBVTT\n\n00:01.000 --> 00:02.000\na\0b\xFF"
           "c\xC3",
           "1000-2000 a\uFFFD"
           "b\uFFFD"
           "c\uFFFD\n");
}

static void test_rolling_captions_lose_what_they_repeat(void **state)
{
    (void)state;
    EXPECT_AUTOMATIC(
        CAPTION_VTT,
        "WEBVTT\nKind: captions\nLanguage: en\n\n"
        "00:00:00.160 --> 00:00:02.310 align:start position:0%\n \n"
        "hello<00:00:00.480><c> and</c><00:00:00.800><c> welcome</c>\n\n"
        "00:00:02.310 --> 00:00:02.320 align:start position:0%\nhello and welcome\n \n\n"
        "00:00:02.320 --> 00:00:04.550 align:start position:0%\nhello and welcome\n"
        "to<00:00:02.560><c> the</c><00:00:02.720><c> show</c>\n\n"
        "00:00:04.550 --> 00:00:04.560 align:start position:0%\nto the show\n \n\n"
        "00:00:04.560 --> 00:00:06.000 align:start position:0%\nto the show\n"
        "no<00:00:05.000><c> no</c>\n",
        "160-2320 hello and welcome\n2320-4560 to the show\n4560-6000 no no\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_usual_file_is_read),
        cmocka_unit_test(test_the_signature_decides),
        cmocka_unit_test(test_line_ends_of_every_kind_are_the_same),
        cmocka_unit_test(test_an_arrow_ends_the_header_and_begins_a_cue),
        cmocka_unit_test(test_an_arrow_in_a_text_begins_the_next_block),
        cmocka_unit_test(test_a_line_of_spaces_is_not_blank),
        cmocka_unit_test(test_notes_are_dropped_but_note_in_a_text_is_text),
        cmocka_unit_test(test_times_are_strict),
        cmocka_unit_test(test_a_cue_that_ends_before_it_starts_is_still_a_cue),
        cmocka_unit_test(test_cues_without_text_are_dropped),
        cmocka_unit_test(test_tags_are_stripped_and_then_references_decoded),
        cmocka_unit_test(test_ruby_readings_are_left_out),
        cmocka_unit_test(test_a_reading_is_one_only_directly_inside_ruby),
        cmocka_unit_test(test_an_open_tag_ends_with_its_cue),
        cmocka_unit_test(test_regions_and_styles_are_no_cues_wherever_they_stand),
        cmocka_unit_test(test_settings_may_follow_the_time_at_once),
        cmocka_unit_test(test_broken_bytes_and_nul_become_replacement_characters),
        cmocka_unit_test(test_rolling_captions_lose_what_they_repeat),
    };
    return cmocka_run_group_tests_name("vtt", tests, NULL, NULL);
}
