/* test_manifest.c: which definitions of functions are refused and with which words, and that what is published says all. */
#include "unit.h"

#include "conf.h"
#include "cron.h"
#include "js.h"
#include "manifest.h"

static json_t *nothing(struct step *s)
{
    (void)s;
    return NULL;
}

static const struct step_def plain_steps[] = {{"one", nothing}, {0}};
static const struct step_def paid_steps[] = {{"one", nothing, .paid = true}, {0}};

/* A sound function with these members instead. */
#define FUNCTION(...)                                                                              \
    (&(const struct function){                                                                     \
        .id = "f", .version = 1, .on_event = {"a/b"}, .steps = plain_steps, __VA_ARGS__})

static const struct conf conf = {.limits = "", .budget_usd_per_hour = 10, .partitions = 1};

/* ---- what is refused ---- */

struct bad {
    const struct function *f;
    const char *message;
};

static void check_bad(const struct bad *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct err e = {0};
        assert_false(manifest_check(cases[i].f, &e));
        assert_int_equal(e.code, ERR_BUG);
        assert_string_equal(e.msg, cases[i].message);
    }
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#endif

static void test_names_and_triggers(void **state)
{
    (void)state;
    static char long_name[258];
    memset(long_name, 'x', 257);
    const struct bad cases[] = {
        {FUNCTION(.id = NULL), "function '(null)': id must be 1 to 64 of a-z 0-9 - _ ."},
        {FUNCTION(.id = ""), "function '': id must be 1 to 64 of a-z 0-9 - _ ."},
        {FUNCTION(.id = "a b"), "function 'a b': id must be 1 to 64 of a-z 0-9 - _ ."},
        {FUNCTION(.id = "a/b"), "function 'a/b': id must be 1 to 64 of a-z 0-9 - _ ."},
        {FUNCTION(.name = ""), "function f: name: is no text of 1 to 256 bytes on one line"},
        {FUNCTION(.name = "a\nb"), "function f: name: is no text of 1 to 256 bytes on one line"},
        {FUNCTION(.name = "\xff"), "function f: name: is no text of 1 to 256 bytes on one line"},
        {FUNCTION(.version = -1), "function f: version: -1 is not from 0 to 1000000"},
        {FUNCTION(.retries = -1), "function f: retries: -1 is not from 0 to 100"},
        {FUNCTION(.retries = 101), "function f: retries: 101 is not from 0 to 100"},
        {FUNCTION(.on_event = {""}),
         "function f: on_event: an event's name is 1 to 256 bytes of text on one line"},
        {FUNCTION(.on_event = {"a", "b\n"}),
         "function f: on_event: an event's name is 1 to 256 bytes of text on one line"},
        {FUNCTION(.on_event = {long_name}),
         "function f: on_event: an event's name is 1 to 256 bytes of text on one line"},
        {FUNCTION(.on_event = {"a", "b", "a"}), "function f: on_event: a is named twice"},
        {FUNCTION(.on_event = {"a", NULL, "b"}), "function f: on_event: there is a gap before b"},
        {FUNCTION(.on_failure_of = "g"),
         "function f: on_failure_of: has no effect without on_event inngest/function.failed"},
        {FUNCTION(.on_event = {"inngest/function.failed"}, .on_failure_of = "a b"),
         "function f: on_failure_of: is not a function's id"},
        {FUNCTION(.on_event = {NULL}, .condition = "true"),
         "function f: condition: has no effect without on_event"},
        {FUNCTION(.cron = {.jitter_ms = 5}),
         "function f: cron.jitter_ms: has no effect without cron.schedule"},
        {FUNCTION(.cron = {.missed = MISSED_ALL}),
         "function f: cron.missed: has no effect without cron.schedule"},
        {FUNCTION(.cron = {"@hourly", .jitter_ms = 86400001}),
         "function f: cron.jitter_ms: 86400001 is not from 0 to 86400000"},
        {FUNCTION(.cron = {"@hourly", .missed = (enum missed_ticks)3}),
         "function f: cron.missed: 3 is not from 0 to 2"},
        {FUNCTION(.cron = {"\n"}), "function f: cron.schedule: is no text on one line"},
    };
    check_bad(cases, ARRAY_LEN(cases));
}

