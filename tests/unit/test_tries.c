/* test_tries.c: wrong keys: who is held up by whose. No test waits: tries come back with time, so what must be refused is tried until
 * it is, and what must be looked at is so at any time. */
#include "unit.h"

#include "compiler.h"
#include "console/tries.h"

enum { EACH = 10, ALL = 3000, FAR_MORE = 20000 };

static int64_t wait_ms;

/* The n-th of many addresses. */
static const char *address(int n)
{
    static char text[40];
    (void)snprintf(text, sizeof(text), "10.%d.%d.%d", n >> 16, n >> 8 & 255, n & 255);
    return text;
}

/* Whether `who` is refused after at most `most` wrong keys of its own. */
static bool is_refused_after(struct tries *t, const char *who, int most)
{
    for (int i = 0; i < most; i++) {
        if (!tries_left(t, who, &wait_ms))
            return true;
        tries_count(t, who);
    }
    return !tries_left(t, who, &wait_ms);
}

static void test_an_address_has_ten_tries(void **state)
{
    static struct tries *t;
    t = tries_new();
    for (int i = 0; i < EACH; i++) {
        assert_true(tries_left(t, "192.0.2.1", &wait_ms));
        tries_count(t, "192.0.2.1");
    }
    assert_true(is_refused_after(t, "192.0.2.1", ALL));
    assert_true(wait_ms >= 0 && wait_ms <= 6000);
    assert_true(tries_left(t, "192.0.2.2", &wait_ms));
}

static void test_the_addresses_of_a_network_are_one(void **state)
{
    static struct tries *t;
    t = tries_new();
    for (int i = 0; i < FAR_MORE && tries_left(t, "2001:db8:0:1::9", &wait_ms); i++) {
        char text[40];
        (void)snprintf(text, sizeof(text), "2001:db8:0:1:%x::%x", i % 7, i);
        tries_count(t, text);
    }
    assert_true(is_refused_after(t, "2001:db8:0:1:ffff:ffff:ffff:ffff", 1));
    assert_true(tries_left(t, "2001:db8:0:2::9", &wait_ms));
}

/* Whether `who`, who has had a try, is refused for those of others. */
static bool is_refused_after_all(struct tries *t, const char *who)
{
    for (int i = 0; i < FAR_MORE; i++) {
        if (!tries_left(t, who, &wait_ms))
            return true;
        tries_count(t, address(i % (ALL / EACH)));
    }
    return false;
}

static void test_past_the_tries_of_all_an_address_has_one(void **state)
{
    static struct tries *t;
    t = tries_new();
    tries_count(t, "192.0.2.1");
    assert_true(is_refused_after_all(t, "192.0.2.1"));
    int fresh = 0;
    for (int i = 0; i < 50; i++)
        fresh += tries_left(t, address(FAR_MORE + i), &wait_ms);
    assert_true(fresh >= 45); /* but for one that has both of its buckets in common with others */
    tries_count(t, "192.0.2.2");
    assert_true(is_refused_after_all(t, "192.0.2.2"));
}

/* Of two buckets of 65,536 each: when 3,000 addresses have emptied theirs, about 8.6 % of all are empty. One bucket would refuse as many
 * of the other addresses, either of two 16 %, both 0.7 %. */
static void test_an_address_is_refused_for_both_of_its_buckets_only(void **state)
{
    enum { ASKED = 4000, OTHERS = 3000 };
    static struct tries *t;
    int refused = 0;
    t = tries_new();
    for (int i = 0; i < OTHERS; i++) {
        for (int n = 0; n < EACH; n++)
            tries_count(t, address(i));
    }
    for (int i = 0; i < ASKED; i++)
        refused += !tries_left(t, address(FAR_MORE + i), &wait_ms);
    assert_true(refused < ASKED / 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address_has_ten_tries),
        cmocka_unit_test(test_the_addresses_of_a_network_are_one),
        cmocka_unit_test(test_past_the_tries_of_all_an_address_has_one),
        cmocka_unit_test(test_an_address_is_refused_for_both_of_its_buckets_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
