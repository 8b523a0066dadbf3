/* test_playlist.c: captions out of HLS playlists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "playlist.h"

#define MEDIA(language, more, uri)                                                                 \
    "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"A, with =commas\"," more                    \
    "LANGUAGE=\"" language "\",URI=\"" uri "\"\n"

static void chooses(const char *text, const char *language, const char *expected)
{
    char uri[64] = "", code[16];
    assert_true(playlist_subtitles(text, language, uri, sizeof(uri), code, sizeof(code)));
    assert_string_equal(uri, expected);
}

static void chooses_nothing(const char *text)
{
    char uri[64], code[16];
    assert_false(playlist_subtitles(text, "en", uri, sizeof(uri), code, sizeof(code)));
}

static void test_the_best_subtitles_are_chosen(void **state)
{
    (void)state;
    const char *text =
        "#EXTM3U\r\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"audio.m3u8\"\r\n" MEDIA("de", "", "de.vtt")
            MEDIA("en-GB", "", "en.vtt") MEDIA("en", "FORCED=YES,", "forced.vtt");
    chooses(text, "de", "de.vtt");
    chooses(text, "en", "en.vtt");
    chooses(text, NULL, "en.vtt");
    chooses(MEDIA("fr", "", "fr.vtt") MEDIA("de", "DEFAULT=YES,", "de.vtt"), "pt", "de.vtt");
    chooses("#EXT-X-MEDIA:URI=\"x.vtt\",TYPE=SUBTITLES", NULL, "x.vtt");
}

static void test_the_language_is_given_back(void **state)
{
    (void)state;
    char uri[64], code[16];
    assert_true(
        playlist_subtitles(MEDIA("pt-BR", "", "a"), "pt", uri, sizeof(uri), code, sizeof(code)));
    assert_string_equal(code, "pt-BR");
}

static void test_what_is_broken_is_passed_over(void **state)
{
    (void)state;
    chooses_nothing("");
    chooses_nothing("#EXTM3U\n");
    chooses_nothing("#EXT-X-MEDIA:TYPE=SUBTITLES,LANGUAGE=\"en\"");
    chooses_nothing("#EXT-X-MEDIA:TYPE=SUBTITLES,URI=\"never closed");
    chooses_nothing("#EXT-X-MEDIA:TYPE=SUBTITLES,URI=\"\"");
    chooses_nothing("#EXT-X-MEDIA:=,=,==\n#EXT-X-MEDIA:");
    chooses_nothing(MEDIA(
        "en", "", "a-link-that-is-far-too-long-for-the-room-that-there-is-for-it-in-this-test"));
    chooses("#EXT-X-MEDIA:,,\n" MEDIA("en", "", "ok.vtt"), NULL, "ok.vtt");
}

static void test_pieces_come_in_order(void **state)
{
    (void)state;
    const char *text = "#EXTM3U\n#EXTINF:6.0,\r\na.vtt\r\n\n#EXTINF:6.0,\nb.vtt?x=1\n"
                       "a-link-that-is-too-long.vtt\n#EXT-X-ENDLIST";
    char uri[16];
    size_t pos = 0;
    assert_true(playlist_next_piece(text, &pos, uri, sizeof(uri)));
    assert_string_equal(uri, "a.vtt");
    assert_true(playlist_next_piece(text, &pos, uri, sizeof(uri)));
    assert_string_equal(uri, "b.vtt?x=1");
    assert_false(playlist_next_piece(text, &pos, uri, sizeof(uri)));
    assert_false(playlist_next_piece(text, &pos, uri, sizeof(uri)));
}

static void resolves(const char *base, const char *uri, const char *expected)
{
    char out[64];
    assert_true(playlist_resolve(base, uri, out, sizeof(out)));
    assert_string_equal(out, expected);
}

static void test_links_are_seen_from_their_playlist(void **state)
{
    (void)state;
    resolves("https://h/a/b.m3u8?t=1/2", "c.vtt", "https://h/a/c.vtt");
    resolves("https://h/a/b.m3u8", "/c.vtt", "https://h/c.vtt");
    resolves("https://h/a/b.m3u8", "//g/c.vtt", "https://g/c.vtt");
    resolves("https://h/a/b.m3u8", "https://g/c.vtt", "https://g/c.vtt");
    resolves("https://h", "c.vtt", "https://h/c.vtt");
    resolves("https://h?x", "c.vtt", "https://h/c.vtt");
    char out[8];
    assert_false(playlist_resolve("https://h/a", "c.vtt", out, sizeof(out)));
}

static void test_a_playlist_is_recognised(void **state)
{
    (void)state;
    assert_true(playlist_is_one("#EXTM3U\n"));
    assert_true(playlist_is_one("\xef\xbb\xbf#EXTM3U"));
    assert_false(playlist_is_one("WEBVTT"));
    assert_false(playlist_is_one(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_best_subtitles_are_chosen),
        cmocka_unit_test(test_the_language_is_given_back),
        cmocka_unit_test(test_what_is_broken_is_passed_over),
        cmocka_unit_test(test_pieces_come_in_order),
        cmocka_unit_test(test_links_are_seen_from_their_playlist),
        cmocka_unit_test(test_a_playlist_is_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