static void test_limits(void **state)
{
    (void)state;
    const struct bad cases[] = {
        {FUNCTION(.limits = {{.max = -1}}),
         "function f: limits[0].max: -1 is not from 1 to 1000000"},
        {FUNCTION(.limits = {{.max = 1000001}}),
         "function f: limits[0].max: 1000001 is not from 1 to 1000000"},
        {FUNCTION(.limits = {{.key = "data.a"}}),
         "function f: limits[0].max: 0 is not from 1 to 1000000"},
        {FUNCTION(.limits = {{.max = 1}, {0}, {.key = "data.a", .max = 1}}),
         "function f: limits[1].max: 0 is not from 1 to 1000000"},
        {FUNCTION(.limits = {{.shared = "a b", .max = 1}}),
         "function f: limits[0].shared: a name is 1 to 64 of A-Z a-z 0-9 - _ ."},
        {FUNCTION(.limits = {{.shared = "budget", .max = 1}}),
         "function f: limits[0].shared: the name budget is the engine's own"},
        {FUNCTION(.limits = {{.max = 1}, {.max = 2}}),
         "function f: limits[1]: counts the same as limits[0]"},
        {FUNCTION(.limits = {{.key = "data.a", .max = 1}, {.max = 2}, {.key = "data.a", .max = 3}}),
         "function f: limits[2]: counts the same as limits[0]"},
        {FUNCTION(.limits = {{.shared = "x", .max = 1},
                             {.shared = "x", .key = "data.a", .max = 2}}),
         "function f: limits[1]: the shared limit x is named twice"},
        {FUNCTION(.limits = {{.key = "data.a", .max = 1},
                             {.key = "data.b", .max = 1},
                             {.key = "data.c", .max = 1},
                             {.key = "data.d", .max = 1}}),
         "function f: limits: the owner, limits and singleton count by more than 4 different keys"},
        {FUNCTION(.owner = "data.o", .singleton = {SINGLETON_SKIP, "data.s"},
                  .limits = {{.key = "data.a", .max = 1},
                             {.key = "data.b", .max = 1},
                             {.key = "data.c", .max = 1}}),
         "function f: limits: the owner, limits and singleton count by more than 4 different keys"},
    };
    check_bad(cases, ARRAY_LEN(cases));
}

static void test_rules_of_flow(void **state)
{
    (void)state;
    const struct bad cases[] = {
        {FUNCTION(.rate_limit = {.max = -1}),
         "function f: rate_limit.max: -1 is not from 1 to 1000000"},
        {FUNCTION(.rate_limit = {.max = 1}),
         "function f: rate_limit.period_ms: 0 is not from 1 to 31622400000"},
        {FUNCTION(.rate_limit = {.period_ms = 1}),
         "function f: rate_limit: has no effect without max"},
        {FUNCTION(.throttle = {.max = 1, .period_ms = 31622400001}),
         "function f: throttle.period_ms: 31622400001 is not from 1 to 31622400000"},
        {FUNCTION(.throttle = {.max = 1, .period_ms = 1, .burst = -1}),
         "function f: throttle.burst: -1 is not from 0 to 1000000"},
        {FUNCTION(.throttle = {.burst = 1}), "function f: throttle: has no effect without max"},
        {FUNCTION(.debounce = {.period_ms = -5}),
         "function f: debounce.period_ms: -5 is not from 1 to 31622400000"},
        {FUNCTION(.debounce = {.period_ms = 5, .max_wait_ms = 4}),
         "function f: debounce.max_wait_ms: is shorter than period_ms"},
        {FUNCTION(.debounce = {.keep_all = true}),
         "function f: debounce: has no effect without period_ms"},
        {FUNCTION(.batch = {.max_size = 1, .timeout_ms = 1}),
         "function f: batch.max_size: 1 is not from 2 to 1000"},
        {FUNCTION(.batch = {.max_size = 2}),
         "function f: batch.timeout_ms: 0 is not from 1 to 31622400000"},
        {FUNCTION(.batch = {.only_if = "true"}),
         "function f: batch: has no effect without max_size"},
        {FUNCTION(.singleton = {.mode = (enum singleton_mode)3}),
         "function f: singleton.mode: 3 is not from 0 to 2"},
        {FUNCTION(.singleton = {.key = "data.a"}),
         "function f: singleton.key: has no effect without mode"},
        {FUNCTION(.idempotency = {.period_ms = 1}),
         "function f: idempotency.period_ms: has no effect without key"},
        {FUNCTION(.idempotency = {"data.a", -1}),
         "function f: idempotency.period_ms: -1 is not from 0 to 31622400000"},
        {FUNCTION(.cancel_on = {{.match = "true"}}),
         "function f: cancel_on[0].event: an event's name is 1 to 256 bytes of text on one line"},
        {FUNCTION(.cancel_on = {{"a"}, {0}, {"b"}}),
         "function f: cancel_on[1].event: an event's name is 1 to 256 bytes of text on one line"},
        {FUNCTION(.cancel_on = {{"a", .timeout_ms = -1}}),
         "function f: cancel_on[0].timeout_ms: -1 is not from 0 to 31622400000"},
        {FUNCTION(.start_timeout_ms = -1),
         "function f: start_timeout_ms: -1 is not from 0 to 31622400000"},
        {FUNCTION(.finish_timeout_ms = 31622400001),
         "function f: finish_timeout_ms: 31622400001 is not from 0 to 31622400000"},
    };
    check_bad(cases, ARRAY_LEN(cases));
}

