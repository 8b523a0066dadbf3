/* test_start.c: which run an event starts, and the rules that go with it, as the script enqueue takes them. */
#include "unit.h"

#include "entry.h"
#include "js.h"
#include "scheduler/start.h"

#define HEAD                                                                                       \
    "{\"id\":\"f\",\"name\":\"f\",\"version\":1,\"triggers\":[\"a/b\"],\"limits\":[],\"steps\":[]"

static struct manifest *manifest_of(const char *members)
{
    char text[4096];
    struct err e;
    (void)snprintf(text, sizeof(text), HEAD "%s%s}", *members != '\0' ? "," : "", members);
    struct manifest *m = manifest_parse(text, strlen(text), 1, &e);
    if (m == NULL)
        fail_msg("%s", e.msg);
    return m;
}

/* The start of an event with that data in a function with those members. */
struct scene {
    redisReply *entry;
    struct event ev;
    struct manifest *fn;
    struct start start;
};

static void set_scene(struct scene *s, const char *members, const char *name, const char *data)
{
    struct err e;
    s->entry = entry_of("1700000000000-1", "name", name, "data", data, NULL);
    s->fn = manifest_of(members);
    if (!event_read(&s->ev, s->entry, "{c0}:events", true, "epoch", 4096, &e))
        fail_msg("%s", e.msg);
    start_make(&s->start, &s->ev, s->fn, 8);
}

static void clear_scene(struct scene *s)
{
    start_release(&s->start);
    manifest_free(s->fn);
    event_release(&s->ev);
    freeReplyObject(s->entry);
}

static void expect_rules(const struct scene *s, const char *const (*rules)[2])
{
    size_t n = 0;
    for (; rules[n][0] != NULL; n++) {
        assert_true(n < s->start.option_count);
        assert_string_equal(s->start.options[n].name, rules[n][0]);
        assert_string_equal(s->start.options[n].value, rules[n][1]);
    }
    assert_int_equal(s->start.option_count, n);
}
#define RULES(...)                                                                                 \
    (const char *const[][2])                                                                       \
    {                                                                                              \
        __VA_ARGS__                                                                                \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }

static void test_a_plain_functions_run_has_no_rules(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, "", "a/b", "{\"creatorId\":\"c\"}");
    start_add_rules(&s.start, &s.ev, START_ALL, 0);
    expect_rules(&s, RULES());
    assert_string_equal(s.start.key, "c");
    char run[ID_SIZE];
    id_derive(1700000000000, s.ev.id, "f", run);
    assert_string_equal(s.start.run, run);
    assert_int_equal(s.start.partition, id_partition("c", 1, 8));
    clear_scene(&s);
}

static void test_the_first_key_is_the_owner_and_decides_the_partition(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, "\"keys\":[\"data.team\",\"data.creatorId\",\"data.none\"]", "a/b",
              "{\"creatorId\":\"c\",\"team\":\"t\"}");
    assert_string_equal(s.start.key, "t\nc\n");
    assert_int_equal(s.start.partition, id_partition("t", 1, 8));
    clear_scene(&s);
}

static void test_a_handler_of_failures_counts_as_the_run_that_failed(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, "\"keys\":[\"data.creatorId\",\"data.function_id\"]", "inngest/function.failed",
              "{\"function_id\":\"x\",\"event\":{\"data\":{\"creatorId\":\"c\"}}}");
    assert_string_equal(s.start.key, "c\nx");
    clear_scene(&s);
}

