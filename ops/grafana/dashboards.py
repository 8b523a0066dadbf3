"""What is on the dashboards: a row of PANELS is (title, description, unit, [(query, legend), …]). `@` in a query stands for the
matchers that every query has. `python3 -m ops.grafana` writes ops/grafana/dashboards/*.json."""

WAITS = "chronos_run_queue_wait_seconds"
LATE_STARTS = ('(sum(rate(chronos_run_queue_wait_seconds_count{@}[$__rate_interval])) - '
               'sum(rate(chronos_run_queue_wait_seconds_bucket{@,le="30"}[$__rate_interval])))'
               ' / (sum(rate(chronos_run_queue_wait_seconds_count{@}[$__rate_interval])) > 0)')
FAILED = ('(sum(rate(chronos_runs_finished_total{@,outcome="failed"}[$__rate_interval])) or vector(0))'
          ' / (sum(rate(chronos_runs_finished_total{@,outcome=~"completed|failed"}[$__rate_interval])) > 0)')


def rate(name, by="", more=""):
    group = f" by ({by})" if by else ""
    return f"sum{group} (rate({name}{{@{more}}}[$__rate_interval]))"


def quantile(q, name, by="", more=""):
    return f"histogram_quantile({q}, sum by (le{', ' + by if by else ''}) (rate({name}_bucket{{@{more}}}[$__rate_interval])))"


def most(name, by="", more=""):
    return f"max by ({by}) ({name}{{@{more}}})" if by else f"max({name}{{@{more}}})"


def spread(name, by="", more="", legend=""):
    """Median, nine of ten, 99 of 100."""
    return [(quantile(q, name, by, more), f"{legend} {word}".strip())
            for q, word in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))]


FN = ',function=~"$function"'