#define BATCH    .batch = {.max_size = 2, .timeout_ms = 1}
#define DEBOUNCE .debounce = {.period_ms = 1}

static void test_combinations(void **state)
{
    (void)state;
    const struct bad cases[] = {
        {FUNCTION(BATCH, DEBOUNCE), "function f: batch: does not go with debounce"},
        {FUNCTION(BATCH, .singleton = {SINGLETON_SKIP}),
         "function f: batch: does not go with singleton"},
        {FUNCTION(BATCH, .priority = "1"), "function f: batch: does not go with priority"},
        {FUNCTION(BATCH, .cancel_on = {{"a"}}), "function f: batch: does not go with cancel_on"},
        {FUNCTION(DEBOUNCE, .singleton = {SINGLETON_CANCEL}),
         "function f: debounce: does not go with singleton"},
        {FUNCTION(DEBOUNCE, .priority = "1"), "function f: debounce: does not go with priority"},
        {FUNCTION(DEBOUNCE, .cancel_on = {{"a"}}),
         "function f: debounce: does not go with cancel_on"},
    };
    check_bad(cases, ARRAY_LEN(cases));
    struct err e;
    assert_true(manifest_check(FUNCTION(BATCH, .throttle = {.max = 1, .period_ms = 1}), &e));
    assert_true(manifest_check(FUNCTION(DEBOUNCE, .throttle = {.max = 1, .period_ms = 1}), &e));
    assert_true(manifest_check(
        FUNCTION(.singleton = {SINGLETON_SKIP}, .priority = "1", .cancel_on = {{"a"}}), &e));
}

static void test_steps(void **state)
{
    (void)state;
    static const struct step_def none[] = {{0}};
    static const struct step_def bad_name[] = {{"a:b", nothing}, {0}};
    static const struct step_def no_function[] = {{"one", NULL}, {0}};
    static const struct step_def twice[] = {
        {"one", nothing}, {"two", nothing}, {"one", nothing}, {0}};
    static const struct step_def item[] = {
        {"delete-all", nothing}, {"delete", nothing, .each = nothing}, {0}};
    static const struct step_def turn[] = {{"fetch", nothing}, {"fetch-1", nothing}, {0}};
    static const struct step_def slow[] = {{"one", nothing, .timeout_ms = 86400001}, {0}};
    static const struct step_def stubborn[] = {{"one", nothing, .retries = -2}, {0}};
    static const struct step_def wide[] = {{"one", nothing, .each = nothing, .parallel = 1001},
                                           {0}};
    static const struct step_def lonely[] = {{"one", nothing, .parallel = 2}, {0}};
    const struct bad cases[] = {
        {FUNCTION(.steps = NULL), "function f: steps are missing"},
        {FUNCTION(.steps = none), "function f: steps are missing"},
        {FUNCTION(.steps = bad_name), "function f: step 'a:b' needs a plain name and a function"},
        {FUNCTION(.steps = no_function),
         "function f: step 'one' needs a plain name and a function"},
        {FUNCTION(.steps = twice), "function f: two steps are named 'one'"},
        {FUNCTION(.steps = item),
         "function f: step 'delete-all' has a name that a result of step 'delete' may have"},
        {FUNCTION(.steps = turn),
         "function f: step 'fetch-1' has a name that a result of step 'fetch' may have"},
        {FUNCTION(.steps = slow),
         "function f: step one: timeout_ms: 86400001 is not from 0 to 86400000"},
        {FUNCTION(.steps = stubborn), "function f: step one: retries: -2 is not from -1 to 100"},
        {FUNCTION(.steps = wide), "function f: step one: parallel: 1001 is not from 0 to 1000"},
        {FUNCTION(.steps = lonely), "function f: step one: parallel: has no effect without each"},
        {FUNCTION(.reserve_usd = 1), "function f: reserve_usd: has no effect without a paid step"},
        {FUNCTION(.steps = paid_steps, .reserve_usd = -1),
         "function f: reserve_usd: -1 is not from 0 to 1000"},
    };
    check_bad(cases, ARRAY_LEN(cases));
}

