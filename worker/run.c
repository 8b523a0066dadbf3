#include "run.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "kv.h"
#include "names.h"

static const char *text_of(const redisReply *v, const char *otherwise)
{
    return v != NULL && v->type == REDIS_REPLY_STRING ? v->str : otherwise;
}

static long long field_int(const redisReply *hash, const char *name, long long otherwise)
{
    const char *text = text_of(kv_field(hash, name), NULL);
    return text != NULL ? strtoll(text, NULL, 10) : otherwise;
}

static void add_used(struct run *r, const json_t *used)
{
    r->branch_fails += (int)js_int(used, "fails", 0);
    r->branch_deaths += (int)js_int(used, "deaths", 0);
    r->branch_usd += js_num(used, "cost", 0);
}

static void parse_results(struct run *r, const redisReply *steps)
{
    r->results = json_object();
    for (size_t i = 0; steps != NULL && steps->type == REDIS_REPLY_ARRAY && i + 1 < steps->elements;
         i += 2) {
        struct err
            ignored; /* results are JSON that we wrote; a damaged one counts as not stored and runs again */
        const char *name = steps->element[i]->str;
        const redisReply *v = steps->element[i + 1];
        json_t *j = js_parse_own(v->str, v->len, &ignored);
        if (name_is_used(name))
            add_used(r, j);
        else if (j != NULL)
            (void)json_object_set_new(r->results, name, steal(&j));
        json_decref(j);
        r->has_error = r->has_error || name_is_error(name);
    }
}

/* A run without its input still holds slots and has to be ended properly: run_open says what is wrong. */
static void copy_input(struct run *r, const redisReply *input)
{
    if (input == NULL || input->type != REDIS_REPLY_STRING)
        return;
    r->input = malloc(input->len + 1);
    if (r->input == NULL)
        abort();
    memcpy(r->input, input->str, input->len + 1);
    r->input_len = input->len;
}

bool run_read_ref(const char *ref, char ret_id[ID_SIZE], int *ret_branch)
{
    size_t len = strlen(ref);
    if (len < ID_SIZE - 1 || len >= REF_SIZE)
        return false;
    int branch = -1;
    if (len > ID_SIZE - 1) {
        const char *n = ref + ID_SIZE;
        if (n[-1] != '.' || !isdigit((unsigned char)*n) || strlen(n) > 9 ||
            strspn(n, "0123456789") != strlen(n))
            return false;
        branch = (int)strtol(n, NULL, 10);
    }
    memcpy(ret_id, ref, ID_SIZE - 1);
    ret_id[ID_SIZE - 1] = '\0';
    *ret_branch = branch;
    return true;
}

static void copy_key(struct run *r, const redisReply *hash)
{
    const char *key = text_of(kv_field(hash, "key"), "");
    (void)snprintf(r->key, sizeof(r->key), "%.*s", (int)strcspn(key, "\n"), key);
}

/* `ends` lists, a line each, what is to be done when the run ends (lua/include/finish.lua). */
static bool is_invoked(const char *ends)
{
    return ends != NULL && (strncmp(ends, "parent ", 7) == 0 || strstr(ends, "\nparent ") != NULL);
}

/* The field `held` is lines: service, since, its answers so far, reason. */
static void read_hold(struct run *r, const char *text)
{
    size_t n = strcspn(text, "\n");
    if (n == 0 || n >= sizeof(r->held))
        return;
    memcpy(r->held, text, n);
    char *end;
    r->held_since_ms = strtoll(text + n, &end, 10);
    r->held_oks = strtoll(end, NULL, 10);
}

struct run *run_from_replies(const struct function *fn, int partition, const char *entry,
                             const char *ref, const redisReply *hash, const redisReply *input,
                             const redisReply *steps)
{
    char id[ID_SIZE];
    int branch;
    if (hash == NULL || hash->type != REDIS_REPLY_ARRAY || hash->elements == 0 ||
        !run_read_ref(ref, id, &branch))
        return NULL;
    struct run *r = calloc(1, sizeof(*r));
    if (r == NULL)
        abort();
    r->fn = fn;
    r->partition = partition;
    (void)snprintf(r->ref, sizeof(r->ref), "%s", ref);
    memcpy(r->id, id, ID_SIZE);
    r->branch = branch;
    (void)snprintf(r->entry, sizeof(r->entry), "%s", entry);
    copy_key(r, hash);
    r->accepted_ms = id_ms(id);
    r->started_ms = field_int(hash, "st", 0);
    r->try = (int)field_int(hash, "try", 1);
    r->fails = (int)field_int(hash, "fails", 0);
    r->deaths = (int)field_int(hash, "deaths", 0);
    r->outlived = (int)field_int(hash, "outlived", 0);
    r->cost_usd = strtod(text_of(kv_field(hash, "cost"), "0"), NULL);
    r->billed_usd = strtod(text_of(kv_field(hash, "billed"), "0"), NULL);
    r->has_parent = is_invoked(text_of(kv_field(hash, "ends"), NULL));
    (void)snprintf(r->callee, sizeof(r->callee), "%s", text_of(kv_field(hash, "callee"), ""));
    read_hold(r, text_of(kv_field(hash, "held"), ""));
    copy_input(r, input);
    parse_results(r, steps);
    return r;
}

/* A batch of events is shown by its first; where only the last of several counts, by that one. */
static const json_t *main_event(const struct run *r)
{
    size_t n = json_array_size(r->events);
    return json_array_get(r->events, r->fn->batch.max_size > 0 || n == 0 ? 0 : n - 1);
}

/* Takes the parsed input. */
static bool take_input(struct run *r, json_t *input, struct err *e)
{
    r->event = input;
    if (json_is_array(input)) {
        r->events = input;
        r->event = json_incref((json_t *)main_event(r));
    }
    return json_is_object(r->event) ||
           err_set(e, ERR_BUG, "the run's input is damaged: it is no event");
}

static bool read_input(struct run *r, struct err *e)
{
    if (r->input == NULL)
        return err_set(e, ERR_BUG, "the run's input is missing");
    json_t *input = js_parse(r->input, r->input_len, e);
    if (input == NULL)
        return err_wrap(e, "the run's input is damaged");
    return take_input(r, input, e);
}

static void read_trace(struct run *r)
{
    const json_t *first = r->events != NULL ? json_array_get(r->events, 0) : r->event;
    const char *id = js_str(first, "id");
    if (!trace_read(js_str(first, "traceparent"), &r->trace))
        trace_begin(id != NULL ? id : r->id, &r->trace);
    trace_run_span(r->id, r->branch, r->span_id);
}

bool run_open(struct run *r, struct err *e)
{
    bool ok = read_input(r, e);
    if (!ok) {
        json_decref(r->event);
        r->event = json_object();
    }
    read_trace(r);
    return ok;
}

void run_free(struct run *r)
{
    if (r == NULL)
        return;
    json_decref(r->event);
    json_decref(r->events);
    json_decref(r->results);
    free(r->input);
    free(r);
}
