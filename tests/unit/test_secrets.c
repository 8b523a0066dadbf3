/* test_secrets.c: what is printed of an address holds nothing secret. */
#include "secrets.h"

#include "unit.h"

static void masks(void (*mask)(const char *, char *, size_t), const char *text,
                  const char *expected)
{
    char out[256];
    mask(text, out, sizeof(out));
    assert_string_equal(out, expected);
}

static void test_a_url_loses_its_password_and_its_query(void **state)
{
    (void)state;
    masks(url_mask, "redis://127.0.0.1:6379/2", "redis://127.0.0.1:6379/2");
    masks(url_mask, "redis://me:s3cret@h:1", "redis://me:***@h:1");
    masks(url_mask, "redis://:s3cret@h", "redis://:***@h");
    masks(url_mask, "https://me@h/v1", "https://me@h/v1");
    masks(url_mask, "https://u:p/a?b@h/v1?key=s3cret", "https://u:***@h/v1?***");
    masks(url_mask, "https://h/v1?key=s3cret", "https://h/v1?***");
    masks(url_mask, "", "");
}

static void test_a_connection_string_shows_where_and_who_only(void **state)
{
    (void)state;
    masks(conninfo_mask, "postgresql://me:s3cret@db:5433/app?sslpassword=other",
          "user=me dbname=app host=db port=5433");
    masks(conninfo_mask, "host=db user=me password='two words' sslpassword=x", "user=me host=db");
    masks(conninfo_mask, "nonsense secret", "(unreadable)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_url_loses_its_password_and_its_query),
        cmocka_unit_test(test_a_connection_string_shows_where_and_who_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
