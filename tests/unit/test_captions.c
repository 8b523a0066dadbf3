#include "unit.h"

#include "caption_check.h"
#include "js.h"
#include "prng.h"
#include "utf8.h"

static void add(struct captions *c, int64_t start, int64_t end, const char *text)
{
    captions_add(c, start, end, text, strlen(text));
}

static void expect(struct captions *c, const char *wanted)
{
    auto_free char *found = captions_show(c);
    captions_release(c);
    assert_string_equal(found, wanted);
}

static void test_finishing_orders_by_start_and_keeps_ties_in_place(void **state)
{
    (void)state;
    struct captions c = {0};
    add(&c, 3000, 4000, "c");
    add(&c, 1000, 2000, "a");
    add(&c, 3000, 3500, "d");
    add(&c, 2000, 3000, "b");
    captions_finish(&c, false);
    expect(&c, "1000-2000 a\n2000-3000 b\n3000-4000 c\n3000-3500 d\n");
}

static void test_finishing_mends_times(void **state)
{
    (void)state;
    struct captions c = {0};
    add(&c, -500, 200, "negative");
    add(&c, 5000, 4000, "backwards");
    add(&c, INT64_C(8) * 24 * 3600000, INT64_C(8) * 24 * 3600000 + 1, "next week");
    add(&c, INT64_MIN, INT64_MAX, "endless");
    captions_finish(&c, false);
    expect(&c, "0-200 negative\n0-0 endless\n5000-5000 backwards\n");
}

static void test_finishing_folds_every_white_space(void **state)
{
    (void)state;
    struct captions c = {0};
    add(&c, 0, 1, " \t a\u00a0\u3000b\u200bc\r\n\n d\ufeff\u2028 e\x01\x7f ");
    add(&c, 1, 2, " \u00a0\u200b\n");
    add(&c, 1, 2, "");
    captions_finish(&c, false);
    expect(&c, "0-1 a bc d e\n");
}

static void test_overlaps_are_cut_for_automatic_captions_only(void **state)
{
    (void)state;
    for (int automatic = 0; automatic < 2; automatic++) {
        struct captions c = {0};
        add(&c, 0, 5000, "one");
        add(&c, 2000, 6000, "two");
        captions_finish(&c, automatic != 0);
        expect(&c, automatic ? "0-2000 one\n2000-6000 two\n" : "0-5000 one\n2000-6000 two\n");
    }
}

static void test_repetition_is_removed_by_lines_and_only_when_close(void **state)
{
    (void)state;
    struct captions c = {0};
    add(&c, 0, 1000, "No. No.");         /* within one cue: said twice */
    add(&c, 1500, 2000, "No. No.\nYes"); /* rolled on */
    add(&c, 2000, 3000, "Yes\nMaybe\nYes");
    add(&c, 5000, 6000, "Yes\nMaybe"); /* said again later */
    add(&c, 6000, 7000, "Maybe not");  /* begins alike, another line */
    captions_finish(&c, false);
    expect(&c, "0-1000 No. No.\n1500-2000 Yes\n2000-3000 Maybe Yes\n5000-6000 Yes Maybe\n"
               "6000-7000 Maybe not\n");
}

static void test_a_wholly_repeated_caption_lengthens_the_one_before(void **state)
{
    (void)state;
    struct captions c = {0};
    add(&c, 0, 1000, "a\nb");
    add(&c, 1000, 3000, "b");
    add(&c, 3000, 4000, "b\nc");
    captions_finish(&c, true);
    expect(&c, "0-3000 a b\n3000-4000 c\n");
}

