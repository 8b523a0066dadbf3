/* metric_table.h: every metric there is. ops/metrics.md says the same for people, and a test compares the two with what
 * the daemons show.
 *
 * Base units, and at most three labels whose values this program knows. Buckets have an edge on every objective: a run
 * starts within 30 s (WAIT), the canary comes through within 60 s (SPAN). */
#pragma once

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

enum metric_daemon {
    METRIC_OF_WORKER = 1,
    METRIC_OF_SCHEDULER = 2,
    METRIC_OF_CONSOLE = 4,
    METRIC_OF_ALL = 7,
};

#define METRIC_BUCKETS_NONE                                                                        \
    {                                                                                              \
        0                                                                                          \
    }
#define METRIC_BUCKETS_WAIT                                                                        \
    {                                                                                              \
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600            \
    }
#define METRIC_BUCKETS_SPAN                                                                        \
    {                                                                                              \
        0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600                       \
    }
#define METRIC_BUCKETS_CALL                                                                        \
    {                                                                                              \
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5           \
    }
#define METRIC_BUCKETS_LATE                                                                        \
    {                                                                                              \
        0.1, 0.5, 1, 5, 15, 30, 60, 300                                                            \
    }

/* enum, name after "chronos_", kind, buckets, daemons, labels, help */
/* clang-format off */
#define METRICS(X) \
    X(BUILD_INFO, "build_info", GAUGE, NONE, ALL, "version", "Always 1; the version that is running.") \
    X(LOG_LINES, "log_lines_total", COUNTER, NONE, ALL, "level", "Lines written to the log.") \
    X(METRICS_DROPPED, "metrics_dropped_total", COUNTER, NONE, ALL, "", "Values left out because their metric has too many series.") \
    X(REDIS_SECONDS, "redis_command_duration_seconds", HISTOGRAM, CALL, ALL, "command", "Round trips to Redis, by script or command; reads that wait for news and pipelines are not among them.") \
    X(REDIS_ERRORS, "redis_errors_total", COUNTER, NONE, ALL, "class", "Commands that Redis refused or did not answer.") \
    X(POSTGRES_SECONDS, "postgres_query_duration_seconds", HISTOGRAM, CALL, ALL, "query", "Statements in Postgres, by the name of the query.") \
    X(POSTGRES_ERRORS, "postgres_errors_total", COUNTER, NONE, ALL, "class", "Statements that Postgres refused or did not answer.") \
    X(RUNS_STARTED, "runs_started_total", COUNTER, NONE, WORKER, "function", "Runs whose first step has begun.") \
    X(RUNS_FINISHED, "runs_finished_total", COUNTER, NONE, WORKER | METRIC_OF_SCHEDULER, "function,outcome", "Runs that have ended: completed or failed (told by workers), cancelled (told by schedulers).") \
    X(QUEUE_WAIT, "run_queue_wait_seconds", HISTOGRAM, WAIT, WORKER, "function", "From when a run may run, no limit or delay holding it, to its first step.") \
    X(RUN_DURATION, "run_duration_seconds", HISTOGRAM, SPAN, WORKER, "function", "From a run's first step to its end, waits within the run included.") \
    X(END_TO_END, "run_end_to_end_seconds", HISTOGRAM, SPAN, WORKER, "function", "From the event that started a run to its end.") \
    X(STEP_ATTEMPTS, "step_attempts_total", COUNTER, NONE, WORKER, "function,step,outcome", "Attempts at steps: completed, paused (sleeps, waits or asks to run again) or failed.") \
    X(STEP_FAILURES, "step_failures_total", COUNTER, NONE, WORKER, "function,step,class", "Failed attempts by the class of the error.") \
    X(STEP_DURATION, "step_duration_seconds", HISTOGRAM, SPAN, WORKER, "function,step", "How long attempts at steps took.") \
    X(COMMITS, "commits_total", COUNTER, NONE, WORKER, "result", "Outcomes sent to Redis: applied, repeated, late, conflict, cancelled, refused or lost.") \
    X(LATE_COMMITS, "late_commits_refused_total", COUNTER, NONE, WORKER, "", "Results of a worker whose run belongs to another by now; they are dropped.") \
    X(COST, "cost_usd_total", COUNTER, NONE, WORKER, "function", "What paid steps have cost.") \
    X(BUDGET_CAP, "budget_limit_usd_per_hour", GAUGE, NONE, WORKER, "", "What paid steps of one owner may cost in an hour, as it is configured; 0 is no limit.") \
    X(PROVIDER_REQUESTS, "provider_requests_total", COUNTER, NONE, WORKER, "provider,code", "Requests to outside services by class of status; none = no answer, held = not sent, as the service is paused or its allowance used up.") \
    X(PROVIDER_SECONDS, "provider_request_duration_seconds", HISTOGRAM, SPAN, WORKER, "provider", "Requests to outside services that were sent.") \
    X(PROVIDER_THROTTLED, "provider_throttled_total", COUNTER, NONE, WORKER, "provider", "Answers that say there were too many requests.") \
    X(THREADS, "worker_threads", GAUGE, NONE, WORKER, "", "Runs that this worker can execute at the same time.") \
    X(THREADS_BUSY, "worker_busy_threads", GAUGE, NONE, WORKER, "", "Runs that it executes or is about to.") \
    X(HEARTBEAT, "worker_heartbeat_timestamp_seconds", GAUGE, NONE, WORKER, "", "When Redis last took this worker's heartbeat.") \
    X(FAIRNESS, "fairness_index", GAUGE, NONE, WORKER, "", "Jain's index over the mean waits of owners in the last minutes: 1 = alike, 1/n = one of n bears all.") \
    X(OWNER_WAIT, "owner_wait_max_seconds", GAUGE, NONE, WORKER, "", "The longest mean wait of an owner in the last minutes, limits included.") \
    X(EVENTS, "events_total", COUNTER, NONE, SCHEDULER, "outcome", "Events taken in: accepted, duplicate, unmatched or rejected.") \
    X(ROUTING, "event_routing_seconds", HISTOGRAM, WAIT, SCHEDULER, "", "From an event's acceptance to its runs being handed over.") \
    X(ENQUEUED, "runs_enqueued_total", COUNTER, NONE, SCHEDULER, "function,admission", "Runs handed over: admitted, waiting (a limit is full), parked (not due, throttled or collecting), joined or skipped.") \
    X(DENIED, "admission_denied_total", COUNTER, NONE, SCHEDULER, "function,reason", "Runs that could not be admitted at once, by what held them: limit, schedule, or the rule that skipped them.") \
    X(BACKLOG, "backlog_runs", GAUGE, NONE, SCHEDULER, "function,state", "Live runs that no worker executes: ready every 5 s; waiting, delayed and suspended once per audit, by the scheduler whose turn it was.") \
    X(BACKLOG_AGE, "backlog_oldest_age_seconds", GAUGE, NONE, SCHEDULER, "function,state", "Age of the oldest of them: since it is ready, else since its event.") \
    X(RUNNING, "running_runs", GAUGE, NONE, SCHEDULER, "function", "Runs that workers hold.") \
    X(LIMIT_RUNNING, "limit_running_runs", GAUGE, NONE, SCHEDULER, "limit", "Slots in use of limits that are not counted by a key.") \
    X(LIMIT_CAPACITY, "limit_capacity_runs", GAUGE, NONE, SCHEDULER, "limit", "Slots that those limits have.") \
    X(LIMIT_WAITING, "limit_waiting_queues", GAUGE, NONE, SCHEDULER, "limit", "Owners' queues that wait behind them.") \
    X(PAUSED, "function_paused", GAUGE, NONE, SCHEDULER, "function,mode", "1 while an operator has paused or drained a function.") \
    X(UNATTENDED, "function_unattended", GAUGE, NONE, SCHEDULER, "function", "1 while no live worker executes a function.") \
    X(LEASES_EXPIRED, "leases_expired_total", COUNTER, NONE, SCHEDULER, "function", "Runs that were handed on because their worker died.") \
    X(AUDIT_TOTAL, "audit_differences_total", COUNTER, NONE, SCHEDULER, "kind", "What audits found wrong and mended: slot (held without a right), slots (missing), run (nowhere).") \
    X(AUDIT_NOW, "audit_differences", GAUGE, NONE, SCHEDULER, "kind", "The same of the last audit; must be 0.") \
    X(AUDIT_LAST, "audit_last_pass_timestamp_seconds", GAUGE, NONE, SCHEDULER, "", "When this scheduler last finished an audit; 0 = never.") \
    X(CRON_TICKS, "cron_ticks_total", COUNTER, NONE, SCHEDULER, "function,result", "Ticks of schedules: sent, or missed as no scheduler was there.") \
    X(CRON_LATENESS, "cron_lateness_seconds", HISTOGRAM, LATE, SCHEDULER, "function", "From when a tick was due to its event.") \
    X(CRON_LAST, "cron_last_tick_timestamp_seconds", GAUGE, NONE, SCHEDULER, "function", "The last tick of a schedule.") \
    X(CRON_NEXT, "cron_next_tick_timestamp_seconds", GAUGE, NONE, SCHEDULER, "function", "When its next tick is due.") \
    X(STREAM_ENTRIES, "event_stream_entries", GAUGE, NONE, SCHEDULER, "stream", "Events that have not left their stream: of the public door, and of what the engine and its steps send.") \
    X(STREAM_AGE, "event_stream_oldest_age_seconds", GAUGE, NONE, SCHEDULER, "stream", "Age of the oldest of them.") \
    X(ARCHIVED, "archive_entries_total", COUNTER, NONE, SCHEDULER, "", "History entries moved to Postgres.") \
    X(ARCHIVE_BACKLOG, "archive_backlog_entries", GAUGE, NONE, SCHEDULER, "", "History entries that wait for it.") \
    X(ARCHIVE_AGE, "archive_oldest_age_seconds", GAUGE, NONE, SCHEDULER, "", "Age of the oldest of them.") \
    X(ROWS_REFUSED, "refused_rows", GAUGE, NONE, SCHEDULER, "", "Rows of the history that Postgres refuses, in chronos.refused_rows, counted up to 10,000; must be 0.") \
    X(OUTBOX, "outbox_events", GAUGE, NONE, SCHEDULER, "", "Rows of chronos.outbox, counted up to 10,000.") \
    X(OUTBOX_AGE, "outbox_oldest_age_seconds", GAUGE, NONE, SCHEDULER, "", "Age of the oldest of them.") \
    X(REDIS_MEMORY, "redis_memory_used_bytes", GAUGE, NONE, SCHEDULER, "server", "Memory of each Redis server that holds data.") \
    X(REDIS_MEMORY_MAX, "redis_memory_limit_bytes", GAUGE, NONE, SCHEDULER, "server", "Its maxmemory; 0 = none.") \
    X(REDIS_CLIENTS, "redis_connected_clients", GAUGE, NONE, SCHEDULER, "server", "Connections to it.") \
    X(REDIS_AOF, "redis_aof_write_ok", GAUGE, NONE, SCHEDULER, "server", "1 when its last write of the append-only file went well.") \
    X(REDIS_FIT, "redis_configuration_ok", GAUGE, NONE, SCHEDULER, "", "1 when all servers are set as this engine needs them (noeviction, append-only file).") \
    X(REDIS_REBUILT, "redis_last_rebuild_timestamp_seconds", GAUGE, NONE, SCHEDULER, "", "When Redis had lost its data last and live runs were rebuilt from Postgres; 0 = never.") \
    X(PG_CONNECTIONS, "postgres_connections", GAUGE, NONE, SCHEDULER, "", "Connections to the Postgres server, of anybody.") \
    X(PG_CONNECTIONS_MAX, "postgres_connections_limit", GAUGE, NONE, SCHEDULER, "", "Connections that it allows.") \
    X(PG_OLDEST, "postgres_oldest_transaction_seconds", GAUGE, NONE, SCHEDULER, "", "Age of the oldest open transaction in this database.") \
    X(PG_BYTES, "postgres_database_bytes", GAUGE, NONE, SCHEDULER, "", "Size of this database.") \
    X(PROVIDER_PAUSED, "provider_paused", GAUGE, NONE, SCHEDULER, "provider,kind", "1 while all workers leave an outside service alone: down, rate or stopped.") \
    X(OWNERS_NEAR_BUDGET, "owners_near_budget", GAUGE, NONE, SCHEDULER, "", "Owners whose finished runs of the last hour cost more than 80 % of the configured budget.") \
    X(CANARY_SENT, "canary_events_total", COUNTER, NONE, SCHEDULER, "", "Canary events sent.") \
    X(CANARY_LAST, "canary_last_success_timestamp_seconds", GAUGE, NONE, SCHEDULER, "", "End of the last canary run that is archived: the whole way worked then.") \
    X(HTTP_REQUESTS, "http_requests_total", COUNTER, NONE, CONSOLE, "route,method,code", "Requests that were answered, by the class of the status; none = the client went away.") \
    X(HTTP_SECONDS, "http_request_duration_seconds", HISTOGRAM, CALL, CONSOLE, "route", "From a request's head to its answer's end; event streams last.") \
    X(SAMPLED, "sampler_last_success_timestamp_seconds", GAUGE, NONE, SCHEDULER, "source", "When the gauges that are read from redis and postgres were last read.")
/* clang-format on */

enum metric {
#define X(id, ...) METRIC_##id,
    METRICS(X)
#undef X
        METRIC_COUNT
};
