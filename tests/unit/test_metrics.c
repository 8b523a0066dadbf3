#include "unit.h"

#include <pthread.h>

#include "metrics.h"

enum { THREADS = 8, TIMES = 20000 };

static char *render(void)
{
    struct buf out = BUF_INIT(8 << 20);
    assert_true(metrics_render(&out));
    return buf_take(&out);
}

static void assert_shows(const char *line)
{
    char *text = render();
    if (strstr(text, line) == NULL)
        fail_msg("no line \"%s\" in\n%s", line, text);
    free(text);
}

static void assert_hides(const char *part)
{
    char *text = render();
    if (strstr(text, part) != NULL)
        fail_msg("\"%s\" in\n%s", part, text);
    free(text);
}

static void test_nothing_is_noted_before_somebody_can_ask(void **state)
{
    (void)state;
    metric_add(METRIC_EVENTS, 5, "accepted");
    metrics_init(METRIC_OF_SCHEDULER, "v1.2-\"3\"\\");
    assert_hides("accepted");
    assert_shows("\nchronos_archive_entries_total 0\n");
    assert_shows("chronos_build_info{version=\"v1.2-\\\"3\\\"\\\\\"} 1\n");
    assert_hides("chronos_worker_threads");
}

static void *count(void *arg)
{
    for (int i = 0; i < TIMES; i++) {
        metric_add(METRIC_EVENTS, 1, "accepted");
        metric_observe(METRIC_RUN_DURATION, 0.5, "fn", NULL);
        if (i % 1000 == 0)
            metric_add(METRIC_RUNS_FINISHED, 2, "fn", "completed");
    }
    return arg;
}

static void test_what_threads_count_is_added_up_and_outlives_them(void **state)
{
    (void)state;
    pthread_t ids[THREADS];
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&ids[i], NULL, count, NULL), 0);
        for (int i = 0; i < 50; i++)
            free(render()); /* while they count */
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_join(ids[i], NULL), 0);
        char line[128];
        (void)snprintf(line, sizeof(line), "chronos_events_total{outcome=\"accepted\"} %d\n",
                       round * THREADS * TIMES);
        assert_shows(line);
        (void)snprintf(line, sizeof(line),
                       "chronos_run_duration_seconds_count{function=\"fn\"} %d\n",
                       round * THREADS * TIMES);
        assert_shows(line);
        (void)snprintf(line, sizeof(line),
                       "chronos_runs_finished_total{function=\"fn\",outcome=\"completed\"} %d\n",
                       round * THREADS * 2 * TIMES / 1000);
        assert_shows(line);
    }
}

static void test_a_value_falls_into_the_bucket_whose_edge_it_does_not_pass(void **state)
{
    (void)state;
    metric_observe(METRIC_QUEUE_WAIT, 30, "edge");
    metric_observe(METRIC_QUEUE_WAIT, 30.001, "edge");
    metric_observe(METRIC_QUEUE_WAIT, -1, "edge");
    metric_observe(METRIC_QUEUE_WAIT, 1e9, "edge");
    assert_shows("chronos_run_queue_wait_seconds_bucket{function=\"edge\",le=\"0.005\"} 1\n");
    assert_shows("chronos_run_queue_wait_seconds_bucket{function=\"edge\",le=\"10\"} 1\n");
    assert_shows("chronos_run_queue_wait_seconds_bucket{function=\"edge\",le=\"30\"} 2\n");
    assert_shows("chronos_run_queue_wait_seconds_bucket{function=\"edge\",le=\"60\"} 3\n");
    assert_shows("chronos_run_queue_wait_seconds_bucket{function=\"edge\",le=\"+Inf\"} 4\n");
    assert_shows("chronos_run_queue_wait_seconds_count{function=\"edge\"} 4\n");
}

static void test_a_series_is_there_before_anything_is_noted(void **state)
{
    (void)state;
    metric_show(METRIC_LEASES_EXPIRED, "early");
    metric_show(METRIC_QUEUE_WAIT, "early");
    assert_shows("chronos_leases_expired_total{function=\"early\"} 0\n");
    assert_shows("chronos_run_queue_wait_seconds_bucket{function=\"early\",le=\"30\"} 0\n");
    assert_shows("chronos_run_queue_wait_seconds_count{function=\"early\"} 0\n");
    metric_add(METRIC_LEASES_EXPIRED, 2, "early");
    metric_show(METRIC_LEASES_EXPIRED, "early");
    assert_shows("chronos_leases_expired_total{function=\"early\"} 2\n");
}

static void test_a_gauge_that_is_not_set_any_more_goes(void **state)
{
    (void)state;
    metric_set(METRIC_BACKLOG, 3, "a", "ready");
    metric_set(METRIC_BACKLOG, 4, "b", "ready");
    assert_shows("chronos_backlog_runs{function=\"a\",state=\"ready\"} 3\n");
    metric_drop_stale(METRIC_BACKLOG);
    metric_set(METRIC_BACKLOG, 5, "b", "ready");
    metric_drop_stale(METRIC_BACKLOG);
    assert_shows("chronos_backlog_runs{function=\"b\",state=\"ready\"} 5\n");
    assert_hides("function=\"a\",state=\"ready\"");
}

static void test_a_metric_with_too_many_series_takes_no_more(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < METRIC_MAX_SERIES + 7; i++) {
        (void)snprintf(name, sizeof(name), "limit-%d", i);
        metric_set(METRIC_LIMIT_WAITING, 1, name);
    }
    assert_shows("chronos_limit_waiting_queues{limit=\"limit-999\"} 1\n");
    assert_hides("limit-1000");
    assert_shows("chronos_metrics_dropped_total 7\n");
}

static void collect(void *arg)
{
    int *asked = arg;
    metric_set(METRIC_ARCHIVE_BACKLOG, ++*asked);
}

static void test_gauges_may_be_read_when_they_are_asked_for(void **state)
{
    (void)state;
    int asked = 0;
    metrics_on_scrape(collect, &asked);
    assert_shows("chronos_archive_backlog_entries 1\n");
    assert_shows("chronos_archive_backlog_entries 2\n");
    metrics_off_scrape(collect);
    free(render());
    assert_int_equal(asked, 2);
}

static void test_the_process_tells_of_itself(void **state)
{
    (void)state;
    assert_shows("\nprocess_cpu_seconds_total ");
    assert_shows("\nprocess_resident_memory_bytes ");
    assert_shows("\nprocess_open_fds ");
    assert_shows("\nprocess_start_time_seconds 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_noted_before_somebody_can_ask),
        cmocka_unit_test(test_what_threads_count_is_added_up_and_outlives_them),
        cmocka_unit_test(test_a_value_falls_into_the_bucket_whose_edge_it_does_not_pass),
        cmocka_unit_test(test_a_series_is_there_before_anything_is_noted),
        cmocka_unit_test(test_a_gauge_that_is_not_set_any_more_goes),
        cmocka_unit_test(test_a_metric_with_too_many_series_takes_no_more),
        cmocka_unit_test(test_gauges_may_be_read_when_they_are_asked_for),
        cmocka_unit_test(test_the_process_tells_of_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
