#include "conf.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler.h"
#include "key.h"
#include "kv.h"
#include "log.h"
#include "secrets.h"
#include "spans.h"

extern char **environ;

enum type {
    TEXT,
    URL,      /* printed without password and query */
    CONNINFO, /* libpq's; only host, port, database and user are printed */
    SECRET,   /* printed as *** */
    NUMBER,
    PRICE,
};

struct setting {
    const char *name;
    enum type type;
    size_t offset;
    const char *value; /* default */
    long min, max;     /* of a number */
    const char *unit;
    enum conf_daemon daemon;
    const char *help;
};

#define DEFAULT_STORAGE "/var/lib/chronos/storage"

#define AT(field)  offsetof(struct conf, field)
#define SVC(field) offsetof(struct conf, services.field)

/* clang-format off */
static const struct setting settings[] = {
    {"CHRONOS_REDIS_URL", URL, AT(redis_url), "redis://127.0.0.1:6379", 0, 0, "", CONF_ALL, "Redis, as redis://[user:password@]host:port[/db]; nodes of a cluster as redis://host:port,host:port"},
    {"CHRONOS_DATABASE_URL", CONNINFO, AT(database_url), "postgresql://127.0.0.1:5432/chronos", 0, 0, "", CONF_ALL, "Postgres, as a libpq URI or connection string"},
    {"CHRONOS_LOG_LEVEL", TEXT, AT(log_level), "info", 0, 0, "", CONF_ALL, "error, warn, info or debug"},
    {"CHRONOS_LOG_FORMAT", TEXT, AT(log_format), "logfmt", 0, 0, "", CONF_ALL, "logfmt or json; ops/logs.md has the keys and codes"},
    {"CHRONOS_LOG_FOLD_MS", NUMBER, AT(log_fold_ms), "10000", 0, 3600000, "ms", CONF_ALL, "repeats of a warning or error are counted for so long; 0 = all are written"},
    {"CHRONOS_METRICS_ADDRESS", TEXT, AT(metrics_address), "127.0.0.1", 0, 0, "", CONF_ALL, "where /metrics, /health and /ready are answered; an IP address"},
    {"CHRONOS_METRICS_PORT", NUMBER, AT(metrics_port), "0", 0, 65535, "", CONF_ALL, "their port, one for each daemon of a machine; 0 = not at all"},
    {"CHRONOS_PARTITIONS", NUMBER, AT(partitions), "0", 0, MAX_PARTITIONS, "", CONF_ALL, "partitions that creators are spread over, fixed by the first start; 0 = as they are, 1 on a new engine"},
    {"CHRONOS_LEASE_MS", NUMBER, AT(lease_ms), "4000", 500, 600000, "ms", CONF_BOTH, "a daemon silent for longer is taken for dead and its work given to others"},
    {"CHRONOS_LIMITS", TEXT, AT(limits), "", 0, 0, "", CONF_WORKER, "overrides of concurrency limits: name=max,… (a function's id, creator, global)"},
    {"CHRONOS_WORKER_THREADS", NUMBER, AT(worker_threads), "32", 1, 1024, "threads", CONF_WORKER, "runs executed at the same time; each may hold one Postgres connection"},
    {"CHRONOS_DRAIN_MS", NUMBER, AT(drain_ms), "30000", 0, 3600000, "ms", CONF_WORKER | CONF_CONSOLE, "grace that running steps and requests get after SIGTERM"},
    {"CHRONOS_STEP_TIMEOUT_MS", NUMBER, AT(step_timeout_ms), "1800000", 100, 86400000, "ms", CONF_WORKER, "longest a step may run unless it sets its own limit"},
    {"CHRONOS_RETRY_BASE_MS", NUMBER, AT(retry_base_ms), "2000", 1, 3600000, "ms", CONF_WORKER, "delay before the first retry; doubles each time, with jitter"},
    {"CHRONOS_RETRY_MAX_MS", NUMBER, AT(retry_max_ms), "600000", 1, 86400000, "ms", CONF_WORKER, "longest delay between retries when no service asked for more"},
    {"CHRONOS_MAX_DEATHS", NUMBER, AT(max_deaths), "3", 1, 100, "deaths", CONF_WORKER, "a run whose workers died this often fails instead of circling"},
    {"CHRONOS_SERVICE_WAIT_MS", NUMBER, AT(service_wait_ms), "86400000", 0, 2592000000, "ms", CONF_WORKER, "how long a step waits, without using an attempt, for an outside service that is down or out of quota; 0 = every failure uses an attempt"},
    {"CHRONOS_BUDGET_USD_PER_HOUR", PRICE, AT(budget_usd_per_hour), "10", 0, 1000000, "USD", CONF_WORKER, "what paid steps of one owner may cost in an hour; its runs then wait. 0 = no such limit"},
    {"CHRONOS_WORK_DIR", TEXT, AT(work_dir), "/tmp", 0, 0, "", CONF_WORKER, "where downloads are kept while a step runs"},
    {"CHRONOS_MAX_EVENT_BYTES", NUMBER, AT(max_event_bytes), "524288", 1024, 16777216, "bytes", CONF_SCHEDULER | CONF_CONSOLE, "largest data of an event; larger ones are rejected"},
    {"CHRONOS_DEDUPE_MS", NUMBER, AT(dedupe_ms), "86400000", 1000, 604800000, "ms", CONF_SCHEDULER, "how long an event's id is remembered"},
    {"CHRONOS_RETENTION_DAYS", NUMBER, AT(retention_days), "90", 1, 36500, "days", CONF_SCHEDULER, "history older than this is dropped, a day at a time"},
    {"CHRONOS_RETENTION_EVENTS_DAYS", NUMBER, AT(retention_events_days), "0", 0, 36500, "days", CONF_SCHEDULER, "the same for accepted events; 0 = CHRONOS_RETENTION_DAYS, as for the next ones"},
    {"CHRONOS_RETENTION_RUNS_DAYS", NUMBER, AT(retention_runs_days), "0", 0, 36500, "days", CONF_SCHEDULER, "the same for runs and what their transactional steps did; not below that of events"},
    {"CHRONOS_RETENTION_STEPS_DAYS", NUMBER, AT(retention_steps_days), "0", 0, 36500, "days", CONF_SCHEDULER, "the same for the attempts of steps and their results, which are the largest part"},
    {"CHRONOS_RETENTION_REJECTED_DAYS", NUMBER, AT(retention_rejected_days), "0", 0, 36500, "days", CONF_SCHEDULER, "the same for what could not be read as an event"},
    {"CHRONOS_RETENTION_AUDIT_DAYS", NUMBER, AT(retention_audit_days), "365", 0, 36500, "days", CONF_SCHEDULER, "the same for who changed what by the console or the command line"},
    {"CHRONOS_ROUTE_BATCH", NUMBER, AT(route_batch), "256", 1, 1000, "events", CONF_SCHEDULER, "events read from the stream at once"},
    {"CHRONOS_ARCHIVE_BATCH", NUMBER, AT(archive_batch), "1000", 1, 10000, "entries", CONF_SCHEDULER, "history entries written to Postgres at once"},
    {"CHRONOS_CANARY_MS", NUMBER, AT(canary_ms), "60000", 0, 86400000, "ms", CONF_SCHEDULER, "a canary event goes the whole way once in this time, for alerts to miss; 0 = none"},
    {"CHRONOS_CRON_GRACE_MS", NUMBER, AT(cron_grace_ms), "30000", 0, 86400000, "ms", CONF_SCHEDULER, "a tick of a schedule that is later than this counts as missed"},
    {"CHRONOS_AUDIT_MS", NUMBER, AT(audit_ms), "60000", 100, 86400000, "ms", CONF_SCHEDULER, "what Redis holds is compared with itself once in this time"},
    {"CHRONOS_CONSOLE_ADDRESS", TEXT, AT(console_address), "", 0, 0, "", CONF_CONSOLE, "where to listen; empty = 127.0.0.1 without keys, every address with keys"},
    {"CHRONOS_CONSOLE_PORT", NUMBER, AT(console_port), "8288", 0, 65535, "", CONF_CONSOLE, "port; 0 = any that is free"},
    {"CHRONOS_CONSOLE_URL", URL, AT(console_url), "", 0, 0, "", CONF_CONSOLE, "how browsers reach it, as https://chronos.example.com, when a proxy stands before it"},
    {"CHRONOS_CONSOLE_SECRET", SECRET, AT(console_secret), "", 0, 0, "", CONF_CONSOLE, "signs the cookies of people who have logged in; empty = a new one at each start. The same for all consoles"},
    {"CHRONOS_CONSOLE_DURABLE", TEXT, AT(console_durable), "redis", 0, 0, "", CONF_CONSOLE, "where an event is before it is confirmed: redis, or postgres; ?durable= overrides it"},
    {"CHRONOS_EVENT_KEYS", TEXT, AT(event_keys), "", 0, 0, "", CONF_CONSOLE, "who may send events: name=sha256:<hex>,… as chronos-console --new-key prints; two of one name for rotation"},
    {"CHRONOS_READ_KEYS", TEXT, AT(read_keys), "", 0, 0, "", CONF_CONSOLE, "who may look, written alike"},
    {"CHRONOS_ADMIN_KEYS", TEXT, AT(admin_keys), "", 0, 0, "", CONF_CONSOLE, "who may look and change, written alike"},
    {"INNGEST_SIGNING_KEY", SECRET, AT(signing_key), "", 0, 0, "", CONF_CONSOLE, "what the official SDK presents to the REST API; counts as an admin key"},
    {"INNGEST_SIGNING_KEY_FALLBACK", SECRET, AT(signing_key_fallback), "", 0, 0, "", CONF_CONSOLE, "the other one, while it is being changed"},
    {"CHRONOS_CONSOLE_THREADS", NUMBER, AT(console_threads), "8", 1, 256, "threads", CONF_CONSOLE, "requests answered at the same time; each may hold one Postgres connection"},
    {"CHRONOS_CONSOLE_CONNECTIONS", NUMBER, AT(console_connections), "2048", 16, 65536, "connections", CONF_CONSOLE, "clients connected at the same time"},
    {"CHRONOS_CONSOLE_CONNECTIONS_PER_ADDRESS", NUMBER, AT(console_connections_per_address), "-1", -1, 65536, "connections", CONF_CONSOLE, "the same of one address; -1 = three quarters of all, 0 = no limit, as behind a proxy, where all come from one"},
    {"CHRONOS_CONSOLE_STREAMS", NUMBER, AT(console_streams), "1024", 1, 65536, "streams", CONF_CONSOLE, "open event streams among them"},
    {"CHRONOS_CONSOLE_MAX_BODY_BYTES", NUMBER, AT(console_max_body_bytes), "8388608", 1024, 67108864, "bytes", CONF_CONSOLE, "largest body of a request"},
    {"CHRONOS_CONSOLE_BODIES_BYTES", NUMBER, AT(console_bodies_bytes), "268435456", 1024, 17179869184, "bytes", CONF_CONSOLE, "bodies that are kept of all requests together; what is more is answered with 503. One of the largest size always fits"},
    {"CHRONOS_CONSOLE_REQUEST_MS", NUMBER, AT(console_request_ms), "30000", 100, 600000, "ms", CONF_CONSOLE, "longest a request may take to arrive, and its answer to be fetched"},
    {"CHRONOS_CONSOLE_RATE", NUMBER, AT(console_rate), "2000", 1, 1000000, "per second", CONF_CONSOLE, "requests of one key; more are answered with 429"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT", URL, AT(otlp_endpoint), "", 0, 0, "", CONF_WORKER, "collector that spans go to, as OTLP over HTTP in JSON; /v1/traces is added. Empty = none are made"},
    {"OTEL_EXPORTER_OTLP_HEADERS", SECRET, AT(otlp_headers), "", 0, 0, "", CONF_WORKER, "name=value,… sent with them; values percent-encoded"},
    {"OTEL_SERVICE_NAME", TEXT, AT(otel_service), "chronos-worker", 0, 0, "", CONF_WORKER, "service.name of the spans"},
    {"OTEL_RESOURCE_ATTRIBUTES", TEXT, AT(otel_attributes), "", 0, 0, "", CONF_WORKER, "further attributes of the resource: name=value,…; values percent-encoded"},
    {"CHRONOS_FFMPEG", TEXT, SVC(ffmpeg), "ffmpeg", 0, 0, "", CONF_WORKER, "the ffmpeg program"},
    {"CHRONOS_FFPROBE", TEXT, SVC(ffprobe), "ffprobe", 0, 0, "", CONF_WORKER, "the ffprobe program"},
    {"CHRONOS_YOUTUBE_URL", URL, SVC(youtube_url), "https://www.youtube.com", 0, 0, "", CONF_WORKER, "YouTube"},
    {"CHRONOS_YOUTUBE_KEY", SECRET, SVC(youtube_key), "", 0, 0, "", CONF_WORKER, "key of the player call, optional"},
    {"CHRONOS_YOUTUBE_CLIENTS", TEXT, SVC(youtube_clients), "", 0, 0, "", CONF_WORKER, "app identities to ask as, in order: names (ANDROID,IOS,VISIONOS,WEB,WEB_EMBEDDED_PLAYER), or the path of a JSON file that describes them; empty = all, in this order"},
    {"CHRONOS_YOUTUBE_PROXY", URL, SVC(youtube_proxy), "", 0, 0, "", CONF_WORKER, "proxy for YouTube only"},
    {"CHRONOS_LOOM_URL", URL, SVC(loom_url), "https://www.loom.com", 0, 0, "", CONF_WORKER, "Loom"},
    {"MUX_BASE_URL", URL, SVC(mux_url), "https://api.mux.com", 0, 0, "", CONF_WORKER, "Mux API"},
    {"CHRONOS_MUX_STREAM_URL", URL, SVC(mux_stream_url), "https://stream.mux.com", 0, 0, "", CONF_WORKER, "Mux captions and renditions"},
    {"MUX_TOKEN_ID", TEXT, SVC(mux_token_id), "", 0, 0, "", CONF_WORKER, "Mux token"},
    {"MUX_TOKEN_SECRET", SECRET, SVC(mux_token_secret), "", 0, 0, "", CONF_WORKER, "Mux token's secret"},
    {"MUX_SIGNING_KEY", TEXT, SVC(mux_signing_key), "", 0, 0, "", CONF_WORKER, "id of the Mux signing key, for videos with signed playback"},
    {"MUX_PRIVATE_KEY", SECRET, SVC(mux_private_key), "", 0, 0, "", CONF_WORKER, "that key's private part, in base64 as Mux shows it"},
    {"WHOP_BASE_URL", URL, SVC(whop_url), "https://api.whop.com/api/v1", 0, 0, "", CONF_WORKER, "Whop API"},
    {"WHOP_API_KEY", SECRET, SVC(whop_key), "", 0, 0, "", CONF_WORKER, "key for Whop lessons, with the permission courses:read"},
    {"SUPABASE_URL", URL, AT(supabase_url), "", 0, 0, "", CONF_WORKER | CONF_CONSOLE, "Supabase project; storage is its /storage/v1"},
    {"CHRONOS_STORAGE_URL", URL, SVC(storage_url), "", 0, 0, "", CONF_WORKER | CONF_CONSOLE, "storage server, when it is not {SUPABASE_URL}/storage/v1"},
    {"SUPABASE_SERVICE_ROLE_KEY", SECRET, SVC(storage_key), "", 0, 0, "", CONF_WORKER, "key for storage"},
    {"STORAGE_URL", URL, AT(own_storage_url), "", 0, 0, "", CONF_WORKER | CONF_CONSOLE, "file:/directory keeps files there, a URL names a storage server; empty = CHRONOS_STORAGE_URL, then that of SUPABASE_URL, then file:" DEFAULT_STORAGE},
    {"STORAGE_SECRET", SECRET, SVC(storage_secret), "", 0, 0, "", CONF_WORKER | CONF_CONSOLE, "signs links to files of the directory, 16 bytes at least; empty = one is made and kept in it"},
    {"STORAGE_PUBLIC_URL", URL, SVC(storage_public_url), "", 0, 0, "", CONF_WORKER | CONF_CONSOLE, "where the console is reached from outside: the beginning of those links; empty = they are relative"},
    {"OPENAI_BASE_URL", URL, SVC(embed_url), "https://api.openai.com/v1", 0, 0, "", CONF_WORKER | CONF_CONSOLE, "OpenAI or a compatible server, with /v1"},
    {"OPENAI_API_KEY", SECRET, SVC(embed_key), "", 0, 0, "", CONF_WORKER | CONF_CONSOLE, "key for speech and embeddings"},
    {"CHRONOS_TRANSCRIBE_URL", URL, SVC(transcribe_url), "", 0, 0, "", CONF_WORKER, "another server for speech; empty = OPENAI_BASE_URL"},
    {"CHRONOS_TRANSCRIBE_KEY", SECRET, SVC(transcribe_key), "", 0, 0, "", CONF_WORKER, "its key; empty = OPENAI_API_KEY"},
    {"CHRONOS_TRANSCRIBE_MODEL", TEXT, SVC(transcribe_model), "whisper-1", 0, 0, "", CONF_WORKER, "speech model"},
    {"CHRONOS_TRANSCRIBE_USD_PER_MINUTE", PRICE, SVC(transcribe_usd_per_minute), "0.006", 0, 1000, "USD", CONF_WORKER, "price of a minute of speech"},
    {"CHRONOS_TRANSCRIBE_PARALLEL", NUMBER, SVC(transcribe_parallel), "4", 1, 64, "parts", CONF_WORKER, "parts of one recording sent to speech recognition at the same time"},
    {"CHRONOS_EMBED_MODEL", TEXT, SVC(embed_model), "text-embedding-3-small", 0, 0, "", CONF_WORKER | CONF_CONSOLE, "embedding model; 1,536 dimensions are expected"},
    {"CHRONOS_EMBED_BATCH", NUMBER, SVC(embed_batch), "20", 1, 2048, "chunks", CONF_WORKER | CONF_CONSOLE, "chunks in one embedding request"},
    {"CHRONOS_EMBED_USD_PER_MILLION_TOKENS", PRICE, SVC(embed_usd_per_million_tokens), "0.02", 0, 1000, "USD", CONF_WORKER | CONF_CONSOLE, "price of a million tokens"},
    {"CHRONOS_EMBEDDER", TEXT, SVC(embedder), "", 0, 0, "", CONF_WORKER | CONF_CONSOLE, "openai, embedded, or empty: openai when a key is set, else embedded"},
};
/* clang-format on */

/* Read by other programs of this project, so that they are not taken for a misspelt setting. */
static const char *const foreign[] = {"CHRONOS_RUN_", "CHRONOS_DEMO_", "CHRONOS_TEST_",
                                      "CHRONOS_BENCH_"};

static char *read_secret_file(const char *setting, const char *path, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return err_null(e, ERR_INPUT, "%s: cannot read %s: %s", setting, path, strerror(errno));
    char text[8192];
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    bool whole = feof(f) != 0 && ferror(f) == 0;
    (void)fclose(f); /* only read from */
    if (!whole) {
        explicit_bzero(text, sizeof(text));
        return err_null(e, ERR_INPUT, "%s: %s cannot be read or has more than %zu bytes", setting,
                        path, sizeof(text) - 1);
    }
    while (n > 0 && isspace((unsigned char)text[n - 1]))
        n--;
    text[n] = '\0';
    char *copy = strdup(text);
    explicit_bzero(text, sizeof(text));
    return copy;
}

/* A credential that systemd has put into a folder for this process alone (LoadCredential=NAME:…). */
static bool credential_path(const char *name, char *path, size_t size)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (folder == NULL || *folder == '\0')
        return false;
    int n = snprintf(path, size, "%s/%s", folder, name);
    return n > 0 && (size_t)n < size && access(path, F_OK) == 0;
}

