#include "unit.h"

#include "caption_check.h"

static void test_srv1_is_in_seconds_and_encoded_twice(void **state)
{
    (void)state;
    EXPECT(CAPTION_SRV1,
           "<?xml version=\"1.0\" encoding=\"utf-8\" ?><transcript>"
           "<text start=\"0.12\" dur=\"2.5\">it&amp;#39;s &amp;quot;knit&amp;quot;\nwork</text>"
           "<text dur='1' start='3'>&lt;font color=&quot;#E5E5E5&quot;&gt;a&lt;/font&gt; 5 &lt; 6 "
           "and 7 &gt; 2 &amp;lt;b&amp;gt;</text>"
           "<text start=\"5.0079\"/><text start=\"6\">last</text></transcript>",
           "120-2620 it's \"knit\" work\n3000-4000 a 5 < 6 and 7 > 2 <b>\n6000-11000 last\n");
}

static void test_srv1_without_duration_lasts_until_the_next(void **state)
{
    (void)state;
    EXPECT(CAPTION_SRV1,
           "<transcript><text start=\"1\">a</text><text start=\"2.5\" dur=\"x\">b</text><text "
           "start=\"4\" dur=\"1\">c</text></transcript>",
           "1000-2500 a\n2500-4000 b\n4000-5000 c\n");
}

static void test_srv3_words_and_appended_lines_are_joined(void **state)
{
    (void)state;
    EXPECT_AUTOMATIC(
        CAPTION_SRV3,
        "<?xml version=\"1.0\" encoding=\"utf-8\" ?><timedtext format=\"3\">\n<head>\n"
        "<pen id=\"1\" fc=\"#E5E5E5\"/><ws id=\"0\"/><wp id=\"0\"/></head><body>\n"
        "<w t=\"0\" id=\"1\" wp=\"1\" ws=\"1\"/>\n"
        "<p t=\"480\" d=\"2300\" w=\"1\"><s ac=\"0\">so</s><s t=\"240\" ac=\"0\"> today</s></p>\n"
        "<p t=\"2100\" d=\"680\" w=\"1\" a=\"1\">\n</p>\n"
        "<p t=\"2110\" d=\"1000\" w=\"1\">we<br/>knit &amp; &lt;purl&gt; &amp;amp;</p>\n"
        "<p t=\"2500\" w=\"1\" a=\"1\">more</p><p t=\"9000\" d=\"5\"/>\n</body></timedtext>",
        "480-2110 so today\n2110-3110 we knit & <purl> &amp; more\n");
}

static void test_srv2_is_read_as_srv3(void **state)
{
    (void)state;
    EXPECT(CAPTION_SRV3,
           "<timedtext><text t=\"480\" d=\"2300\">a</text><text t=\"3000\" "
           "d=\"1\">b</text></timedtext>",
           "480-2780 a\n3000-3001 b\n");
}

static void test_comments_cdata_and_instructions_are_stepped_over(void **state)
{
    (void)state;
    EXPECT(CAPTION_SRV1,
           "<!-- <transcript> --><?pi > ?><transcript><!-- <text start=\"0\">x</text> -->"
           "<text start=\"1\" dur=\"1\">a<!-- b --><![CDATA[ <c> & ]]><? d ?>e</text></transcript>",
           "1000-2000 a & e\n");
}

static void test_document_types_are_refused_wherever_they_are(void **state)
{
    (void)state;
    EXPECT_REFUSED(CAPTION_SRV1, "<!DOCTYPE transcript><transcript/>");
    EXPECT_REFUSED(CAPTION_SRV1,
                   "<transcript><text start=\"1\">a<!ENTITY x \"y\">b</text></transcript>");
    EXPECT_REFUSED(CAPTION_SRV3, "<timedtext><!doctype x></timedtext>");
    EXPECT_REFUSED(CAPTION_SNIFF, "<!DOCTYPE html><html></html>");
}

static void test_other_roots_are_refused_and_no_cues_are_no_captions(void **state)
{
    (void)state;
    EXPECT(CAPTION_SRV1, "<transcript/>", "");
    EXPECT(CAPTION_SRV3, "<timedtext format=\"3\"><body></body></timedtext>", "");
    EXPECT_REFUSED(CAPTION_SRV1, "<timedtext/>");
    EXPECT_REFUSED(CAPTION_SRV3, "<transcript/>");
    EXPECT_REFUSED(CAPTION_SRV1, "<html><body><text start=\"1\">a</text></body></html>");
    EXPECT_REFUSED(CAPTION_SRV1, "plain");
    EXPECT_REFUSED(CAPTION_SRV1, "");
    EXPECT_REFUSED(CAPTION_SRV1, "</transcript>");
}

static void test_a_file_cut_short_gives_what_was_whole(void **state)
{
    (void)state;
    EXPECT(CAPTION_SRV1,
           "<transcript><text start=\"1\" dur=\"1\">a</text><text start=\"2\" dur=\"1\">b",
           "1000-2000 a\n2000-3000 b\n");
    EXPECT(CAPTION_SRV1, "<transcript><text start=\"1\" dur=\"1\">a</text><text start=\"2",
           "1000-2000 a\n");
    EXPECT(CAPTION_SRV1, "<transcript><text start=\"1\" dur=\"1\">a &lt b &amp",
           "1000-2000 a < b &\n");
}

static void test_attributes_may_come_in_any_dress(void **state)
{
    (void)state;
    EXPECT(CAPTION_SRV3, "<timedtext><p x='d=\"9\"' bare d = '10' t\n=\n\"5\" q=>a</p></timedtext>",
           "5-15 a\n");
    EXPECT(CAPTION_SRV3, "<timedtext><p t=\"1\" note=\"a > b\" d=\"1\">x</p></timedtext>",
           "1-2 x\n");
    EXPECT(CAPTION_SRV3,
           "<timedtext><p t=\"99999999999999999999\" d=\"1\">x</p><p t=\"-5\" "
           "d=\"6\">y</p></timedtext>",
           "0-1 y\n");
}

static void test_many_open_brackets_cost_linear_time(void **state)
{
    (void)state;
    enum { N = 2000000 };
    char *text = malloc(N);
    assert_non_null(text);
    memset(text, '<', N);
    static const char head[] = "<transcript><text start=\"1\" dur=\"1\">a";
    memcpy(text, head, sizeof(head) - 1);
    struct captions c = {0};
    struct err e = {0};
    assert_true(captions_parse(text, N, CAPTION_SRV1, false, &c, &e));
    captions_release(&c);
    for (size_t i = sizeof(head); i + 1 < N; i += 2)
        text[i] = 'a'; /* now every bracket looks like the beginning of a tag */
    (void)captions_parse(text, N, CAPTION_SRV1, false, &c, &e);
    captions_release(&c);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_srv1_is_in_seconds_and_encoded_twice),
        cmocka_unit_test(test_srv1_without_duration_lasts_until_the_next),
        cmocka_unit_test(test_srv3_words_and_appended_lines_are_joined),
        cmocka_unit_test(test_srv2_is_read_as_srv3),
        cmocka_unit_test(test_comments_cdata_and_instructions_are_stepped_over),
        cmocka_unit_test(test_document_types_are_refused_wherever_they_are),
        cmocka_unit_test(test_other_roots_are_refused_and_no_cues_are_no_captions),
        cmocka_unit_test(test_a_file_cut_short_gives_what_was_whole),
        cmocka_unit_test(test_attributes_may_come_in_any_dress),
        cmocka_unit_test(test_many_open_brackets_cost_linear_time),
    };
    return cmocka_run_group_tests_name("srv", tests, NULL, NULL);
}
