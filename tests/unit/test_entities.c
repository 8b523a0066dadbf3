#include "unit.h"

#include "entities.h"

static void expect(enum entity_set set, const char *text, const char *wanted)
{
    auto_buf out = BUF_INIT(10000);
    entities_decode(text, strlen(text), set, &out);
    assert_string_equal(out.data, wanted);
}

static void test_html_names_and_numbers_are_decoded(void **state)
{
    (void)state;
    expect(ENTITIES_HTML, "Q&amp;A &lt;b&gt; &quot;x&quot; &apos;", "Q&A <b> \"x\" '");
    expect(ENTITIES_HTML, "&eacute;&Eacute;&euro;&hellip;", "\u00e9\u00c9\u20ac\u2026");
    expect(ENTITIES_HTML, "&#39;&#x41;&#X42;&#8364;", "'AB\u20ac");
    expect(ENTITIES_HTML, "&NotEqualTilde;", "\u2242\u0338");
    expect(ENTITIES_HTML, "&CounterClockwiseContourIntegral;", "\u2233");
}

static void test_html_knows_some_names_without_semicolon(void **state)
{
    (void)state;
    expect(ENTITIES_HTML, "AT&amp T&lt3 &copy2024", "AT& T<3 \u00a92024");
    expect(ENTITIES_HTML, "&notit; &notin; &notinx;", "\u00acit; \u2209 \u00acinx;");
    expect(ENTITIES_HTML, "&#65 &#x42g", "A Bg");
}

static void test_what_is_no_reference_stays(void **state)
{
    (void)state;
    expect(ENTITIES_HTML, "R&D & &; &# &#; &#x; &#xg; &bogus; &hearts &",
           "R&D & &; &# &#; &#x; &#xg; &bogus; &hearts &");
}

static void test_impossible_numbers_become_the_replacement_character(void **state)
{
    (void)state;
    expect(ENTITIES_HTML, "&#0;&#xD800;&#x110000;&#99999999999999999999;",
           "\uFFFD\uFFFD\uFFFD\uFFFD");
}

static void test_numbers_of_the_c1_range_mean_windows_1252(void **state)
{
    (void)state;
    expect(ENTITIES_HTML, "1&#150;2 &#x80;", "1\u20132 \u20ac");
}

static void test_xml_knows_five_names_and_wants_the_semicolon(void **state)
{
    (void)state;
    expect(ENTITIES_XML, "&amp;&lt;&gt;&quot;&apos;&#39;&#x27;", "&<>\"'''");
    expect(ENTITIES_XML, "&nbsp; &amp &#39 &eacute;", "&nbsp; &amp &#39 &eacute;");
    expect(ENTITIES_XML, "&amp;#39;", "&#39;");
}

static void test_srt_decodes_only_what_editors_write(void **state)
{
    (void)state;
    expect(ENTITIES_SRT, "&amp;&lt;&gt;&quot;&#39;|&nbsp;|", "&<>\"'|\u00a0|");
    expect(ENTITIES_SRT, "&eacute; &#65; &apos; R&D", "&eacute; &#65; &apos; R&D");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_html_names_and_numbers_are_decoded),
        cmocka_unit_test(test_html_knows_some_names_without_semicolon),
        cmocka_unit_test(test_what_is_no_reference_stays),
        cmocka_unit_test(test_impossible_numbers_become_the_replacement_character),
        cmocka_unit_test(test_numbers_of_the_c1_range_mean_windows_1252),
        cmocka_unit_test(test_xml_knows_five_names_and_wants_the_semicolon),
        cmocka_unit_test(test_srt_decodes_only_what_editors_write),
    };
    return cmocka_run_group_tests_name("entities", tests, NULL, NULL);
}
