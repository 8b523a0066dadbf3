/* test_url.c: which URLs and addresses a worker may be made to fetch. */
#include <setjmp.h>
#include <stdarg.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "http.h"
#include "url.h"

static bool allowed(const char *url, const char *const *hosts)
{
    struct err e;
    return url_check(url, true, hosts, &e);
}

static void test_a_public_https_url_may_be_fetched(void **state)
{
    (void)state;
    assert_true(allowed("https://cdn.example.com/a.vtt?sig=1", NULL));
    assert_true(allowed("https://example.com:443/", NULL));
}

static void test_everything_odd_about_a_url_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "example.com/a",
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "https://user@example.com/",
        "https://user:pw@example.com/",
        "https://example.com:8443/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://8.8.8.8/",
        "https://[::1]/",
        "https://[2606:4700::1111]/",
        "https://exa mple.com/",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (allowed(bad[i], NULL))
            fail_msg("%s was allowed", bad[i]);
}

static void test_hosts_match_at_a_label_boundary(void **state)
{
    (void)state;
    static const char *const hosts[] = {"loom.com", "mux.com", NULL};
    assert_true(allowed("https://loom.com/", hosts));
    assert_true(allowed("https://cdn.LOOM.com/x", hosts));
    assert_true(allowed("https://stream.mux.com/x", hosts));
    assert_false(allowed("https://evilloom.com/", hosts));
    assert_false(allowed("https://loom.com.evil.example/", hosts));
    assert_false(allowed("https://example.com/?loom.com", hosts));
}

static void test_a_trusted_base_may_be_local_and_plain(void **state)
{
    (void)state;
    static const char *const hosts[] = {"loom.com", NULL};
    http_trust_base("http://127.0.0.1:18080/loom");
    assert_true(allowed("http://127.0.0.1:18080/other", hosts));
    assert_true(url_is_trusted("http://127.0.0.1:18080"));
    assert_false(allowed("http://127.0.0.1:18081/", NULL));
    assert_false(allowed("http://user@127.0.0.1:18080/", NULL));
    assert_false(url_is_trusted("http://127.0.0.1/"));
}

static bool is_public(const char *ip)
{
    struct sockaddr_in a4 = {.sin_family = AF_INET};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, ip, &a4.sin_addr) == 1)
        return address_is_public((struct sockaddr *)&a4);
    assert_int_equal(inet_pton(AF_INET6, ip, &a6.sin6_addr), 1);
    return address_is_public((struct sockaddr *)&a6);
}

static void test_only_public_addresses_are_public(void **state)
{
    (void)state;
    static const char *const closed[] = {
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "192.0.0.192",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001::1",
        "2001:db8::1",
        "3fff::1",
        "fec0::1",
        "64:ff9b:1::1",
        "fe80::a9fe:a9fe",
        "::ffff:169.254.169.254",
        "::ffff:10.0.0.1",
        "2002:7f00:1::1",
        "64:ff9b::7f00:1",
        "::127.0.0.1",
    };
    static const char *const open[] = {
        "8.8.8.8",     "1.1.1.1",         "172.15.255.255",  "172.32.0.1",   "100.63.255.255",
        "100.128.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808",
    };
    for (size_t i = 0; i < ARRAY_LEN(closed); i++)
        if (is_public(closed[i]))
            fail_msg("%s counts as public", closed[i]);
    for (size_t i = 0; i < ARRAY_LEN(open); i++)
        if (!is_public(open[i]))
            fail_msg("%s does not count as public", open[i]);
    struct sockaddr local = {.sa_family = AF_UNIX};
    assert_false(address_is_public(&local));
}

static void test_a_place_shows_no_query(void **state)
{
    (void)state;
    char out[128];
    url_place("https://cdn.example.com:443/a/b.vtt?Signature=secret#x", out, sizeof(out));
    assert_string_equal(out, "cdn.example.com/a/b.vtt");
    url_place("https://a%7fb.example.com/c", out, sizeof(out));
    assert_string_equal(out, "a_b.example.com/c");
    url_place("::", out, sizeof(out));
    assert_string_equal(out, "(unreadable URL)");
}

static void test_join_makes_exactly_one_slash(void **state)
{
    (void)state;
    char out[32];
    assert_true(http_join(out, sizeof(out), "http://h/p/", "/a"));
    assert_string_equal(out, "http://h/p/a");
    assert_true(http_join(out, sizeof(out), "http://h", "a"));
    assert_string_equal(out, "http://h/a");
    assert_false(http_join(out, 8, "http://h", "a"));
}

static void test_encode_leaves_unreserved_characters(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(64);
    assert_true(http_encode(&b, "a b/c+d?~.\xc3\xa9", true));
    assert_string_equal(b.data, "a%20b/c%2Bd%3F~.%C3%A9");
    buf_clear(&b);
    assert_true(http_encode(&b, "a/b", false));
    assert_string_equal(b.data, "a%2Fb");
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_public_https_url_may_be_fetched),
        cmocka_unit_test(test_everything_odd_about_a_url_is_refused),
        cmocka_unit_test(test_hosts_match_at_a_label_boundary),
        cmocka_unit_test(test_a_trusted_base_may_be_local_and_plain),
        cmocka_unit_test(test_only_public_addresses_are_public),
        cmocka_unit_test(test_a_place_shows_no_query),
        cmocka_unit_test(test_join_makes_exactly_one_slash),
        cmocka_unit_test(test_encode_leaves_unreserved_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