/* The words after the field are the expression's or the schedule's own. */
static void test_expressions_and_schedules(void **state)
{
    (void)state;
    const char *text = "data.a ==";
    const struct {
        const struct function *f;
        const char *field;
        unsigned roots; /* 0 = the event that starts a run */
    } cases[] = {
        {FUNCTION(.condition = text), "condition"},
        {FUNCTION(.owner = text), "owner"},
        {FUNCTION(.priority = text), "priority"},
        {FUNCTION(.limits = {{.key = "data.a", .max = 1}, {.key = text, .max = 1}}),
         "limits[1].key"},
        {FUNCTION(.rate_limit = {text, 1, 1}), "rate_limit.key"},
        {FUNCTION(.throttle = {text, 1, 1}), "throttle.key"},
        {FUNCTION(.debounce = {text, 1}), "debounce.key"},
        {FUNCTION(.batch = {text, NULL, 2, 1}), "batch.key"},
        {FUNCTION(.batch = {NULL, text, 2, 1}), "batch.only_if"},
        {FUNCTION(.singleton = {SINGLETON_SKIP, text}), "singleton.key"},
        {FUNCTION(.idempotency = {text}), "idempotency.key"},
        {FUNCTION(.cancel_on = {{"a"}, {"b", text}}), "cancel_on[1].match",
         EXPR_EVENT | EXPR_ASYNC},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err why, e;
        char message[600];
        assert_null(expr_compile(text, cases[i].roots | EXPR_EVENT, &why));
        (void)snprintf(message, sizeof(message), "function f: %s: %s", cases[i].field, why.msg);
        assert_false(manifest_check(cases[i].f, &e));
        assert_string_equal(e.msg, message);
    }

    struct err why, e;
    struct cron c;
    char message[600];
    assert_false(cron_parse(&c, "61 * * * *", &why));
    (void)snprintf(message, sizeof(message), "function f: cron.schedule: %s", why.msg);
    assert_false(manifest_check(FUNCTION(.cron = {"61 * * * *"}), &e));
    assert_string_equal(e.msg, message);
}

/* Only what may come later speaks of the event that came later. */
static void test_roots_of_expressions(void **state)
{
    (void)state;
    struct err e;
    assert_true(
        manifest_check(FUNCTION(.cancel_on = {{"a", "async.data.id == event.data.id"}}), &e));
    assert_false(manifest_check(FUNCTION(.condition = "async.data.id == 1"), &e));
    assert_false(manifest_check(FUNCTION(.limits = {{.key = "async.data.id", .max = 1}}), &e));
    assert_false(manifest_check(FUNCTION(.priority = "\xff"), &e));
    assert_string_equal(e.msg, "function f: priority: is not UTF-8");
}

static void test_functions_that_nobody_but_an_invocation_starts(void **state)
{
    (void)state;
    struct err e;
    assert_true(manifest_check(FUNCTION(.on_event = {NULL}), &e));
    assert_true(manifest_check(FUNCTION(.on_event = {NULL}, .cron = {"@hourly"}), &e));
}

/* ---- what is published ---- */

static char *render(const struct function *f, const struct conf *c)
{
    struct err e;
    auto_json *m = manifest_render(f, c, &e);
    if (m == NULL)
        fail_msg("%s", e.msg);
    return js_dump(m, NULL);
}

static struct manifest *parse(const char *text, int partitions)
{
    struct err e;
    struct manifest *m = manifest_parse(text, strlen(text), partitions, &e);
    if (m == NULL)
        fail_msg("%s", e.msg);
    return m;
}

static struct manifest *publish(const struct function *f, const struct conf *c, int partitions)
{
    auto_free char *text = render(f, c);
    return parse(text, partitions);
}

