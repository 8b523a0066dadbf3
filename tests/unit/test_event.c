/* test_event.c: what an entry of a stream is read as, and how far each is trusted. */
#include "unit.h"

#include "entry.h"
#include "js.h"
#include "scheduler/event.h"

static const char RUN[] = "01KB8XM4Z0ABCDEFGHJKMNPQRS";

enum door { PUBLIC, ENGINE };

static bool read_entry(struct event *ev, const redisReply *entry, enum door door, struct err *e)
{
    return event_read(ev, entry, door == PUBLIC ? "chronos:events" : "{c0}:events", door == ENGINE,
                      "epoch", 1000, e);
}

#define READ(ev, door, e, ...)                                                                     \
    redisReply *entry = entry_of("1700000000123-4", __VA_ARGS__, NULL);                            \
    bool ok = read_entry((ev), entry, (door), (e))

#define DONE(ev)                                                                                   \
    event_release(ev);                                                                             \
    freeReplyObject(entry)

static void test_orders_are_not_taken_from_the_public_door(void **state)
{
    (void)state;
    struct event ev;
    struct err e;
    READ(&ev, PUBLIC, &e, "name", "a/b", "data", "{}", "fn", "f", "eid", RUN, "at", "5", "parent",
         "0\nrun\nstep", "to", "0\nrun\nstep", "retry_of", RUN, "skip", "no", "again", "1", "from",
         "outbox");
    assert_true(ok);
    assert_null(ev.orders.fn);
    assert_null(ev.orders.parent);
    assert_null(ev.orders.to);
    assert_null(ev.orders.retry_of);
    assert_null(ev.orders.skip);
    assert_null(ev.orders.again);
    assert_false(ev.named);
    assert_string_not_equal(ev.id, RUN);
    assert_int_equal(ev.received_ms, 1700000000123);
    DONE(&ev);
}

static void test_an_entry_of_the_engine_says_what_is_to_be_done(void **state)
{
    (void)state;
    struct event ev;
    struct err e;
    READ(&ev, ENGINE, &e, "name", "inngest/scheduled.timer", "data", "{\"n\":1}", "fn", "f", "eid",
         RUN, "at", "1650000000000", "skip", "missed", "replay_of", "x", "again", "1");
    assert_true(ok);
    assert_string_equal(ev.orders.fn, "f");
    assert_string_equal(ev.orders.skip, "missed");
    assert_string_equal(ev.orders.replay_of, "x");
    assert_string_equal(ev.orders.again, "1");
    assert_null(ev.orders.parent);
    assert_true(ev.named);
    assert_string_equal(ev.id, RUN);
    assert_int_equal(ev.received_ms, 1650000000000);
    assert_int_equal(ev.came_ms, 1700000000123);
    assert_int_equal(ev.ts_ms, 1700000000123);
    DONE(&ev);
}

static void test_an_id_is_one_to_its_last_character(void **state)
{
    (void)state;
    static const char *const bad[] = {"01KB8XM4Z0ABCDEFGHJKMNPQR", "01KB8XM4Z0ABCDEFGHJKMNPQR\xF9",
                                      "01KB8XM4Z0ABCDEFGHJKMNPQR\"", "01KB8XM4Z0ABCDEFGHJKMNPQRU"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct event ev;
        struct err e;
        READ(&ev, ENGINE, &e, "name", "a/b", "eid", bad[i]);
        assert_false(ok);
        assert_string_equal(e.msg, "field eid is no id of an event");
        DONE(&ev);
    }
}

static void test_an_event_of_the_outbox_is_held_to_the_rules_of_the_public_door(void **state)
{
    (void)state;
    struct event ev;
    struct err e;
    {
        READ(&ev, ENGINE, &e, "name", "a/b", "data", "{\"_inngest\":{\"fn\":1},\"n\":2}", "from",
             "outbox", "eid", RUN, "id", "key");
        assert_true(ok);
        assert_null(json_object_get(ev.data, "_inngest"));
        assert_int_equal(js_int(ev.data, "n", 0), 2);
        assert_string_equal(ev.key, "key");
        assert_string_equal(ev.id, RUN);
        DONE(&ev);
    }
    {
        READ(&ev, ENGINE, &e, "name", "inngest/function.failed", "data", "{}", "from", "outbox");
        assert_false(ok);
        assert_int_equal(e.code, ERR_INPUT);
        DONE(&ev);
    }
    char large[1100];
    (void)snprintf(large, sizeof(large), "{\"a\":\"%01050d\"}", 0);
    {
        READ(&ev, ENGINE, &e, "name", "a/b", "data", large, "from", "outbox");
        assert_false(ok);
        DONE(&ev);
    }
    {
        READ(&ev, ENGINE, &e, "name", "a/b", "data", large);
        assert_true(ok); /* a step sent it */
        DONE(&ev);
    }
}