static void test_formats_are_told_apart_by_their_beginning(void **state)
{
    (void)state;
    EXPECT(CAPTION_SNIFF, "WEBVTT\n\n00:01.000 --> 00:02.000\na", "1000-2000 a\n");
    EXPECT(CAPTION_SNIFF, "\xEF\xBB\xBFWEBVTT\n\n00:01.000 --> 00:02.000\na", "1000-2000 a\n");
    EXPECT(CAPTION_SNIFF, "1\n00:00:01,000 --> 00:00:02,000\na", "1000-2000 a\n");
    EXPECT(CAPTION_SNIFF, " {\"events\":[{\"dDurationMs\":2,\"segs\":[{\"utf8\":\"a\"}]}]}",
           "0-2 a\n");
    EXPECT(CAPTION_SNIFF, "\xEF\xBB\xBF{\"phrases\":[{\"ts\":1,\"value\":\"a\"}]}",
           "1000-4000 a\n");
    EXPECT(CAPTION_SNIFF, "\n<transcript><text start=\"1\" dur=\"1\">a</text></transcript>",
           "1000-2000 a\n");
    EXPECT(CAPTION_SNIFF, "<timedtext><body><p t=\"1\" d=\"1\">a</p></body></timedtext>",
           "1-2 a\n");
    /* a WebVTT file with a broken signature is read as leniently as SubRip */
    EXPECT(CAPTION_SNIFF, " WEBVTT\n\n00:00:01.000 --> 00:00:02.000\na", "1000-2000 a\n");
    EXPECT_REFUSED(CAPTION_SNIFF, "");
    EXPECT_REFUSED(CAPTION_SNIFF, " \n ");
    EXPECT_REFUSED(CAPTION_SNIFF, "<html><title>Sorry</title></html>");
    EXPECT_REFUSED(CAPTION_SNIFF, "{\"error\":1}");
    EXPECT_REFUSED(CAPTION_SNIFF, "Too many requests");
}

static void test_a_file_over_the_limit_is_refused(void **state)
{
    (void)state;
    size_t len = ((size_t)32 << 20) + 1;
    char *text = calloc(1, len);
    assert_non_null(text);
    expect_refused_of(text, len, CAPTION_VTT);
    free(text);
}

static void test_the_text_is_joined_by_single_spaces(void **state)
{
    (void)state;
    struct captions c = {0};
    auto_free char *none = captions_text(&c);
    assert_string_equal(none, "");
    add(&c, 0, 1, "a b");
    add(&c, 1, 2, "c");
    auto_free char *text = captions_text(&c);
    assert_string_equal(text, "a b c");
    captions_release(&c);
}

static void test_json_and_back_gives_the_same(void **state)
{
    (void)state;
    struct captions c = {0}, back = {0};
    struct err e = {0};
    add(&c, 0, 1000, "A");
    add(&c, 1000, 2000, "A"); /* kept: finishing happened before storing */
    add(&c, 2000, 604800000, "caf\u00e9 \"quoted\"");
    auto_json *j = captions_to_json(&c);
    auto_free char *text = js_dump(j, NULL);
    assert_string_equal(
        text, "[[0,1000,\"A\"],[1000,2000,\"A\"],[2000,604800000,\"caf\u00e9 \\\"quoted\\\"\"]]");
    assert_true(captions_from_json(j, &back, &e));
    auto_free char *wanted = captions_show(&c);
    captions_release(&c);
    expect(&back, wanted);
}

static void test_from_json_skips_what_does_not_fit(void **state)
{
    (void)state;
    static const char text[] =
        "[1,null,[],[1,2],[\"1\",2,\"x\"],[1,2,3],[5,4,\"backwards\"],[1.6,3,\" a\\nb \"],"
        "[0,1,\"\"],[1e300,1e301,\"far\"],[-5,1,\"early\",\"extra\"]]";
    struct err e = {0};
    struct captions c = {0};
    auto_json *j = js_parse(text, strlen(text), &e);
    assert_true(captions_from_json(j, &c, &e));
    expect(&c, "0-1 early\n2-3 a b\n5-5 backwards\n");
    auto_json *object = json_object();
    assert_false(captions_from_json(object, &c, &e));
    assert_int_equal(e.code, ERR_INPUT);
    assert_false(captions_from_json(NULL, &c, &e));
}

static void test_release_leaves_an_empty_list_to_use_again(void **state)
{
    (void)state;
    struct captions c = {0};
    captions_release(&c);
    add(&c, 0, 1, "a");
    captions_release(&c);
    assert_int_equal(c.len, 0);
    captions_release(&c);
}

/* ---- properties ---- */

static void check_invariants(const struct captions *c)
{
    for (size_t i = 0; i < c->len; i++) {
        const struct caption *it = &c->items[i];
        size_t len = strlen(it->text);
        assert_true(it->start_ms >= 0 && it->end_ms >= it->start_ms);
        assert_true(i == 0 || it[-1].start_ms <= it->start_ms);
        assert_true(len > 0 && utf8_is_valid(it->text, len));
        bool after_space = true; /* also: no space at the beginning */
        for (size_t k = 0; k < len;) {
            uint32_t cp;
            k += utf8_decode(it->text + k, len - k, &cp);
            assert_true(!utf8_is_invisible(cp));
            assert_true(!utf8_is_space(cp) || (cp == ' ' && !after_space));
            after_space = cp == ' ';
        }
        assert_false(after_space);
    }
}

