/* metrics.h: what this process counts and measures, for Prometheus.
 *
 * Every metric of every daemon stands in one table (metric_table.h), with its type, labels and buckets. A value is noted
 * by metric_add, metric_observe or metric_set with its label values; a series is made when it is first noted.
 *
 * Counters and histograms are noted without a lock and without touching what another thread writes: each thread has cells
 * of its own, which only it changes, and a scrape adds them up. What a thread has counted outlives it. Gauges are set
 * seldom and take a lock.
 *
 * Label values come from small sets that this program knows: functions, steps, codes. Never ids: a metric that reaches
 * METRIC_MAX_SERIES takes no more, and chronos_metrics_dropped_total counts what was left out. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

#include "metric_table.h"

enum { METRIC_LABELS = 3, METRIC_MAX_SERIES = 1000 };

/* Before threads exist. Series without labels of this daemon's metrics appear at once, as 0. Until it was called, and when
 * nobody can ask, nothing is noted. */
void metrics_init(enum metric_daemon daemon, const char *version);
bool metrics_are_on(void);

/* Label values in the order of the table; as many as the metric has. They are copied. Names and values:
 *   metric_add(METRIC_EVENTS, 1, "accepted");   metric_observe(METRIC_RUN_DURATION, seconds, fn);
 * The counter grows by `value`, which is not negative. */
#define metric_add(metric, value, ...)                                                             \
    metric_add_labels(metric, value, (const char *const[METRIC_LABELS]){__VA_ARGS__})
/* The histogram takes one more value. */
#define metric_observe(metric, value, ...)                                                         \
    metric_observe_labels(metric, value, (const char *const[METRIC_LABELS]){__VA_ARGS__})
/* The gauge is this now. */
#define metric_set(metric, value, ...)                                                             \
    metric_set_labels(metric, value, (const char *const[METRIC_LABELS]){__VA_ARGS__})

/* The counter or histogram is there from now on, as 0 until something is noted: growth can only be seen of what was there
 * before, so this is for every series that an alert or an objective asks for, as soon as its labels are known. */
#define metric_show(metric, ...)                                                                   \
    metric_show_labels(metric, (const char *const[METRIC_LABELS]){__VA_ARGS__})

void metric_add_labels(enum metric m, double value, const char *const labels[METRIC_LABELS]);
void metric_observe_labels(enum metric m, double value, const char *const labels[METRIC_LABELS]);
void metric_set_labels(enum metric m, double value, const char *const labels[METRIC_LABELS]);
void metric_show_labels(enum metric m, const char *const labels[METRIC_LABELS]);

/* Series of the gauge that were not set since the last call are shown no more: what they were about is gone. */
void metric_drop_stale(enum metric m);

/* `collect` is called before each rendering, on the thread that renders: for gauges that are read when they are asked for.
 * `arg` is borrowed until metrics_off_scrape of the same function. */
void metrics_on_scrape(void (*collect)(void *arg), void *arg);
void metrics_off_scrape(void (*collect)(void *arg));

/* Everything in Prometheus' text format. false: it is larger than the buffer may become. */
bool metrics_render(struct buf *out);