static void test_a_plain_function_says_no_more_than_it_has(void **state)
{
    (void)state;
    auto_free char *text =
        render(FUNCTION(.limits = {{.key = "data.creatorId", .max = 20}}), &conf);
    assert_string_equal(
        text, "{\"id\":\"f\",\"name\":\"f\",\"version\":1,\"triggers\":[\"a/b\"],\"retries\":0,"
              "\"keys\":[\"data.creatorId\"],"
              "\"limits\":[{\"name\":\"fn/f:$\",\"max\":20,\"share\":false}],"
              "\"steps\":[{\"name\":\"one\",\"tx\":false,\"each\":false,\"paid\":false,"
              "\"parallel\":0}]}");
    struct manifest *m = parse(text, 1);
    assert_string_equal(m->json, text);
    assert_string_equal(m->limits, "20 fn/f:$\n");
    assert_int_equal(m->key_count, 1);
    assert_null(m->condition);
    assert_null(m->priority);
    assert_null(m->idempotency.key);
    assert_int_equal(m->rate_limit.max + m->throttle.max + m->batch.max_size, 0);
    assert_int_equal(m->debounce.period_ms, 0);
    assert_int_equal(m->singleton.mode, SINGLETON_NONE);
    assert_int_equal(m->cancel_count, 0);
    manifest_free(m);
}

static const struct step_def rich_steps[] = {
    {"one", nothing, .tx = true},
    {"two", nothing, .each = nothing, .parallel = 3, .paid = true},
    {0},
};

static const struct function rich = {
    .id = "rich",
    .name = "All of it",
    .version = 7,
    .on_event = {"a/b", "c/d"},
    .condition = "data.x > 1",
    .cron = {"TZ=UTC 30 2 * * *", 1000, MISSED_ALL},
    .retries = 4,
    .owner = "data.team",
    .limits = {{.key = "data.team", .max = 5},
               {.key = "data.room", .max = 2},
               {.shared = "global", .max = 100},
               {.max = 9}},
    .priority = "data.p",
    .rate_limit = {"data.r", 3, 60000},
    .throttle = {"data.t", 4, 1000, 2},
    .singleton = {SINGLETON_CANCEL, "data.s"},
    .idempotency = {"data.i", 0},
    .cancel_on = {{"x/stop", "event.data.id == async.data.id", 5000}, {"x/all"}},
    .start_timeout_ms = 10,
    .finish_timeout_ms = 20,
    .reserve_usd = 0.25,
    .steps = rich_steps,
};

static void check_key(const struct expr *x, const char *event, const char *value)
{
    char key[EXPR_KEY_SIZE];
    auto_json *j = json_loads(event, 0, NULL);
    assert_non_null(x);
    (void)expr_key(x, j, key);
    assert_string_equal(key, value);
}

static void test_everything_arrives(void **state)
{
    (void)state;
    const char *event = "{\"data\":{\"team\":\"T\",\"room\":\"R\",\"s\":\"S\",\"r\":1,\"t\":2,"
                        "\"i\":3,\"x\":2,\"p\":60}}";
    struct manifest *m = publish(&rich, &conf, 1);
    auto_json *j = json_loads(event, 0, NULL);
    assert_string_equal(m->id, "rich");
    assert_int_equal(m->version, 7);
    assert_string_equal(m->triggers[1], "c/d");
    assert_null(m->triggers[2]);
    assert_true(expr_true(m->condition, j, NULL));
    assert_int_equal(m->key_count, 3);
    check_key(m->keys[0], event, "T");
    check_key(m->keys[1], event, "R");
    check_key(m->keys[2], event, "S");
    assert_string_equal(m->limits, "5 fn/rich:$\n2 fn/rich/2:$2\n100 global\n9 fn/rich/3\n"
                                   "1 single/rich:$3\nusd10000000/250000 budget:$\n");
    assert_true(expr_number(m->priority, j, 0) == 60);
    check_key(m->rate_limit.key, event, "1");
    assert_int_equal(m->rate_limit.max, 3);
    assert_int_equal(m->rate_limit.period_ms, 60000);
    check_key(m->throttle.key, event, "2");
    assert_int_equal(m->throttle.max, 4);
    assert_int_equal(m->throttle.period_ms, 1000);
    assert_int_equal(m->throttle.burst, 2);
    assert_int_equal(m->singleton.mode, SINGLETON_CANCEL);
    check_key(m->singleton.key, event, "S");
    check_key(m->idempotency.key, event, "3");
    assert_int_equal(m->idempotency.period_ms, 86400000);
    assert_int_equal(m->start_timeout_ms, 10);
    assert_int_equal(m->finish_timeout_ms, 20);
    assert_int_equal(m->cancel_count, 2);
    assert_string_equal(m->cancel_on[0].event, "x/stop");
    assert_int_equal(m->cancel_on[0].timeout_ms, 5000);
    assert_int_equal(expr_reads(m->cancel_on[0].match), EXPR_EVENT | EXPR_ASYNC);
    assert_string_equal(m->cancel_on[1].event, "x/all");
    assert_null(m->cancel_on[1].match);
    manifest_free(m);
}

