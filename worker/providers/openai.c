#include "openai.h"

#include <ctype.h>
#include <strings.h>

#include "answer.h"
#include "js.h"

enum { MAX_DELAY_MS = 15 * 60 * 1000 };

bool openai_bearer(const char *key, char bearer[BEARER_SIZE], const char *service, struct err *e)
{
    int n = snprintf(bearer, BEARER_SIZE, "Bearer %s", key);
    for (const char *p = key; *p != '\0'; p++)
        if (!isgraph((unsigned char)*p))
            n = BEARER_SIZE;
    if (n >= BEARER_SIZE)
        return err_set(e, ERR_STOP_PROVIDER, "%s: the configured key is not valid", service);
    return true;
}

int64_t openai_delay_in_text(const char *message)
{
    const char *p = strcasestr(message, "try again in ");
    if (p == NULL)
        return 0;
    p += strlen("try again in ");
    int64_t ms = http_read_duration(p, &p);
    return ms > 0 ? ms : 0;
}

struct fault {
    long status;
    char code[64];
    char type[64];
    char message[256];
};

/* `code` is a string, a number or null, at error.code or at the top. */
static void read_fault(const struct http_response *r, struct fault *f)
{
    struct err ignored;
    auto_json *j = answer_object(r, "openai", &ignored);
    const char *code = js_str(j, "error.code"), *type = js_str(j, "error.type");
    *f = (struct fault){.status = r->status};
    if (code == NULL)
        code = js_str(j, "code");
    if (type == NULL)
        type = js_str(j, "type");
    copy_plain(f->code, sizeof(f->code), code != NULL ? code : "");
    copy_plain(f->type, sizeof(f->type), type != NULL ? type : "");
    http_error_message(r, f->message, sizeof(f->message));
}

static bool has_code(const struct fault *f, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(f->code, *names) == 0 || strcmp(f->type, *names) == 0)
            return true;
    return false;
}
#define HAS_CODE(f, ...) has_code(f, (const char *const[]){__VA_ARGS__, NULL})

static bool is_about_money(const struct fault *f)
{
    return f->status == 402 ||
           HAS_CODE(f, "insufficient_quota", "credit_balance_exhausted",
                    "organization_spend_limit_exceeded", "project_spend_limit_exceeded",
                    "organization_usage_limit_exceeded", "billing_hard_limit_reached",
                    "billing_not_active");
}

/* A 429 over the limit as a whole never passes; llama.cpp says 500 to an input over its batch size; a text
 * embedding server says 422 to more inputs than it takes. */
static bool is_about_size(const struct fault *f)
{
    return f->status == 413 ||
           HAS_CODE(f, "max_tokens_per_request", "context_length_exceeded",
                    "exceed_context_size_error") ||
           TEXT_HAS(f->message, "maximum context length", "too large to process",
                    "request too large", "maximum content size limit") ||
           (TEXT_HAS(f->message, "audio duration") && TEXT_HAS(f->message, "longer than")) ||
           (f->status == 422 && strcmp(f->type, "Validation") == 0);
}

static bool is_about_configuration(const struct fault *f)
{
    return f->status == 401 || f->status == 403 || f->status == 404 || f->status == 501 ||
           HAS_CODE(f, "invalid_api_key", "model_not_found", "unsupported_value",
                    "unsupported_country_region_territory", "authentication_error");
}

/* When what is used up is renewed; 0 when neither is, or nobody says. */
static int64_t renewal(const struct http_response *r)
{
    int64_t ms = r->requests.remaining == 0 ? r->requests.reset_ms : 0;
    if (r->tokens.remaining == 0 && r->tokens.reset_ms > ms)
        ms = r->tokens.reset_ms;
    return ms > 0 ? ms : 0;
}

static bool rate_limited(const struct http_response *r, const struct fault *f, const char *service,
                         struct err *e)
{
    int64_t delay = r->retry_after_ms > 0 ? r->retry_after_ms : openai_delay_in_text(f->message);
    if (delay == 0)
        delay = renewal(r);
    (void)err_set(e, ERR_RATE_LIMITED, "%s: %s (HTTP %ld)", service, f->message, f->status);
    e->retry_after_ms = delay < MAX_DELAY_MS ? delay : MAX_DELAY_MS;
    return false;
}

bool openai_err(const struct http_response *r, const char *service, struct err *e)
{
    struct fault f;
    read_fault(r, &f);
    if (is_about_money(&f))
        return err_set(e, ERR_STOP_PROVIDER, "%s: the account has no credit left: %s", service,
                       f.message);
    if (is_about_size(&f))
        return err_set(e, ERR_SPLIT, "%s: too much in one request: %s", service, f.message);
    if (f.status == 401) /* some servers repeat the key in the message */
        return err_set(e, ERR_STOP_PROVIDER, "%s: the service refused our key (HTTP 401)", service);
    if (is_about_configuration(&f))
        return err_set(e, ERR_STOP_PROVIDER, "%s: %s (HTTP %ld)", service, f.message, f.status);
    if (f.status == 429 || HAS_CODE(&f, "slow_down"))
        return rate_limited(r, &f, service, e);
    if (f.status == 424) /* the model behind the server failed */
        return err_set(e, ERR_RETRY, "%s: %s (HTTP 424)", service, f.message);
    return http_status_err(r, service, e);
}