static void test_every_rule_is_written_with_its_key(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s,
              "\"idempotency\":{\"key\":\"data.order\",\"period_ms\":5000},"
              "\"rateLimit\":{\"key\":\"data.creatorId\",\"max\":3,\"period_ms\":60000},"
              "\"throttle\":{\"max\":2,\"period_ms\":1000,\"burst\":4},"
              "\"debounce\":{\"key\":\"data.order\",\"period_ms\":700,\"max_wait_ms\":9000,\"keep_"
              "all\":true},"
              "\"priority\":\"data.rank * 100\","
              "\"singleton\":{\"mode\":\"cancel\",\"key\":\"data.creatorId\"},"
              "\"timeouts\":{\"start_ms\":100,\"finish_ms\":200}",
              "a/b", "{\"creatorId\":\"c\",\"order\":7,\"rank\":9}");
    start_add_rules(&s.start, &s.ev, START_ALL, 0);
    expect_rules(&s,
                 RULES({"once", "5000\n7"}, {"rate", "3\n60000\nc"}, {"throttle", "2\n1000\n4\n"},
                       {"debounce", "700\n9000\n1\n1700000000000\n7"}, {"priority", "600000"},
                       {"single", "cancel\nc"}, {"start_by", "100"}, {"finish_by", "200"}, ));
    assert_string_equal(start_collect_key(&s.start), "7");
    assert_true(start_keeps_all(&s.start));
    start_drop_rules(&s.start, START_GATES | START_SPREAD | START_COLLECTS);
    expect_rules(&s, RULES({"priority", "600000"}, {"single", "cancel\nc"}, {"start_by", "100"},
                           {"finish_by", "200"}, ));
    assert_null(start_collect_key(&s.start));
    clear_scene(&s);
}

static void test_rules_that_the_run_has_passed_are_left_out(void **state)
{
    (void)state;
    struct scene s;
    set_scene(
        &s,
        "\"rateLimit\":{\"max\":3,\"period_ms\":60000},\"throttle\":{\"max\":2,\"period_ms\":1000},"
        "\"batch\":{\"max_size\":10,\"timeout_ms\":500,\"key\":\"data.k\"}",
        "a/b", "{\"k\":\"v\"}");
    start_add_rules(&s.start, &s.ev, START_SPREAD, 0);
    expect_rules(&s, RULES({"throttle", "2\n1000\n1\n"}, ));
    start_drop_rules(&s.start, START_SPREAD);
    start_add_rules(&s.start, &s.ev, START_COLLECTS, 0);
    expect_rules(&s, RULES({"batch", "10\n500\nv"}, ));
    clear_scene(&s);
}

static void test_an_event_that_is_not_for_the_batch_starts_a_run_of_its_own(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, "\"batch\":{\"max_size\":10,\"timeout_ms\":500,\"only_if\":\"data.small\"}",
              "a/b", "{\"small\":false}");
    start_add_rules(&s.start, &s.ev, START_ALL, 0);
    expect_rules(&s, RULES());
    clear_scene(&s);
}

static void test_an_event_without_the_idempotency_key_is_like_no_other(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, "\"idempotency\":{\"key\":\"data.order\",\"period_ms\":5000}", "a/b", "{}");
    start_add_rules(&s.start, &s.ev, START_ALL, 0);
    expect_rules(&s, RULES());
    clear_scene(&s);
}

