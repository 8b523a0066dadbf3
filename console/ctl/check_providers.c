/* check_providers.c: are the outside services named, are we known to them, and can they be reached from here? No key is sent. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkup.h"
#include "http.h"
#include "storage_backend.h"

enum { PROBE_MS = 5000 };

static const char group[] = "services";

struct service {
    const char *name;
    const char *url;
    const char *key; /* NULL = needs none */
    const char *todo;
};

/* Whatever it answers, it is there: a service need not like a request for its root. */
static void probe(struct checkup *k, struct http *http, const struct service *s)
{
    struct err e;
    struct http_response r;
    struct http_request request = {.url = s->url, .timeout_ms = PROBE_MS, .max_bytes = 1 << 20};
    char check[64];
    (void)snprintf(check, sizeof(check), "%s reachable", s->name);
    if (k->offline || *s->url == '\0') {
        checkup_add(k, group, check, FINDING_SKIP, NULL, "%s",
                    k->offline ? "--offline" : "no URL is set");
        return;
    }
    if (http_send(http, &request, &r, &e)) {
        checkup_add(k, group, check, FINDING_OK, NULL, "answers (%ld)", r.status);
        http_response_release(&r);
        return;
    }
    checkup_add(
        k, group, check, FINDING_WARN,
        "check the URL, the name service and the firewall of the machines that workers run on",
        "%s", e.msg);
}

static void check_key(struct checkup *k, const struct service *s)
{
    char check[64];
    if (s->key == NULL)
        return;
    (void)snprintf(check, sizeof(check), "%s key", s->name);
    checkup_add(k, group, check, *s->key != '\0' ? FINDING_OK : FINDING_WARN, s->todo, "%s",
                *s->key != '\0' ? "set"
                                : "not set here; what workers have is not seen from this shell");
}

/* Files that are kept here instead of by a storage server. */
static void check_directory(struct checkup *k)
{
    static const char check[] = "storage directory";
    const char *dir = storage_directory(&k->c->conf.services);
    struct stat st;
    bool exists = stat(dir, &st) == 0;
    if (!exists && errno == ENOENT)
        checkup_add(k, group, check, FINDING_WARN,
                    "make it for the daemons' user, mode 0700, or set STORAGE_URL to another; a "
                    "worker that may makes it at its first file",
                    "%s does not exist", dir);
    else if (exists && !S_ISDIR(st.st_mode))
        checkup_add(k, group, check, FINDING_FAIL, "set STORAGE_URL to a directory",
                    "%s is no directory", dir);
    else if (!exists || access(dir, R_OK | W_OK | X_OK) != 0)
        checkup_add(k, group, check, FINDING_WARN,
                    "it must belong to the daemons' user; run doctor as that user", "%s: %s", dir,
                    strerror(errno));
    else
        checkup_add(k, group, check, FINDING_OK, NULL, "%s", dir);
}

static void check_embedder(struct checkup *k, const struct services *s)
{
    bool own = strcmp(s->embedder, "openai") != 0, keyed = *s->embed_key != '\0';
    checkup_add(k, group, "embedder",
                own     ? FINDING_WARN
                : keyed ? FINDING_OK
                        : FINDING_FAIL,
                "set OPENAI_API_KEY; vectors of the two embedders do not go together: reprocess "
                "embeddings after a change",
                "%s",
                own ? "embedded, for development only, by the settings of this shell"
                    : s->embed_model);
}

void check_providers(struct checkup *k)
{
    const struct services *s = &k->c->conf.services;
    const struct service services[] = {
        {"YouTube", s->youtube_url, NULL, NULL},
        {"Loom", s->loom_url, NULL, NULL},
        {"Mux", s->mux_url, *s->mux_token_id != '\0' ? s->mux_token_secret : "",
         "set MUX_TOKEN_ID and MUX_TOKEN_SECRET: videos of Mux cannot be read"},
        {"Whop", s->whop_url, s->whop_key, "set WHOP_API_KEY: lessons of Whop cannot be read"},
        {"storage", s->storage_url, s->storage_key,
         "set SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY: uploads cannot be fetched"},
        {"OpenAI", s->embed_url, s->embed_key, "set OPENAI_API_KEY: no speech is recognised"},
        {"speech", s->transcribe_url, s->transcribe_key,
         "set CHRONOS_TRANSCRIBE_KEY, or OPENAI_API_KEY: no speech is recognised"},
    };
    struct http *http = http_new();
    bool own_speech = strcmp(s->transcribe_url, s->embed_url) != 0;
    for (size_t i = 0; i < ARRAY_LEN(services) - !own_speech; i++) {
        if (services[i].url == s->storage_url && storage_is_local(s)) {
            check_directory(k);
            continue;
        }
        check_key(k, &services[i]);
        probe(k, http, &services[i]);
    }
    check_embedder(k, s);
    http_free(http);
}