/* A run's end names all the events that the run began with: no setting says how large they are together. */
static void test_what_the_engine_tells_may_be_far_larger_than_what_is_sent(void **state)
{
    (void)state;
    struct event ev;
    struct err e;
    enum { SIZE = 3 << 20 };
    static char large[SIZE + 1];
    memset(large, ' ', SIZE);
    large[0] = '{';
    large[SIZE - 1] = '}';
    static const char *const own[] = {EVENT_FAILED, EVENT_CANCELLED, "inngest/function.invoked"};
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        READ(&ev, ENGINE, &e, "name", own[i], "data", large);
        assert_true(ok);
        DONE(&ev);
    }
    {
        READ(&ev, ENGINE, &e, "name", EVENT_FAILED, "data", large, "from", "outbox", "fn", "f");
        assert_false(ok);
        DONE(&ev);
    }
    {
        READ(&ev, ENGINE, &e, "name", "a/b", "data", large);
        assert_false(ok);
        DONE(&ev);
    }
}

static void test_an_operator_may_send_the_engines_own_event_again(void **state)
{
    (void)state;
    struct event ev;
    struct err e;
    READ(&ev, ENGINE, &e, "name", "inngest/function.failed", "data", "{\"function_id\":\"x\"}",
         "from", "outbox", "fn", "f", "eid", RUN);
    assert_true(ok);
    assert_string_equal(ev.orders.fn, "f");
    DONE(&ev);
}

static void test_an_invocation_has_the_id_that_its_step_gives_it(void **state)
{
    (void)state;
    struct event first, again, branch, other;
    struct err e;
    char parent[100];
    (void)snprintf(parent, sizeof(parent), "3\n%s\nask", RUN);
    redisReply *a =
        entry_of("1700000000123-4", "name", "inngest/function.invoked", "parent", parent, NULL);
    redisReply *b =
        entry_of("1800000000000-0", "name", "inngest/function.invoked", "parent", parent, NULL);
    (void)snprintf(parent, sizeof(parent), "3\n%s.7\nask", RUN);
    redisReply *c =
        entry_of("1800000000000-0", "name", "inngest/function.invoked", "parent", parent, NULL);
    (void)snprintf(parent, sizeof(parent), "3\n%s\nask-2", RUN);
    redisReply *d =
        entry_of("1700000000123-4", "name", "inngest/function.invoked", "parent", parent, NULL);
    assert_true(read_entry(&first, a, ENGINE, &e) && read_entry(&again, b, ENGINE, &e) &&
                read_entry(&branch, c, ENGINE, &e) && read_entry(&other, d, ENGINE, &e));
    assert_string_equal(first.id, again.id);
    assert_string_equal(first.id, branch.id);
    assert_string_not_equal(first.id, other.id);
    assert_int_equal(first.received_ms, id_ms(RUN));
    assert_int_equal(id_ms(first.id), id_ms(RUN));
    assert_int_equal(again.came_ms, 1800000000000);
    event_release(&first), event_release(&again), event_release(&branch), event_release(&other);
    freeReplyObject(a), freeReplyObject(b), freeReplyObject(c), freeReplyObject(d);
}

static void test_of_a_runs_end_there_is_one_event_however_often_it_is_sent(void **state)
{
    (void)state;
    struct event first = {0}, again = {0}, cancelled = {0}, stranger = {0}, nobodys = {0};
    struct err e;
    char data[100], id[ID_SIZE];
    (void)snprintf(data, sizeof(data), "{\"run_id\":\"%s\"}", RUN);
    redisReply *a = entry_of("1700000000123-4", "name", EVENT_FAILED, "data", data, NULL);
    redisReply *b = entry_of("1800000000000-0", "name", EVENT_FAILED, "data", data, NULL);
    redisReply *c = entry_of("1800000000000-0", "name", EVENT_CANCELLED, "data", data, NULL);
    redisReply *d = entry_of("1800000000000-0", "name", "a/b", "data", data, NULL);
    redisReply *n = entry_of("1800000000000-0", "name", EVENT_FAILED, "data", "{}", NULL);
    assert_true(read_entry(&first, a, ENGINE, &e) && read_entry(&again, b, ENGINE, &e) &&
                read_entry(&cancelled, c, ENGINE, &e) && read_entry(&stranger, d, ENGINE, &e) &&
                read_entry(&nobodys, n, ENGINE, &e));
    assert_true(event_id_of_end(EVENT_FAILED, RUN, id));
    assert_string_equal(first.id, id);
    assert_string_equal(again.id, id);
    assert_string_not_equal(cancelled.id, id);
    assert_string_not_equal(stranger.id, id);
    assert_true(again.named && cancelled.named && !stranger.named && !nobodys.named);
    assert_int_equal(again.received_ms, id_ms(RUN));
    assert_int_equal(again.came_ms, 1800000000000);
    assert_int_equal(again.ts_ms, 1800000000000);
    assert_false(event_id_of_end(EVENT_FAILED, "nothing", id));
    event_release(&first), event_release(&again), event_release(&cancelled);
    event_release(&stranger), event_release(&nobodys);
    freeReplyObject(a), freeReplyObject(b), freeReplyObject(c), freeReplyObject(d),
        freeReplyObject(n);
}