/* The setting's value where the environment has none itself: from the file that NAME_FILE names, a credential, or the
 * default. NULL when a file cannot be read. */
static const char *value_from_elsewhere(const struct setting *s, struct err *e)
{
    char name[128], path[PATH_MAX];
    (void)snprintf(name, sizeof(name), "%s_FILE", s->name);
    const char *file = getenv(name);
    if (file != NULL && *file != '\0')
        return read_secret_file(name, file, e);
    if (credential_path(s->name, path, sizeof(path)))
        return read_secret_file(s->name, path, e);
    return s->value;
}

static bool set_value(struct conf *c, const struct setting *s, const char *text, struct err *e)
{
    char *at = (char *)c + s->offset;
    char *end;
    errno = 0;
    switch (s->type) {
    case TEXT:
    case URL:
    case CONNINFO:
    case SECRET:
        memcpy(at, &text, sizeof(text));
        return true;
    case NUMBER: {
        long v = strtol(text, &end, 10);
        if (errno != 0 || end == text || *end != '\0' || v < s->min || v > s->max)
            return err_set(e, ERR_INPUT, "%s=%.64s: must be a whole number from %ld to %ld %s",
                           s->name, text, s->min, s->max, s->unit);
        memcpy(at, &v, sizeof(v));
        return true;
    }
    case PRICE: {
        double v = strtod(text, &end);
        if (errno != 0 || end == text || *end != '\0' ||
            !(v >= (double)s->min && v <= (double)s->max))
            return err_set(e, ERR_INPUT, "%s=%.64s: must be a number from %ld to %ld %s", s->name,
                           text, s->min, s->max, s->unit);
        memcpy(at, &v, sizeof(v));
        return true;
    }
    }
    return err_set(e, ERR_BUG, "%s: unknown type", s->name);
}