static void test_what_several_partitions_share_is_marked(void **state)
{
    (void)state;
    struct manifest *m = publish(&rich, &conf, 4);
    assert_string_equal(m->limits, "5 fn/rich:$\n~2 fn/rich/2:$2\n~100 global\n~9 fn/rich/3\n"
                                   "~1 single/rich:$3\nusd10000000/250000 budget:$\n");
    manifest_free(m);
}

static void test_collected_events(void **state)
{
    (void)state;
    struct manifest *m = publish(
        FUNCTION(.debounce = {"data.k", 100, 900, true}, .throttle = {.max = 1, .period_ms = 1}),
        &conf, 1);
    check_key(m->debounce.key, "{\"data\":{\"k\":\"v\"}}", "v");
    assert_int_equal(m->debounce.period_ms, 100);
    assert_int_equal(m->debounce.max_wait_ms, 900);
    assert_true(m->debounce.keep_all);
    assert_int_equal(m->throttle.burst, 1);
    manifest_free(m);

    m = publish(FUNCTION(.batch = {"data.k", "data.n > 1", 50, 700}), &conf, 1);
    auto_json *one = json_loads("{\"data\":{\"n\":1}}", 0, NULL);
    check_key(m->batch.key, "{\"data\":{\"k\":\"v\"}}", "v");
    assert_false(expr_true(m->batch.only_if, one, NULL));
    assert_int_equal(m->batch.max_size, 50);
    assert_int_equal(m->batch.timeout_ms, 700);
    manifest_free(m);
}

/* The owner is the first key although a limit named another before it. */
static void test_keys_are_counted_from_the_owner_on(void **state)
{
    (void)state;
    const struct function *f =
        FUNCTION(.limits = {{.key = "data.b", .max = 1}, {.key = "data.creatorId", .max = 2}},
                 .singleton = {SINGLETON_SKIP});
    struct manifest *m = publish(f, &conf, 1);
    assert_string_equal(m->limits, "1 fn/f:$2\n2 fn/f/2:$\n1 single/f\n");
    manifest_free(m);
    auto_free char *text = render(FUNCTION(.limits = {{.key = "data.b", .max = 1}}), &conf);
    assert_non_null(strstr(text, "\"keys\":[\"data.creatorId\",\"data.b\"]"));
}

static void test_settings_of_the_operator(void **state)
{
    (void)state;
    struct conf c = conf;
    c.limits = "rich=50,rich/2=20,global=7";
    c.budget_usd_per_hour = 0.1;
    struct manifest *m = publish(&rich, &c, 1);
    /* more than the whole budget is not kept back */
    assert_string_equal(m->limits, "50 fn/rich:$\n20 fn/rich/2:$2\n7 global\n9 fn/rich/3\n"
                                   "1 single/rich:$3\nusd100000/100000 budget:$\n");
    manifest_free(m);
    c.budget_usd_per_hour = 0;
    m = publish(&rich, &c, 1);
    assert_null(strstr(m->limits, "budget"));
    manifest_free(m);
}

#pragma GCC diagnostic pop

/* ---- what others published ---- */

static void test_a_manifest_without_keys_counts_by_the_usual_owner(void **state)
{
    (void)state;
    struct manifest *m =
        parse("{\"id\":\"old\",\"name\":\"old\",\"version\":3,\"triggers\":[\"a/b\"],"
              "\"onFailureOf\":null,\"retries\":2,\"limits\":["
              "{\"name\":\"fn/old:$\",\"max\":20},{\"name\":\"global\",\"max\":100}],\"steps\":["
              "{\"name\":\"one\",\"tx\":false,\"each\":false,\"paid\":false}]}",
              2);
    assert_int_equal(m->key_count, 1);
    check_key(m->keys[0], "{\"data\":{\"creatorId\":\"c\"}}", "c");
    assert_string_equal(m->limits, "20 fn/old:$\n~100 global\n");
    assert_int_equal(m->version, 3);
    manifest_free(m);

    m = parse("{\"id\":\"old\",\"triggers\":[\"a/b\"],\"keys\":[],\"limits\":[]}", 1);
    check_key(m->keys[0], "{\"data\":{\"creatorId\":\"c\"}}", "c");
    assert_string_equal(m->limits, "");
    manifest_free(m);
}