static void test_an_entry_that_names_no_step_or_no_id_is_refused(void **state)
{
    (void)state;
    struct event ev;
    struct err e;
    {
        READ(&ev, ENGINE, &e, "name", "a/b", "parent", "0\nrun");
        assert_false(ok);
        assert_string_equal(e.msg, "field parent names no step of a run");
        DONE(&ev);
    }
    {
        READ(&ev, ENGINE, &e, "name", "a/b", "eid", "short");
        assert_false(ok);
        assert_string_equal(e.msg, "field eid is no id of an event");
        DONE(&ev);
    }
}

static void test_an_outcome_needs_no_more_than_whom_it_is_for(void **state)
{
    (void)state;
    struct event ev;
    struct err e;
    READ(&ev, ENGINE, &e, "to", "0\nrun\nstep", "ok", "{\"a\":1}");
    assert_true(ok);
    assert_true(event_is_outcome(&ev));
    assert_string_equal(ev.orders.ok, "{\"a\":1}");
    assert_null(ev.orders.error);
    DONE(&ev);
}

static void test_expressions_see_what_steps_see(void **state)
{
    (void)state;
    struct event ev;
    struct err e;
    READ(&ev, PUBLIC, &e, "name", "a/b", "data", "{\"video_id\":\"v\"}", "user", "{\"id\":7}", "v",
         "2024", "ts", "1690000000000");
    assert_true(ok);
    size_t len;
    auto_free char *input = event_input(&ev, &len);
    auto_json *seen = js_parse(input, len, &e);
    assert_non_null(seen);
    assert_true(json_equal(seen, event_json(&ev)));
    assert_string_equal(js_str(event_json(&ev), "data.videoId"), "v");
    assert_int_equal(js_int(event_json(&ev), "user.id", 0), 7);
    DONE(&ev);
}

static void test_only_the_news_of_a_runs_end_hold_the_event_that_began_it(void **state)
{
    (void)state;
    static const struct {
        const char *name, *data, *creator;
    } cases[] = {
        {"inngest/function.failed", "{\"event\":{\"data\":{\"creatorId\":\"c\"}}}", "c"},
        {"inngest/function.cancelled",
         "{\"events\":[{\"data\":{\"creatorId\":\"d\"}},{\"data\":{\"creatorId\":\"e\"}}]}", "d"},
        {"inngest/function.failed", "{\"event\":7}", NULL},
        {"inngest/function.invoked", "{\"event\":{\"data\":{\"creatorId\":\"c\"}}}", NULL},
        {"a/b", "{\"event\":{\"data\":{\"creatorId\":\"c\"}}}", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct event ev;
        struct err e;
        READ(&ev, ENGINE, &e, "name", cases[i].name, "data", cases[i].data);
        assert_true(ok);
        const char *creator = js_str(event_within(&ev), "data.creatorId");
        if (cases[i].creator == NULL)
            assert_null(creator);
        else
            assert_string_equal(creator, cases[i].creator);
        DONE(&ev);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders_are_not_taken_from_the_public_door),
        cmocka_unit_test(test_an_entry_of_the_engine_says_what_is_to_be_done),
        cmocka_unit_test(test_an_id_is_one_to_its_last_character),
        cmocka_unit_test(test_an_event_of_the_outbox_is_held_to_the_rules_of_the_public_door),
        cmocka_unit_test(test_what_the_engine_tells_may_be_far_larger_than_what_is_sent),
        cmocka_unit_test(test_an_operator_may_send_the_engines_own_event_again),
        cmocka_unit_test(test_an_invocation_has_the_id_that_its_step_gives_it),
        cmocka_unit_test(test_of_a_runs_end_there_is_one_event_however_often_it_is_sent),
        cmocka_unit_test(test_an_entry_that_names_no_step_or_no_id_is_refused),
        cmocka_unit_test(test_an_outcome_needs_no_more_than_whom_it_is_for),
        cmocka_unit_test(test_expressions_see_what_steps_see),
        cmocka_unit_test(test_only_the_news_of_a_runs_end_hold_the_event_that_began_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