static bool is_known(const char *name, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        if (strncmp(name, foreign[i], strlen(foreign[i])) == 0)
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        size_t len = strlen(settings[i].name);
        if (strncmp(name, settings[i].name, len) == 0 &&
            (n == len || (n == len + 5 && strncmp(name + len, "_FILE", 5) == 0)))
            return true;
    }
    return false;
}

bool conf_is_misspelt(const char *variable)
{
    return strncmp(variable, "CHRONOS_", 8) == 0 && !is_known(variable, strcspn(variable, "="));
}

static void warn_of_misspelt(void)
{
    for (char **v = environ; *v != NULL; v++) {
        if (conf_is_misspelt(*v)) {
            char name[128];
            (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(*v, "="), *v);
            log_warn("unknown setting is ignored", "name", name, LOG_END);
        }
    }
}

/* "name=max,name=max": checks the form, so that conf_limit can trust it. */
static bool check_limits(const char *text, struct err *e)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "=,");
        char *end;
        long max = text[n] == '=' ? strtol(text + n + 1, &end, 10) : -1;
        if (n == 0 || max < 1 || max > 1000000 || (*end != ',' && *end != '\0'))
            return err_set(
                e, ERR_INPUT,
                "CHRONOS_LIMITS: '%.64s': write name=max,name=max with max from 1 to 1000000",
                text);
        text = *end == ',' ? end + 1 : end;
    }
    return true;
}

