/* conf.h: the settings of the daemons, as one table (conf.c): environment variable, type, default, bounds, unit and a
 * sentence. From the table come the parser, --help and what a daemon prints at its start, secrets masked.
 *
 * A setting is read from NAME, from the file that NAME_FILE names, or from the systemd credential NAME. A value out of bounds stops the
 * start with the name, the value and the bounds. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "err.h"
#include "services.h"

struct conf {
    const char *redis_url;
    const char *database_url;
    const char *log_level;
    const char *log_format;
    const char *limits;
    const char *metrics_address;
    const char *work_dir;
    const char *supabase_url;
    const char *own_storage_url; /* STORAGE_URL; what counts is services.storage_url */
    const char *otlp_endpoint, *otlp_headers, *otel_service, *otel_attributes;
    long log_fold_ms;
    long metrics_port;
    long partitions;
    long lease_ms;
    long worker_threads;
    long drain_ms;
    long step_timeout_ms;
    long retry_base_ms;
    long retry_max_ms;
    long max_deaths;
    long service_wait_ms;
    double budget_usd_per_hour;
    long max_event_bytes;
    long dedupe_ms;
    long retention_days;
    long retention_events_days; /* 0 = retention_days, as the next ones */
    long retention_runs_days;
    long retention_steps_days;
    long retention_rejected_days;
    long retention_audit_days;
    long route_batch;
    long archive_batch;
    long canary_ms;
    long cron_grace_ms;
    long audit_ms;
    const char *console_address;
    const char *console_url;
    const char *console_secret;
    const char *console_durable;
    const char *event_keys;
    const char *read_keys;
    const char *admin_keys;
    const char *signing_key;
    const char *signing_key_fallback;
    long console_port;
    long console_threads;
    long console_connections;
    long console_connections_per_address; /* -1 = three quarters of all, 0 = no limit */
    long console_streams;
    long console_max_body_bytes;
    long console_bodies_bytes;
    long console_request_ms;
    long console_rate;
    struct services services;
};

enum conf_daemon {
    CONF_WORKER = 1,
    CONF_SCHEDULER = 2,
    CONF_BOTH = 3,
    CONF_CONSOLE = 4,
    CONF_ALL = 7,
};

/* Reads the environment. Strings live as long as the process. */
bool conf_load(struct conf *c, enum conf_daemon daemon, struct err *e);

/* A variable of the environment, as "NAME=value", that looks like a setting and is none. */
bool conf_is_misspelt(const char *variable);

/* One log line per setting of that daemon, secrets as ***. */
void conf_log(const struct conf *c, enum conf_daemon daemon);

/* The table as text for --help. */
void conf_help(FILE *out, enum conf_daemon daemon);

/* The configured maximum of a limit ("extract-video-transcript", "creator", "global"), or `otherwise`. */
long conf_limit(const struct conf *c, const char *name, long otherwise);
