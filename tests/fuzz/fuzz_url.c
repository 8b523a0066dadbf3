/* fuzz_url.c: any line as a URL to fetch, as the address of Redis, and as what users paste for a video. */
#include <ctype.h>
#include <string.h>

#include "fuzz.h"
#include "kv_url.h"
#include "provider.h"
#include "url.h"

static const char *const hosts[] = {"example.com", "loom.com", NULL};

/* A URL that an untrusted source gave and that passes is https to a name of the list, without a user. (One to three slashes
 * are the same to curl.) */
static void check_fetch(const char *url)
{
    struct err e = {0};
    if (!url_check(url, true, hosts, &e)) {
        require_error(&e, FAILS_AS(ERR_PERMANENT));
        return;
    }
    require(strncasecmp(url, "https:/", 7) == 0);
    const char *host = url + 6 + strspn(url + 6, "/");
    size_t len = strcspn(host, "/?#\\");
    require(memchr(host, '@', len) == NULL && memchr(host, '[', len) == NULL);
    for (size_t i = 0; i < len; i++)
        require((unsigned char)host[i] > ' ');
    require(strcasestr(host, "example.com") != NULL || strcasestr(host, "loom.com") != NULL);
    require(url_check(url, true, NULL, &e) && url_check(url, false, NULL, &e));
}

static void check_place(const char *url)
{
    char place[64];
    url_place(url, place, sizeof(place));
    require(strchr(place, '?') == NULL);
    for (const char *p = place; *p != '\0'; p++)
        require((unsigned char)*p >= ' ' && *p != 0x7F);
}

static void check_encoding(const char *text)
{
    auto_buf b = BUF_INIT(1 << 20);
    char joined[256];
    if (http_encode(&b, text, false)) {
        for (size_t i = 0; i < b.len; i++)
            require(isalnum((unsigned char)b.data[i]) || strchr("-._~%", b.data[i]) != NULL);
        require(b.len >= strlen(text) && b.len <= 3 * strlen(text));
    }
    if (http_join(joined, sizeof(joined), "https://example.com/", text))
        require(strncmp(joined, "https://example.com/", 20) == 0);
}

static void check_redis(const char *text)
{
    struct kv_url u = {0};
    struct err e = {0};
    if (!kv_url_parse(&u, text, &e)) {
        require_error(&e, FAILS_AS(ERR_INPUT));
        return;
    }
    require(u.seed_count >= 1 && u.seed_count <= KV_MAX_SEEDS && u.db >= 0);
    for (int i = 0; i < u.seed_count; i++)
        require(u.seeds[i].host[0] != '\0' && u.seeds[i].port > 0 && u.seeds[i].port < 65536);
    kv_url_release(&u);
}

static void check_video(const char *text)
{
    char id[33], again[33];
    if (youtube_video_id(text, id)) {
        require(strlen(id) == 11 && youtube_video_id(id, again) && strcmp(id, again) == 0);
    }
    if (loom_video_id(text, id)) {
        require(strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32);
        require(loom_video_id(id, again) && strcmp(id, again) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {(const char *)data, (const char *)data + size};
    auto_free char *text = input_text(&in);
    check_fetch(text);
    check_place(text);
    check_encoding(text);
    check_redis(text);
    check_video(text);
    return 0;
}