/* A run whose row is gone before its event looks like one that has not ended. */
static bool check_retention(const struct conf *c, struct err *e)
{
    long events = c->retention_events_days != 0 ? c->retention_events_days : c->retention_days;
    long runs = c->retention_runs_days != 0 ? c->retention_runs_days : c->retention_days;
    return runs >= events ||
           err_set(e, ERR_INPUT,
                   "CHRONOS_RETENTION_RUNS_DAYS=%ld: must not be below "
                   "CHRONOS_RETENTION_EVENTS_DAYS (%ld): runs are kept as long as their events",
                   runs, events);
}

long conf_limit(const struct conf *c, const char *name, long otherwise)
{
    size_t len = strlen(name);
    for (const char *p = c->limits; *p != '\0';) {
        size_t n = strcspn(p, "=");
        long max = strtol(p + n + 1, NULL, 10);
        if (n == len && strncmp(p, name, n) == 0)
            return max;
        p += strcspn(p, ",");
        if (*p == ',')
            p++;
    }
    return otherwise;
}

/* Of several, the one that is meant for us alone. */
static bool choose_storage(struct conf *c, struct err *e)
{
    struct services *s = &c->services;
    if (*c->own_storage_url != '\0')
        s->storage_url = c->own_storage_url;
    if (*s->storage_url == '\0' && *c->supabase_url != '\0') {
        char *url;
        if (asprintf(&url, "%s/storage/v1", c->supabase_url) < 0)
            abort();
        s->storage_url = url;
    }
    if (*s->storage_url == '\0')
        s->storage_url = "file:" DEFAULT_STORAGE;
    const char *url = s->storage_url;
    if (strncmp(url, "file:", 5) == 0 ? url[5] != '/' || strstr(url + 5, "/..") != NULL
                                      : strncmp(url, "http", 4) != 0)
        return err_set(e, ERR_INPUT,
                       "STORAGE_URL=%.64s: must be file:/directory or the URL of a server", url);
    return true;
}