static void parse_and_check(const char *text, size_t len, enum caption_format format,
                            bool automatic)
{
    char *exact = malloc(len > 0 ? len : 1); /* a sanitizer sees any byte read past the end */
    assert_non_null(exact);
    memcpy(exact, text, len);
    struct captions c = {0};
    struct err e = {0};
    if (captions_parse(exact, len, format, automatic, &c, &e)) {
        check_invariants(&c);
        struct captions back = {0};
        auto_json *j = captions_to_json(&c);
        assert_true(captions_from_json(j, &back, &e));
        assert_int_equal(back.len, c.len);
        for (size_t i = 0; i < c.len; i++)
            assert_string_equal(back.items[i].text, c.items[i].text);
        captions_release(&back);
    } else {
        assert_int_equal(e.code, ERR_INPUT);
        assert_int_equal(c.len, 0);
    }
    captions_release(&c);
    free(exact);
}

static const char *const pieces[] = {
    "WEBVTT",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    " ",
    "-->",
    " --> ",
    "00:00:01.000",
    "00:01.500",
    "00:00:02,5",
    "1",
    "42",
    "99:99",
    "NOTE",
    "STYLE",
    "<",
    ">",
    "</",
    "<b>",
    "<rt>",
    "<ruby>",
    "<c.x>",
    "{",
    "}",
    "{\\an8}",
    "&",
    "&amp;",
    "&lt;",
    "&#39;",
    "&#x110000;",
    "&notin",
    ";",
    "hello",
    "world",
    "caf\xC3\xA9",
    "\xC3",
    "\xFF",
    "\xE2\x80\x8B",
    "\xC2\xA0",
    "\xEF\xBB\xBF",
    "<transcript>",
    "</transcript>",
    "<timedtext>",
    "<text start=\"",
    "\" dur=\"1.5\">",
    "</text>",
    "<p t=\"100\" d=\"200\">",
    "<p t=\"150\" a=\"1\">",
    "</p>",
    "<s>",
    "<br/>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE",
    "<?",
    "?>",
    "'",
    "\"",
    "=",
    "/",
    "{\"events\":[",
    "{\"tStartMs\":",
    "\"dDurationMs\":",
    "\"segs\":[{\"utf8\":\"",
    "\"}]}",
    ",",
    "]}",
    "{\"phrases\":[{\"ts\":",
    "\"value\":\"",
    "\\u0000",
    "\\ud83c",
    "\\n",
    "9223372036854775807",
    "-1",
    "1e9",
    "No.",
};

static size_t make_soup(struct prng *r, char *out, size_t room)
{
    size_t len = 0, count = prng_below(r, 60);
    for (size_t i = 0; i < count; i++) {
        const char *piece = pieces[prng_below(r, ARRAY_LEN(pieces))];
        size_t n = strlen(piece);
        if (len + n + 1 > room)
            break;
        memcpy(out + len, piece, n);
        len += n;
        if (prng_below(r, 20) == 0)
            out[len++] = (char)prng_next(r);
    }
    return len;
}

static void test_any_soup_of_pieces_gives_good_captions_or_a_refusal(void **state)
{
    (void)state;
    struct prng r = {42};
    char text[4096];
    for (int round = 0; round < 60000; round++) {
        /* most rounds begin as the format does, so that the parser gets to see the rest */
        static const char *const heads[] = {"",
                                            "WEBVTT\n\n",
                                            "1\n00:00:01,0 --> 00:00:02,0\n",
                                            "{\"events\":[{\"segs\":[{\"utf8\":\"",
                                            "<transcript><text start=\"1\">",
                                            "<timedtext><p t=\"1\">",
                                            "{\"phrases\":[{\"ts\":1,\"value\":\""};
        enum caption_format format = (enum caption_format)prng_below(&r, CAPTION_PHRASES + 1);
        const char *head = prng_below(&r, 5) > 0 ? heads[format] : "";
        size_t n = strlen(head);
        memcpy(text, head, n);
        n += make_soup(&r, text + n, sizeof(text) - n);
        parse_and_check(text, n, format, prng_below(&r, 2) == 0);
    }
}