DASHBOARDS = {
    "overview": ("Chronos / Overview", [
        ("Runs finished", "Runs that end, by how.", "ops", [(rate("chronos_runs_finished_total", "outcome"), "{{outcome}}")]),
        ("Events", "Events taken in, by what became of them.", "ops",
         [(rate("chronos_events_total", "outcome"), "{{outcome}}")]),
        ("Backlog", "Live runs that no worker executes, by where they are. Waiting, delayed and suspended are counted once per "
         "audit.", "short", [(f"sum by (state) ({most('chronos_backlog_runs', 'function, state')})", "{{state}}")]),
        ("Oldest in the backlog", "Age of the oldest run in each state.", "s",
         [(most("chronos_backlog_oldest_age_seconds", "state"), "{{state}}")]),
        ("Queue wait", "From when a run may run to its first step.", "s", spread(WAITS)),
        ("End to end", "From the event to the end of its run.", "s", spread("chronos_run_end_to_end_seconds")),
        ("Threads in use", "Share of all workers' threads that are busy.", "percentunit",
         [("sum(chronos_worker_busy_threads{@}) / sum(chronos_worker_threads{@})", "busy")]),
        ("Since the last canary", "The canary goes the whole way once a minute; more than three minutes is an alarm.", "s",
         [("time() - max(chronos_canary_last_success_timestamp_seconds{@})", "age")]),
        ("Audit differences", "What the last audit found wrong; must be 0.", "short",
         [(most("chronos_audit_differences", "kind"), "{{kind}}")]),
        ("Log lines", "By level; errors want somebody to look.", "ops",
         [(rate("chronos_log_lines_total", "level"), "{{level}}")]),
        ("Daemons up", "Targets that answer Prometheus.", "short", [("sum by (job) (up{@})", "{{job}}")]),
        ("Versions", "Which builds are running; two during a rolling upgrade.", "short",
         [("count by (job, version) (chronos_build_info{@})", "{{job}} {{version}}")]),
    ]),
    "function": ("Chronos / Function", [
        ("Started and finished", "Runs of the function.", "ops",
         [(rate("chronos_runs_started_total", "function", FN), "{{function}} started"),
          (rate("chronos_runs_finished_total", "function, outcome", FN), "{{function}} {{outcome}}")]),
        ("Queue wait", "From when a run may run to its first step.", "s", spread(WAITS, "function", FN, "{{function}}")),
        ("Run duration", "From the first step to the end, waits within the run included.", "s",
         spread("chronos_run_duration_seconds", "function", FN, "{{function}}")),
        ("End to end", "From the event to the end.", "s",
         spread("chronos_run_end_to_end_seconds", "function", FN, "{{function}}")),
        ("Step attempts", "By step and what came of them.", "ops",
         [(rate("chronos_step_attempts_total", "function, step, outcome", FN), "{{function}} {{step}} {{outcome}}")]),
        ("Step failures by class", "Which kind of error, at which step.", "ops",
         [(rate("chronos_step_failures_total", "function, step, class", FN), "{{function}} {{step}} {{class}}")]),
        ("Step duration, p90", "How long attempts take.", "s",
         [(quantile(0.9, "chronos_step_duration_seconds", "function, step", FN), "{{function}} {{step}}")]),
        ("Backlog", "Live runs that no worker executes.", "short",
         [(most("chronos_backlog_runs", "function, state", FN), "{{function}} {{state}}")]),
        ("Running", "Runs that workers hold.", "short", [(most("chronos_running_runs", "function", FN), "{{function}}")]),
        ("Cost", "What its paid steps cost, per second.", "currencyUSD",
         [(rate("chronos_cost_usd_total", "function", FN), "{{function}}")]),
    ]),
    "limits": ("Chronos / Limits and fairness", [
        ("Slots in use", "Share of the slots of limits that are not counted by a key.", "percentunit",
         [("max by (limit) (chronos_limit_running_runs{@}) / (max by (limit) (chronos_limit_capacity_runs{@}) > 0)", "{{limit}}")]),
        ("Slots", "Used and there.", "short", [(most("chronos_limit_running_runs", "limit"), "{{limit}} used"),
                                                (most("chronos_limit_capacity_runs", "limit"), "{{limit}} there")]),
        ("Queues behind limits", "Owners' queues that wait.", "short",
         [(most("chronos_limit_waiting_queues", "limit"), "{{limit}}")]),
        ("Not admitted at once", "Runs that were held or skipped, by what did it.", "ops",
         [(rate("chronos_admission_denied_total", "reason"), "{{reason}}")]),
        ("Handed over", "What became of runs when they were enqueued.", "ops",
         [(rate("chronos_runs_enqueued_total", "admission"), "{{admission}}")]),
        ("Fairness", "Jain's index over the mean waits of owners: 1 when all wait alike.", "percentunit",
         [("min(chronos_fairness_index{@})", "index")]),
        ("Longest mean wait of an owner", "Limits included.", "s", [(most("chronos_owner_wait_max_seconds"), "longest")]),
        ("Paused functions", "By operators.", "short", [(most("chronos_function_paused", "function, mode"), "{{function}} {{mode}}")]),
        ("Waiting runs", "Runs behind limits, by function.", "short",
         [(most("chronos_backlog_runs", "function", ',state="waiting"'), "{{function}}")]),
    ]),
    "cost": ("Chronos / Cost", [
        ("Cost per hour", "What paid steps cost at the present rate.", "currencyUSD",
         [(f"3600 * {rate('chronos_cost_usd_total', 'function')}", "{{function}}")]),
        ("Owners near their budget", "More than four fifths of the hour's budget is used. Who they are is in "
         "chronos.spending_last_hour.", "short", [(most("chronos_owners_near_budget"), "owners")]),
        ("Budget of an owner", "USD in an hour, as it is configured.", "currencyUSD",
         [(most("chronos_budget_limit_usd_per_hour"), "budget")]),
        ("Requests to services", "By class of status; held = not sent.", "reqps",
         [(rate("chronos_provider_requests_total", "provider, code"), "{{provider}} {{code}}")]),
        ("Turned away", "Answers that say there were too many requests.", "reqps",
         [(rate("chronos_provider_throttled_total", "provider"), "{{provider}}")]),
        ("Duration of requests, p90", "To outside services.", "s",
         [(quantile(0.9, "chronos_provider_request_duration_seconds", "provider"), "{{provider}}")]),
        ("Services left alone", "By all workers, until a probe goes well.", "short",
         [(most("chronos_provider_paused", "provider, kind"), "{{provider}} {{kind}}")]),
    ]),
    "workers": ("Chronos / Workers", [
        ("Threads", "Busy and there.", "short", [("sum by (instance) (chronos_worker_busy_threads{@})", "{{instance}} busy"),
                                                  ("sum by (instance) (chronos_worker_threads{@})", "{{instance}} there")]),
        ("Since the last heartbeat", "A worker whose heartbeat is not taken ends its steps.", "s",
         [("time() - max by (instance) (chronos_worker_heartbeat_timestamp_seconds{@})", "{{instance}}")]),
        ("Commits", "What Redis said to outcomes of steps.", "ops", [(rate("chronos_commits_total", "result"), "{{result}}")]),
        ("Late commits refused", "Results of workers that were taken for dead.", "ops",
         [(rate("chronos_late_commits_refused_total", "instance"), "{{instance}}")]),
        ("Leases expired", "Runs handed on because their worker died.", "ops",
         [(rate("chronos_leases_expired_total", "function"), "{{function}}")]),
        ("Functions nobody executes", "1 = no live worker has it.", "short",
         [(most("chronos_function_unattended", "function"), "{{function}}")]),
        ("CPU", "Of each daemon.", "percentunit", [("rate(process_cpu_seconds_total{@}[$__rate_interval])", "{{job}} {{instance}}")]),
        ("Memory", "Resident.", "bytes", [("process_resident_memory_bytes{@}", "{{job}} {{instance}}")]),
        ("File descriptors", "Open, as a share of the limit.", "percentunit",
         [("process_open_fds{@} / process_max_fds{@}", "{{job}} {{instance}}")]),
        ("OS threads", "Of each daemon.", "short", [("process_threads{@}", "{{job}} {{instance}}")]),
        ("Uptime", "Since the start of the process.", "s", [("time() - process_start_time_seconds{@}", "{{job}} {{instance}}")]),
        ("Console requests", "By route and class of status.", "reqps",
         [(rate("chronos_http_requests_total", "route, code"), "{{route}} {{code}}")]),
        ("Console, p99", "Duration of requests.", "s",
         [(quantile(0.99, "chronos_http_request_duration_seconds", "route"), "{{route}}")]),
    ]),
    "cron": ("Chronos / Cron", [
        ("Until the next tick", "Below zero a tick is late.", "s",
         [("max by (function) (chronos_cron_next_tick_timestamp_seconds{@}) - time()", "{{function}}")]),
        ("Since the last tick", "By schedule.", "s",
         [("time() - max by (function) (chronos_cron_last_tick_timestamp_seconds{@})", "{{function}}")]),
        ("Ticks", "Sent, or missed as no scheduler was there.", "short",
         [("sum by (function, result) (increase(chronos_cron_ticks_total{@}[$__rate_interval]))", "{{function}} {{result}}")]),
        ("Lateness, p99", "From when a tick was due to its event.", "s",
         [(quantile(0.99, "chronos_cron_lateness_seconds", "function"), "{{function}}")]),
        ("Canaries sent", "One a minute over all schedulers.", "short",
         [("sum(increase(chronos_canary_events_total{@}[$__rate_interval]))", "sent")]),
        ("Canary, end to end", "From its event to the end of its run.", "s",
         spread("chronos_run_end_to_end_seconds", "", ',function="canary"')),
    ]),
    "stores": ("Chronos / Redis and Postgres", [
        ("Redis calls", "Round trips by script or command.", "ops",
         [(rate("chronos_redis_command_duration_seconds_count", "command"), "{{command}}")]),
        ("Redis, p99", "Round trips that wait for nothing but the server.", "s",
         [(quantile(0.99, "chronos_redis_command_duration_seconds", "command"), "{{command}}")]),
        ("Redis errors", "By class: unavailable = away, busy or full.", "ops",
         [(rate("chronos_redis_errors_total", "class"), "{{class}}")]),
        ("Redis memory", "Used, and maxmemory.", "bytes", [(most("chronos_redis_memory_used_bytes", "server"), "{{server}} used"),
                                                            (most("chronos_redis_memory_limit_bytes", "server"), "{{server}} limit")]),
        ("Redis connections", "Of all clients.", "short", [(most("chronos_redis_connected_clients", "server"), "{{server}}")]),
        ("Redis is fit", "1 = configured as it must be; 1 = the append-only file is written.", "short",
         [("min(chronos_redis_configuration_ok{@})", "configuration"),
          ("min by (server) (chronos_redis_aof_write_ok{@})", "append-only file {{server}}")]),
        ("Event streams", "Events that are not recorded yet.", "short",
         [(most("chronos_event_stream_entries", "stream"), "{{stream}}")]),
        ("Oldest event", "In each stream.", "s", [(most("chronos_event_stream_oldest_age_seconds", "stream"), "{{stream}}")]),
        ("Archive", "History entries moved to Postgres.", "ops", [(rate("chronos_archive_entries_total"), "archived")]),
        ("Archive backlog", "History entries that wait for it.", "short", [(most("chronos_archive_backlog_entries"), "entries")]),
        ("Archive lag", "Age of the oldest of them.", "s", [(most("chronos_archive_oldest_age_seconds"), "age")]),
        ("Refused rows", "Rows of the history that Postgres refuses; must be 0.", "short", [(most("chronos_refused_rows"), "rows")]),
        ("Outbox", "Events sent from SQL that are not in Redis yet.", "short", [(most("chronos_outbox_events"), "events")]),
        ("Outbox lag", "Age of the oldest of them.", "s", [(most("chronos_outbox_oldest_age_seconds"), "age")]),
        ("Postgres statements", "By the name of the query.", "ops",
         [(rate("chronos_postgres_query_duration_seconds_count", "query"), "{{query}}")]),
        ("Postgres, p99", "By the name of the query.", "s",
         [(quantile(0.99, "chronos_postgres_query_duration_seconds", "query"), "{{query}}")]),
        ("Postgres errors", "By class.", "ops", [(rate("chronos_postgres_errors_total", "class"), "{{class}}")]),
        ("Postgres connections", "In use, and allowed.", "short", [(most("chronos_postgres_connections"), "used"),
                                                                    (most("chronos_postgres_connections_limit"), "limit")]),
        ("Oldest transaction", "In this database.", "s", [(most("chronos_postgres_oldest_transaction_seconds"), "age")]),
        ("Database", "Its size.", "bytes", [(most("chronos_postgres_database_bytes"), "size")]),
        ("Since figures were read", "By source; when old, these panels are.", "s",
         [("time() - max by (source) (chronos_sampler_last_success_timestamp_seconds{@})", "{{source}}")]),
    ]),
    "objectives": ("Chronos / Objectives", [
        ("Late starts", "Share of runs that waited longer than 30 s for a worker; 1 % is allowed.", "percentunit",
         [(LATE_STARTS, "late")]),
        ("Failed runs", "Share of runs that failed; 0.5 % is allowed.", "percentunit", [(FAILED, "failed")]),
        ("Budget burn of starts", "1 = the month's budget is used up in a month; 14.4 pages at once.", "short",
         [(f"({LATE_STARTS}) / 0.01", "burn")]),
        ("Budget burn of successes", "1 = the month's budget is used up in a month; 14.4 pages at once.", "short",
         [(f"({FAILED}) / 0.005", "burn")]),
        ("Routing", "From an event's acceptance to its runs being handed over; part of the start objective.", "s",
         spread("chronos_event_routing_seconds")),
        ("Queue wait by function, p99", "Who is late.", "s", [(quantile(0.99, WAITS, "function"), "{{function}}")]),
        ("Failures by function", "Who fails.", "ops",
         [(rate("chronos_runs_finished_total", "function", ',outcome="failed"'), "{{function}}")]),
        ("Canary", "End to end, p99; 60 s is allowed.", "s",
         [(quantile(0.99, "chronos_run_end_to_end_seconds", "", ',function="canary"'), "p99")]),
    ]),
}