static void test_a_priority_is_at_most_ten_minutes_either_way(void **state)
{
    (void)state;
    static const struct {
        const char *data, *priority;
    } cases[] = {
        {"{\"rank\":1.5}", "1500"},     {"{\"rank\":-2}", "-2000"},    {"{\"rank\":1e9}", "600000"},
        {"{\"rank\":-1e9}", "-600000"}, {"{\"rank\":\"high\"}", NULL}, {"{}", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene s;
        set_scene(&s, "\"priority\":\"data.rank\"", "a/b", cases[i].data);
        start_add_rules(&s.start, &s.ev, START_ALL, 0);
        if (cases[i].priority == NULL)
            expect_rules(&s, RULES());
        else
            expect_rules(&s, RULES({"priority", cases[i].priority}, ));
        clear_scene(&s);
    }
}

static void test_a_run_listens_for_what_cancels_it(void **state)
{
    (void)state;
    struct scene s;
    char first[256], second[256];
    set_scene(&s,
              "\"cancelOn\":[{\"event\":\"a/stop\",\"match\":\"async.data.id == event.data.id\"},"
              "{\"event\":\"a/all\",\"timeout_ms\":5000}]",
              "a/b", "{\"id\":\"x\"}");
    start_add_rules(&s.start, &s.ev, START_ALL, 1000);
    assert_int_equal(s.start.option_count, 2);
    (void)snprintf(first, sizeof(first), "a/stop\ndata.id\nx\n0\n%s\n", s.ev.id);
    assert_int_equal(strncmp(s.start.options[0].value, first, strlen(first)), 0);
    const char *condition = s.start.options[0].value + strlen(first);
    struct err e;
    struct expr *bound = expr_compile(condition, EXPR_ASYNC, &e);
    auto_json *same = js_pack("{s:{s:s}}", "data", "id", "x"),
              *other = js_pack("{s:{s:s}}", "data", "id", "y");
    assert_non_null(bound);
    assert_true(expr_true(bound, NULL, same));
    assert_false(expr_true(bound, NULL, other));
    expr_free(bound);
    (void)snprintf(second, sizeof(second), "a/all\n\n\n4000\n%s\n", s.ev.id);
    assert_string_equal(s.start.options[1].value, second);
    clear_scene(&s);
}

static void test_what_cannot_come_or_is_over_is_not_listened_for(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s,
              "\"cancelOn\":[{\"event\":\"a/stop\",\"match\":\"event.data.id == 'y' && "
              "async.data.id == 'z'\"},"
              "{\"event\":\"a/all\",\"timeout_ms\":5000}]",
              "a/b", "{\"id\":\"x\"}");
    start_add_rules(&s.start, &s.ev, START_ALL, 5000);
    expect_rules(&s, RULES());
    clear_scene(&s);
}

static void test_times_that_began_before_are_shorter(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, "\"timeouts\":{\"start_ms\":1000,\"finish_ms\":5000}", "a/b", "{}");
    start_add_rules(&s.start, &s.ev, START_ALL, 4000);
    expect_rules(&s, RULES({"start_by", "1"}, {"finish_by", "1000"}, ));
    clear_scene(&s);
}

static void test_a_run_is_written_as_enqueue_takes_it(void **state)
{
    (void)state;
    struct scene s;
    struct kv_args a;
    static const char *const expected[] = {
        "f",     "c", "11", "22", "{}", "3", "throttle", "2\n1000\n1\n", "parent", "0\nrun\nstep",
        "begun", "1"};
    set_scene(&s, "\"throttle\":{\"max\":2,\"period_ms\":1000}", "a/b", "{\"creatorId\":\"c\"}");
    s.ev.orders.parent = "0\nrun\nstep";
    start_add_rules(&s.start, &s.ev, START_ALL, 0);
    s.start.begun = true;
    kv_args_init(&a);
    start_write(&a, &s.start, 11, 22, "{}", 2);
    assert_string_equal(a.v[0], s.start.run);
    assert_int_equal(a.n, ARRAY_LEN(expected) + 1);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_int_equal(a.len[i + 1], strlen(expected[i]));
        assert_memory_equal(a.v[i + 1], expected[i], a.len[i + 1]);
    }
    kv_args_release(&a);
    clear_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plain_functions_run_has_no_rules),
        cmocka_unit_test(test_the_first_key_is_the_owner_and_decides_the_partition),
        cmocka_unit_test(test_a_handler_of_failures_counts_as_the_run_that_failed),
        cmocka_unit_test(test_every_rule_is_written_with_its_key),
        cmocka_unit_test(test_rules_that_the_run_has_passed_are_left_out),
        cmocka_unit_test(test_an_event_that_is_not_for_the_batch_starts_a_run_of_its_own),
        cmocka_unit_test(test_an_event_without_the_idempotency_key_is_like_no_other),
        cmocka_unit_test(test_a_priority_is_at_most_ten_minutes_either_way),
        cmocka_unit_test(test_a_run_listens_for_what_cancels_it),
        cmocka_unit_test(test_what_cannot_come_or_is_over_is_not_listened_for),
        cmocka_unit_test(test_times_that_began_before_are_shorter),
        cmocka_unit_test(test_a_run_is_written_as_enqueue_takes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