static bool fill_services(struct conf *c, struct err *e)
{
    struct services *s = &c->services;
    if (!choose_storage(c, e))
        return false;
    if (*s->transcribe_url == '\0')
        s->transcribe_url = s->embed_url;
    if (*s->transcribe_key == '\0')
        s->transcribe_key = s->embed_key;
    if (*s->embedder == '\0')
        s->embedder = *s->embed_key != '\0' ? "openai" : "embedded";
    if (strcmp(s->embedder, "openai") != 0 && strcmp(s->embedder, "embedded") != 0)
        return err_set(e, ERR_INPUT, "CHRONOS_EMBEDDER=%.64s: must be openai or embedded",
                       s->embedder);
    s->work_dir = c->work_dir;
    return true;
}

static bool check_redis_url(const char *url, struct err *e)
{
    struct kv *kv = kv_new(url, e); /* parses, connects to nothing */
    kv_free(kv);
    return kv != NULL;
}

bool conf_load(struct conf *c, enum conf_daemon daemon, struct err *e)
{
    memset(c, 0, sizeof(*c));
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        const struct setting *s = &settings[i];
        const char *text = getenv(s->name);
        if (text == NULL || *text == '\0')
            text = (s->daemon & daemon) != 0 ? value_from_elsewhere(s, e) : s->value;
        if (text == NULL)
            return false;
        bool ok = set_value(c, s, text, e);
        if ((s->type == NUMBER || s->type == PRICE) && text != s->value && text != getenv(s->name))
            free((char *)text); /* of a file; a text is kept */
        if (!ok)
            return false;
        if (s->type == SECRET)
            log_hide(text);
        else if (s->type == URL)
            url_hide(text);
        else if (s->type == CONNINFO)
            conninfo_hide(text);
    }
    enum log_level level;
    if (!log_level_parse(c->log_level, &level))
        return err_set(e, ERR_INPUT, "CHRONOS_LOG_LEVEL=%.64s: must be error, warn, info or debug",
                       c->log_level);
    enum log_format format;
    if (!log_format_parse(c->log_format, &format))
        return err_set(e, ERR_INPUT, "CHRONOS_LOG_FORMAT=%.64s: must be logfmt or json",
                       c->log_format);
    if (c->retry_max_ms < c->retry_base_ms)
        return err_set(e, ERR_INPUT,
                       "CHRONOS_RETRY_MAX_MS=%ld: must not be below CHRONOS_RETRY_BASE_MS (%ld)",
                       c->retry_max_ms, c->retry_base_ms);
    if (!check_retention(c, e))
        return false;
    const struct spans_conf spans = {
        .endpoint = c->otlp_endpoint, .headers = c->otlp_headers, .attributes = c->otel_attributes};
    if (!spans_check(&spans, e) || !check_limits(c->limits, e) || !fill_services(c, e) ||
        !check_redis_url(c->redis_url, e))
        return false;
    warn_of_misspelt();
    return true;
}

