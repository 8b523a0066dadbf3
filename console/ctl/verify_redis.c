/* verify_redis.c: Redis against itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "scheduler/scan.h"
#include "verify.h"

enum { KEYS_AT_ONCE = 500, MEMBERS_AT_ONCE = 500 };

/* ---- walking ---- */

bool verify_keys(struct verify *v, const char *kind, verify_key_fn each, struct err *e)
{
    char pattern[KEY_SIZE];
    struct scan scan;
    json_t *seen = json_object(); /* a key may be given twice */
    bool ok = true;
    (void)snprintf(pattern, sizeof(pattern), "{c*}:%s:*", kind);
    scan_init(&scan);
    while (ok && !scan.done) {
        auto_reply *keys = scan_next(&scan, v->c->kv, pattern, KEYS_AT_ONCE, e);
        ok = keys != NULL;
        for (size_t i = 0; ok && i < keys->elements; i++) {
            char prefix[PREFIX_SIZE];
            const char *key = keys->element[i]->str, *name = scan_name(key, kind, prefix);
            if (name == NULL || json_object_get(seen, key) != NULL)
                continue;
            (void)json_object_set_new(seen, key, json_true());
            ok = each(v, prefix, name, e);
        }
    }
    json_decref(seen);
    return ok;
}

/* Calls a script that gives {cursor, id…} until the cursor is "0", and notes each id. */
static bool page_through(struct verify *v, const char *script, const char *prefix, const char *name,
                         const char *kind, const char *detail, struct err *e)
{
    char cursor[48] = "0";
    do {
        struct kv_args a;
        kv_args_init(&a);
        kv_adds(&a, name);
        kv_adds(&a, cursor);
        kv_addi(&a, MEMBERS_AT_ONCE);
        auto_reply *r = kv_script(v->c->kv, script, prefix, &a, e);
        kv_args_release(&a);
        if (r == NULL)
            return false;
        for (size_t i = 1; i < r->elements; i++)
            verify_note(v, kind, prefix, r->element[i]->str, detail);
        (void)snprintf(cursor, sizeof(cursor), "%s", r->element[0]->str);
    } while (strcmp(cursor, "0") != 0);
    return true;
}

/* ---- slots ---- */

static bool check_limit(struct verify *v, const char *prefix, const char *limit, struct err *e)
{
    verify_count(v, "limits", 1);
    return page_through(v, "check_slots", prefix, limit, "slot_without_right", limit, e);
}

bool verify_slots(struct verify *v, struct err *e)
{
    return verify_keys(v, "slots", check_limit, e);
}

/* ---- queues, timers, ready streams ---- */

/* Where queues stand, "<prefix>\n<queue or line>" -> true. */
static json_t *standing;

static bool read_blocked(struct verify *v, const char *prefix, const char *limit, struct err *e)
{
    auto_reply *r = kv_cmd(v->c->kv, e, "ZRANGE %s:blocked:%s 0 -1", prefix, limit);
    for (size_t i = 0; r != NULL && i < r->elements; i++) {
        char at[KEY_SIZE * 2];
        (void)snprintf(at, sizeof(at), "%s\n%s", prefix, r->element[i]->str);
        (void)json_object_set_new(standing, at, json_true());
    }
    return r != NULL;
}

static bool stands(const char *prefix, const char *member)
{
    char at[KEY_SIZE * 2];
    (void)snprintf(at, sizeof(at), "%s\n%s", prefix, member);
    return json_object_get(standing, at) != NULL;
}

/* A queue's key may have more parts than the owner, a line each: then it may stand as a part of its line. */
static bool stands_with_line(const char *prefix, const char *queue)
{
    const char *end = strchr(queue, '\n');
    char line[KEY_SIZE * 2];
    if (end == NULL)
        return false;
    (void)snprintf(line, sizeof(line), "\n%.*s", (int)(end - queue), queue);
    return stands(prefix, line);
}

static bool check_queue(struct verify *v, const char *prefix, const char *queue, struct err *e)
{
    char place[KEY_SIZE];
    verify_count(v, "queues", 1);
    (void)snprintf(place, sizeof(place), "wait:%s", queue);
    if (!stands(prefix, queue) && !stands_with_line(prefix, queue))
        verify_note(v, "queue_behind_no_limit", prefix, queue, "its runs wait for nothing");
    return page_through(v, "check_members", prefix, place, "waiting_but_absent", queue, e);
}

static bool check_ready(struct verify *v, const char *prefix, const char *fn, struct err *e)
{
    char place[KEY_SIZE];
    verify_count(v, "ready streams", 1);
    (void)snprintf(place, sizeof(place), "ready:%s", fn);
    return page_through(v, "check_members", prefix, place, "ready_but_absent", fn, e);
}

bool verify_places(struct verify *v, struct err *e)
{
    standing = json_object();
    bool ok = verify_keys(v, "blocked", read_blocked, e) &&
              verify_keys(v, "wait", check_queue, e) && verify_keys(v, "ready", check_ready, e);
    json_decref(standing);
    for (int p = 0; ok && p < v->partitions; p++) {
        char prefix[PREFIX_SIZE];
        key_prefix(p, prefix);
        ok = page_through(v, "check_members", prefix, "timers", "timer_but_absent", NULL, e);
    }
    return ok;
}
