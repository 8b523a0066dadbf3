/* test_run.c: a run as it is read from Redis' answers: whole ones and branches, one event and many. */
#include "unit.h"

#include "js.h"
#include "run.h"

#define RUN_ID "01JD0000000000000000000000"

static const struct function plain = {.id = "f"};
static const struct function batching = {.id = "f", .batch = {.max_size = 3}};

/* An answer of a list of texts, as the client library reads it. */
static redisReply *list(const char *const *words, size_t n)
{
    redisReader *reader = redisReaderCreate();
    struct buf b = BUF_INIT(8192);
    assert_true(buf_addf(&b, "*%zu\r\n", n));
    for (size_t i = 0; i < n; i++)
        assert_true(buf_addf(&b, "$%zu\r\n%s\r\n", strlen(words[i]), words[i]));
    void *reply = NULL;
    assert_int_equal(redisReaderFeed(reader, b.data, b.len), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    redisReaderFree(reader);
    buf_release(&b);
    return reply;
}

#define LIST(...)                                                                                  \
    list((const char *const[]){__VA_ARGS__}, ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

static struct run *read_run(const struct function *f, const char *ref, redisReply *hash,
                            const char *input, redisReply *steps)
{
    redisReply *text = LIST(input);
    struct run *r = run_from_replies(f, 2, "5-0", ref, hash, text->element[0], steps);
    freeReplyObject(text);
    freeReplyObject(hash);
    freeReplyObject(steps);
    return r;
}

static void test_a_whole_run(void **state)
{
    (void)state;
    struct run *r =
        read_run(&plain, RUN_ID,
                 LIST("fn", "f", "key", "me\nroom 1", "seq", "1", "try", "3", "st", "77", "fails",
                      "2", "cost", "0.25", "deaths", "4", "outlived", "1", "callee", "g", "held",
                      "speech\n123\n9\nit is down"),
                 "{\"id\":\"E\",\"data\":{\"x\":1}}", LIST("one", "{\"a\":1}", "two", "null"));
    struct err e;
    assert_non_null(r);
    assert_string_equal(r->id, RUN_ID);
    assert_string_equal(r->ref, RUN_ID);
    assert_int_equal(r->branch, -1);
    assert_string_equal(r->key, "me");
    assert_int_equal(r->try, 3);
    assert_int_equal(r->started_ms, 77);
    assert_int_equal(r->fails, 2);
    assert_int_equal(r->deaths, 4);
    assert_int_equal(r->outlived, 1);
    assert_string_equal(r->held, "speech");
    assert_int_equal(r->held_since_ms, 123);
    assert_int_equal(r->held_oks, 9);
    assert_true(r->cost_usd == 0.25);
    assert_string_equal(r->callee, "g");
    assert_false(r->has_parent);
    assert_false(r->has_error);
    assert_int_equal(json_object_size(r->results), 2);
    assert_true(run_open(r, &e));
    assert_int_equal(js_int(r->event, "data.x", 0), 1);
    assert_null(r->events);
    run_free(r);
}

static void test_a_run_that_has_not_begun(void **state)
{
    (void)state;
    struct run *r = read_run(&plain, RUN_ID, LIST("fn", "f", "key", ""), "{}", LIST("a", "1"));
    assert_int_equal(r->try, 1);
    assert_int_equal(r->started_ms, 0);
    assert_string_equal(r->key, "");
    run_free(r);
}

static bool is_invoked(const char *ends)
{
    struct run *r = read_run(&plain, RUN_ID, LIST("fn", "f", "ends", ends), "{}", LIST("a", "1"));
    bool invoked = r->has_parent;
    run_free(r);
    return invoked;
}

static void test_who_waits_for_the_outcome(void **state)
{
    (void)state;
    assert_true(is_invoked("parent 0\tR\tstep\n"));
    assert_true(is_invoked("timed\nparent 0\tR\tstep\n"));
    assert_false(is_invoked("timed\nlistens\n"));
    assert_false(is_invoked("single parent 1\n")); /* a key is any text */
    assert_false(is_invoked(""));
}

static void test_a_step_that_failed_elsewhere(void **state)
{
    (void)state;
    struct run *r =
        read_run(&plain, RUN_ID, LIST("fn", "f"), "{}", LIST("error:one", "{\"message\":\"no\"}"));
    assert_false(r->has_parent);
    assert_true(r->has_error);
    run_free(r);
}

static void test_a_branch_belongs_to_its_run(void **state)
{
    (void)state;
    struct run *r = read_run(&plain, RUN_ID ".99999", LIST("fn", "f", "branch", "99999"), "{}",
                             LIST("each:one", "[1,2]"));
    assert_non_null(r);
    assert_string_equal(r->id, RUN_ID);
    assert_string_equal(r->ref, RUN_ID ".99999");
    assert_int_equal(r->branch, 99999);
    assert_int_equal(r->accepted_ms, id_ms(RUN_ID));
    run_free(r);
}

static void test_what_branches_used_is_no_result(void **state)
{
    (void)state;
    struct run *r =
        read_run(&plain, RUN_ID, LIST("fn", "f", "fails", "1"), "{}",
                 LIST("one-0", "1", "used:one-0", "{\"fails\":2,\"deaths\":1,\"cost\":0.5}",
                      "used:one-1", "{\"fails\":1,\"deaths\":0,\"cost\":0.25}"));
    assert_int_equal(json_object_size(r->results), 1);
    assert_int_equal(r->fails, 1);
    assert_int_equal(r->branch_fails, 3);
    assert_int_equal(r->branch_deaths, 1);
    assert_true(r->branch_usd == 0.75);
    run_free(r);
}

static void test_names_that_are_none(void **state)
{
    (void)state;
    static const char *const names[] = {"",           "x",          "01JD000000000000000000000",
                                        RUN_ID ".",   RUN_ID ".x",  RUN_ID "x1",
                                        RUN_ID ".-1", RUN_ID ".1x", RUN_ID ".0123456789",
                                        RUN_ID "..1", RUN_ID ".1.2"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char id[ID_SIZE];
        int branch;
        if (run_read_ref(names[i], id, &branch))
            fail_msg("%s was taken for a run", names[i]);
    }
}

static void test_many_events(void **state)
{
    (void)state;
    struct err e;
    const char *events = "[{\"id\":\"A\"},{\"id\":\"B\"},{\"id\":\"C\"}]";
    struct run *r = read_run(&batching, RUN_ID, LIST("fn", "f"), events, LIST("a", "1"));
    assert_true(run_open(r, &e));
    assert_int_equal(json_array_size(r->events), 3);
    assert_string_equal(js_str(r->event, "id"), "A"); /* a batch is called by its first */
    run_free(r);
    r = read_run(&plain, RUN_ID, LIST("fn", "f"), events, LIST("a", "1"));
    assert_true(run_open(r, &e));
    assert_string_equal(js_str(r->event, "id"), "C"); /* of a debounce the last one counts */
    run_free(r);
}

static void test_inputs_that_are_none(void **state)
{
    (void)state;
    static const char *const inputs[] = {"", "{", "7", "null", "[]", "[7]", "[{},7]"};
    for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
        struct err e;
        struct run *r = read_run(&plain, RUN_ID, LIST("fn", "f"), inputs[i], LIST("a", "1"));
        assert_false(run_open(r, &e));
        assert_non_null(strstr(e.msg, "the run's input is damaged"));
        assert_true(json_is_object(r->event)); /* what a failure can still be written from */
        run_free(r);
    }
    redisReply *hash = LIST("fn", "f");
    struct run *r = run_from_replies(&plain, 0, "5-0", RUN_ID, hash, NULL, NULL);
    struct err e;
    assert_false(run_open(r, &e));
    assert_string_equal(e.msg, "the run's input is missing");
    run_free(r);
    freeReplyObject(hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_run),
        cmocka_unit_test(test_a_run_that_has_not_begun),
        cmocka_unit_test(test_who_waits_for_the_outcome),
        cmocka_unit_test(test_a_step_that_failed_elsewhere),
        cmocka_unit_test(test_a_branch_belongs_to_its_run),
        cmocka_unit_test(test_what_branches_used_is_no_result),
        cmocka_unit_test(test_names_that_are_none),
        cmocka_unit_test(test_many_events),
        cmocka_unit_test(test_inputs_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