static void test_manifests_that_cannot_be_used_are_refused_by_their_member(void **state)
{
    (void)state;
    static const struct {
        const char *text, *beginning;
    } cases[] = {
        {"{", ""},
        {"[]", "manifest without a plain id"},
        {"{\"id\":\"a b\"}", "manifest without a plain id"},
        {"{\"id\":\"x\",\"condition\":\"(\"}", "manifest of x: condition: "},
        {"{\"id\":\"x\",\"condition\":\"async.data.a\"}", "manifest of x: condition: "},
        {"{\"id\":\"x\",\"keys\":[\"data.a\",\"(\"]}", "manifest of x: keys[1]: "},
        {"{\"id\":\"x\",\"keys\":[7]}", "manifest of x: keys[0]: is no text"},
        {"{\"id\":\"x\",\"keys\":[\"1\",\"2\",\"3\",\"4\",\"5\"]}",
         "manifest of x: keys: more than 4"},
        {"{\"id\":\"x\",\"limits\":[{\"name\":\"a\"}]}",
         "manifest of x: limits[0]: needs a name and a max from 1"},
        {"{\"id\":\"x\",\"limits\":[{\"name\":\"a\\nb\",\"max\":1}]}",
         "manifest of x: limits[0]: needs a name and a max from 1"},
        {"{\"id\":\"x\",\"rateLimit\":{\"key\":\"(\"}}", "manifest of x: rateLimit.key: "},
        {"{\"id\":\"x\",\"throttle\":{\"key\":\"(\"}}", "manifest of x: throttle.key: "},
        {"{\"id\":\"x\",\"debounce\":{\"key\":\"(\"}}", "manifest of x: debounce.key: "},
        {"{\"id\":\"x\",\"batch\":{\"key\":\"(\"}}", "manifest of x: batch.key: "},
        {"{\"id\":\"x\",\"batch\":{\"only_if\":\"(\"}}", "manifest of x: batch.only_if: "},
        {"{\"id\":\"x\",\"singleton\":{\"key\":\"(\"}}", "manifest of x: singleton.key: "},
        {"{\"id\":\"x\",\"idempotency\":{\"key\":\"(\"}}", "manifest of x: idempotency.key: "},
        {"{\"id\":\"x\",\"cancelOn\":[{\"match\":\"true\"}]}",
         "manifest of x: cancelOn[0].event: is missing"},
        {"{\"id\":\"x\",\"cancelOn\":[{\"event\":\"a\",\"match\":\"(\"}]}",
         "manifest of x: cancelOn[0].match: "},
        {"{\"id\":\"x\",\"priority\":\"(\"}", "manifest of x: priority: "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e;
        assert_null(manifest_parse(cases[i].text, strlen(cases[i].text), 1, &e));
        assert_int_equal(e.code, ERR_INPUT);
        if (strncmp(e.msg, cases[i].beginning, strlen(cases[i].beginning)) != 0)
            fail_msg("%s: %s", cases[i].text, e.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_triggers),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_rules_of_flow),
        cmocka_unit_test(test_combinations),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_expressions_and_schedules),
        cmocka_unit_test(test_roots_of_expressions),
        cmocka_unit_test(test_functions_that_nobody_but_an_invocation_starts),
        cmocka_unit_test(test_a_plain_function_says_no_more_than_it_has),
        cmocka_unit_test(test_everything_arrives),
        cmocka_unit_test(test_what_several_partitions_share_is_marked),
        cmocka_unit_test(test_collected_events),
        cmocka_unit_test(test_keys_are_counted_from_the_owner_on),
        cmocka_unit_test(test_settings_of_the_operator),
        cmocka_unit_test(test_a_manifest_without_keys_counts_by_the_usual_owner),
        cmocka_unit_test(test_manifests_that_cannot_be_used_are_refused_by_their_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
