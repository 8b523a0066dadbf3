/* test_video_id.c: the ids that YouTube and Loom links hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "provider.h"

static void youtube(const char *input)
{
    char id[12] = "";
    if (!youtube_video_id(input, id) || strcmp(id, "dQx1_aB-9Zk") != 0)
        fail_msg("%s gave '%s'", input, id);
}

static void not_youtube(const char *input)
{
    char id[12] = "untouched";
    if (youtube_video_id(input, id))
        fail_msg("%s gave '%s'", input, id);
    assert_string_equal(id, "untouched");
}

static void test_every_form_of_a_youtube_link_is_understood(void **state)
{
    (void)state;
    static const char *const links[] = {
        "dQx1_aB-9Zk",
        "  dQx1_aB-9Zk\n",
        "https://www.youtube.com/watch?v=dQx1_aB-9Zk",
        "http://youtube.com/watch?v=dQx1_aB-9Zk",
        "//m.youtube.com/watch?v=dQx1_aB-9Zk",
        "youtube.com/watch?v=dQx1_aB-9Zk",
        "https://music.youtube.com/watch?list=PL1&v=dQx1_aB-9Zk&t=42s",
        "https://gaming.youtube.com/watch/?v=dQx1_aB-9Zk",
        "https://WWW.YouTube.COM/watch?v=dQx1_aB-9Zk",
        "https://www.youtube.com/watch?list=PL1&amp;v=dQx1_aB-9Zk",
        "https://www.youtube.com/movie?v=dQx1_aB-9Zk",
        "https://www.youtube.com/?v=dQx1_aB-9Zk",
        "https://www.youtube.com/#!v=dQx1_aB-9Zk",
        "https://www.youtube.com/watch#v=dQx1_aB-9Zk",
        "https://www.youtube.com/#/watch?v=dQx1_aB-9Zk",
        "https://www.youtube.com/embed/dQx1_aB-9Zk?autoplay=1",
        "https://www.youtube-nocookie.com/embed/dQx1_aB-9Zk",
        "https://www.youtubekids.com/watch?v=dQx1_aB-9Zk",
        "https://youtube.googleapis.com/v/dQx1_aB-9Zk",
        "https://www.youtube.com/e/dQx1_aB-9Zk",
        "https://www.youtube.com/shorts/dQx1_aB-9Zk",
        "https://www.youtube.com/live/dQx1_aB-9Zk?feature=share",
        "https://www.youtube.com/watch/dQx1_aB-9Zk",
        "https://youtu.be/dQx1_aB-9Zk",
        "https://youtu.be/dQx1_aB-9Zk?si=x&t=3",
        "youtu.be/dQx1_aB-9Zk/",
        "www.youtube.com/attribution_link?a=1&u=%2Fwatch%3Fv%3DdQx1_aB-9Zk%26feature%3Dshare",
        "consent.youtube.com/m?continue=https%3A%2F%2Fyoutube.com%2Fwatch%3Fv%3DdQx1_aB-9Zk&gl=DE",
        "https://www.youtube.com:443/watch?v=dQx1_aB-9Zk",
    };
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        youtube(links[i]);
}

static void test_what_is_no_youtube_video_is_refused(void **state)
{
    (void)state;
    static const char *const links[] = {
        "",
        "dQx1_aB-9Z",
        "dQx1_aB-9Zkk",
        "https://www.youtube.com/watch?v=dQx1_aB-9Zkk",
        "https://www.youtube.com/watch?v=dQx1_aB-9Z",
        "https://www.youtube.com/embed/videoseries?list=PL1",
        "https://www.youtube.com/embed/live_stream?channel=x",
        "https://www.youtube.com/playlist?list=PL1",
        "https://www.youtube.com/channel/UCinventedinventedinvent0",
        "https://www.youtube.com/@invented",
        "https://www.youtube.com/clip/dQx1_aB-9Zk",
        "https://youtube.com.evil.example/watch?v=dQx1_aB-9Zk",
        "https://notyoutube.com/watch?v=dQx1_aB-9Zk",
        "https://evil.example/?u=youtube.com/watch?v=dQx1_aB-9Zk",
        "https://youtube.com@evil.example/watch?v=dQx1_aB-9Zk",
        "https://vimeo.com/12345678901",
        "youtube.com/attribution_link?u=%2Fattribution_link%3Fu%3D%252Fwatch%253Fv%253DdQx1_aB-9Zk",
        "youtube.com/attribution_link?u=https%3A%2F%2Fevil.example%2Fwatch%3Fv%3DdQx1_aB-9Zk",
        "%",
        "https://",
        "https://youtu.be",
    };
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        not_youtube(links[i]);
    not_youtube(NULL);
}

static void test_loom_links(void **state)
{
    (void)state;
    static const char *const good[] = {
        "0123456789abcdef0123456789abcdef",
        "0123456789ABCDEF0123456789abcdef",
        "https://www.loom.com/share/0123456789abcdef0123456789abcdef",
        "https://loom.com/embed/0123456789abcdef0123456789abcdef?sid=1&t=12",
        "loom.com/v/0123456789abcdef0123456789abcdef",
        "https://www.loom.com/share/My-Talk-0123456789abcdef0123456789abcdef",
        " https://www.loom.com/share/0123456789abcdef0123456789abcdef \n",
    };
    static const char *const bad[] = {
        "",
        "0123456789abcdef0123456789abcde",
        "0123456789abcdef0123456789abcdef0",
        "0123456789abcdef0123456789abcdeg",
        "https://www.loom.com/share/folder/0123456789abcdef0123456789abcdef",
        "https://www.loom.com/looms/videos",
        "https://loom.com.evil.example/share/0123456789abcdef0123456789abcdef",
        "https://evil.example/loom.com/share/0123456789abcdef0123456789abcdef",
        "https://www.loom.com/share/ab0123456789abcdef0123456789abcdef",
    };
    char id[33];
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!loom_video_id(good[i], id) || strcmp(id, "0123456789abcdef0123456789abcdef") != 0)
            fail_msg("%s was not understood", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (loom_video_id(bad[i], id))
            fail_msg("%s gave '%s'", bad[i], id);
    assert_false(loom_video_id(NULL, id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form_of_a_youtube_link_is_understood),
        cmocka_unit_test(test_what_is_no_youtube_video_is_refused),
        cmocka_unit_test(test_loom_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