static void show(enum type type, const char *text, char *out, size_t size)
{
    if (type == SECRET)
        (void)snprintf(out, size, "%s", *text != '\0' ? "***" : "");
    else if (type == URL)
        url_mask(text, out, size);
    else if (type == CONNINFO)
        conninfo_mask(text, out, size);
    else
        (void)snprintf(out, size, "%s", text);
}

void conf_log(const struct conf *c, enum conf_daemon daemon)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        const struct setting *s = &settings[i];
        if ((s->daemon & daemon) == 0)
            continue;
        const char *at = (const char *)c + s->offset;
        const char *text = "";
        char value[1024];
        long number = 0;
        double price = 0;
        switch (s->type) {
        case TEXT:
        case URL:
        case CONNINFO:
        case SECRET:
            memcpy(&text, at, sizeof(text));
            show(s->type, text, value, sizeof(value));
            break;
        case NUMBER:
            memcpy(&number, at, sizeof(number));
            (void)snprintf(value, sizeof(value), "%ld", number);
            break;
        case PRICE:
            memcpy(&price, at, sizeof(price));
            (void)snprintf(value, sizeof(value), "%g", price);
            break;
        }
        log_info("setting", "name", s->name, "value", value, LOG_END);
    }
}

void conf_help(FILE *out, enum conf_daemon daemon)
{
    (void)fprintf(
        out,
        "Settings (environment; a value may also stand in the file that NAME_FILE names, or be the "
        "systemd credential NAME):\n");
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        const struct setting *s = &settings[i];
        if ((s->daemon & daemon) == 0)
            continue;
        (void)fprintf(out, "  %s\n      %s", s->name, s->help);
        if (s->type == NUMBER || s->type == PRICE)
            (void)fprintf(out, " (%ld to %ld%s%s)", s->min, s->max, *s->unit != '\0' ? " " : "",
                          s->unit);
        (void)fprintf(out, "%s%s\n", *s->value != '\0' ? "; default " : "", s->value);
    }
}