static void test_any_bytes_give_good_captions_or_a_refusal(void **state)
{
    (void)state;
    struct prng r = {43};
    char text[300];
    for (int round = 0; round < 30000; round++) {
        size_t len = prng_below(&r, sizeof(text));
        for (size_t i = 0; i < len; i++)
            text[i] = (char)prng_next(&r);
        parse_and_check(text, len, (enum caption_format)prng_below(&r, CAPTION_PHRASES + 1), true);
    }
}

/* Good files with a few bytes changed, cut out or doubled. */
static void test_damaged_files_give_good_captions_or_a_refusal(void **state)
{
    (void)state;
    static const char *const files[] = {
        "WEBVTT\n\nNOTE x\n\n1\n00:00:01.000 --> 00:00:02.500 align:start\nHello <b>you</b> &amp; "
        "me\n\n00:03.000 --> 00:04.000\n<v Ann>Bye\n",
        "1\n00:00:01,000 --> 00:00:02,500\nHello\n\n2\n00:00:03,000 --> 00:00:04,000\n<i>Bye</i> "
        "{\\an8}\n",
        "{\"events\":[{\"tStartMs\":480,\"dDurationMs\":4000,\"segs\":[{\"utf8\":\"so\"},{\"utf8\":"
        "\" \\u00e9\"}]},{\"tStartMs\":500,\"aAppend\":1,\"segs\":[{\"utf8\":\"x\"}]}]}",
        "<?xml version=\"1.0\"?><transcript><text start=\"0.12\" dur=\"2.5\">it&amp;#39;s "
        "<![CDATA[a]]></text><!-- c --><text start=\"3\">b</text></transcript>",
        "<timedtext format=\"3\"><body><p t=\"480\" d=\"2300\"><s>so</s><s t=\"2\"> t</s></p><p "
        "t=\"500\" a=\"1\">x<br/></p></body></timedtext>",
        "{\"phrases\":[{\"ts\":0.011,\"value\":\" Hello \"},{\"ts\":2,\"value\":\"b\"}]}",
    };
    struct prng r = {44};
    for (int round = 0; round < 40000; round++) {
        char text[600];
        const char *file = files[prng_below(&r, ARRAY_LEN(files))];
        size_t len = strlen(file);
        memcpy(text, file, len);
        for (size_t k = prng_below(&r, 4) + 1; k > 0; k--) {
            size_t at = prng_below(&r, len);
            switch (prng_below(&r, 4)) {
            case 0:
                text[at] = (char)prng_next(&r);
                break;
            case 1:
                len = at + 1;
                break;
            case 2:
                memmove(text + at, text + at + 1, len - at - 1);
                len = len > 1 ? len - 1 : 1;
                break;
            default:
                memmove(text + at + 1, text + at, len - at);
                len++;
            }
        }
        parse_and_check(text, len, CAPTION_SNIFF, prng_below(&r, 2) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finishing_orders_by_start_and_keeps_ties_in_place),
        cmocka_unit_test(test_finishing_mends_times),
        cmocka_unit_test(test_finishing_folds_every_white_space),
        cmocka_unit_test(test_overlaps_are_cut_for_automatic_captions_only),
        cmocka_unit_test(test_repetition_is_removed_by_lines_and_only_when_close),
        cmocka_unit_test(test_a_wholly_repeated_caption_lengthens_the_one_before),
        cmocka_unit_test(test_formats_are_told_apart_by_their_beginning),
        cmocka_unit_test(test_a_file_over_the_limit_is_refused),
        cmocka_unit_test(test_the_text_is_joined_by_single_spaces),
        cmocka_unit_test(test_json_and_back_gives_the_same),
        cmocka_unit_test(test_from_json_skips_what_does_not_fit),
        cmocka_unit_test(test_release_leaves_an_empty_list_to_use_again),
        cmocka_unit_test(test_any_soup_of_pieces_gives_good_captions_or_a_refusal),
        cmocka_unit_test(test_any_bytes_give_good_captions_or_a_refusal),
        cmocka_unit_test(test_damaged_files_give_good_captions_or_a_refusal),
    };
    return cmocka_run_group_tests_name("captions", tests, NULL, NULL);
}
