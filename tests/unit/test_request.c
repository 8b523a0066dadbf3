/* test_request.c: the last answer that a request is given is the one that is sent. */
#include "unit.h"

#include "console/request.h"

static void test_an_answer_takes_the_place_of_a_borrowed_one(void **state)
{
    struct request r = {0};
    reply_text(&r, 200, "text/plain", "borrowed", 8);
    reply_error(&r, 400, "invalid_input", "x", "x is wrong");
    assert_int_equal(r.reply.status, 400);
    assert_null(r.reply.borrowed);
    assert_non_null(strstr(r.reply.body, "x is wrong"));
    reply_text(&r, 200, "text/plain", "borrowed", 8);
    assert_null(r.reply.body);
    assert_string_equal(r.reply.borrowed, "borrowed");
    request_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_takes_the_place_of_a_borrowed_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
