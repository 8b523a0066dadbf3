#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "kv.h"

static const char *text_of(const redisReply *v, const char *otherwise)
{
    return v != NULL && v->type == REDIS_REPLY_STRING ? v->str : otherwise;
}

static long long field_int(const redisReply *hash, const char *name, long long otherwise)
{
    const char *text = text_of(kv_field(hash, name), NULL);
    return text != NULL ? strtoll(text, NULL, 10) : otherwise;
}

static json_t *parse_results(const redisReply *steps)
{
    json_t *results = json_object();
    for (size_t i = 0; steps != NULL && steps->type == REDIS_REPLY_ARRAY && i + 1 < steps->elements;
         i += 2) {
        struct err
            ignored; /* results are JSON that we wrote; a damaged one counts as not stored and runs again */
        const redisReply *v = steps->element[i + 1];
        json_t *j = js_parse_own(v->str, v->len, &ignored);
        if (j != NULL)
            (void)json_object_set_new(results, steps->element[i]->str, j);
    }
    return results;
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

struct run *run_from_replies(const struct function *fn, int partition, const char *entry,
                             const char *id, const redisReply *hash, const redisReply *input,
                             const redisReply *steps)
{
    if (hash == NULL || hash->type != REDIS_REPLY_ARRAY || hash->elements == 0 ||
        strlen(id) != ID_SIZE - 1)
        return NULL;
    struct run *r = calloc(1, sizeof(*r));
    if (r == NULL)
        abort();
    r->fn = fn;
    r->partition = partition;
    memcpy(r->id, id, ID_SIZE);
    (void)snprintf(r->entry, sizeof(r->entry), "%s", entry);
    const redisReply *key = kv_field(hash, "key");
    (void)snprintf(r->key, sizeof(r->key), "%s", text_of(key, ""));
    r->accepted_ms = id_ms(id);
    r->started_ms = field_int(hash, "st", 0);
    r->try = (int)field_int(hash, "try", 1);
    r->fails = (int)field_int(hash, "fails", 0);
    r->deaths = (int)field_int(hash, "deaths", 0);
    r->outlived = (int)field_int(hash, "outlived", 0);
    const redisReply *cost = kv_field(hash, "cost");
    r->cost_usd = strtod(text_of(cost, "0"), NULL);
    copy_input(r, input);
    r->results = parse_results(steps);
    return r;
}

bool run_open(struct run *r, struct err *e)
{
    if (r->input == NULL)
        return err_set(e, ERR_BUG, "the run's input is missing");
    r->event = js_parse(r->input, r->input_len, e);
    return r->event != NULL || err_wrap(e, "the run's input is damaged");
}

void run_free(struct run *r)
{
    if (r == NULL)
        return;
    json_decref(r->event);
    json_decref(r->results);
    free(r->input);
    free(r);
}
