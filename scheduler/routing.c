#include "routing.h"

#include <stdio.h>

void streams_init(struct streams *s, int partitions, const struct epochs *epochs)
{
    s->count = 0;
    s->epochs[s->count] = epochs_of_door(epochs);
    (void)snprintf(s->names[s->count++], KEY_SIZE, "%s", KEY_EVENTS);
    for (int p = 0; p < partitions && s->count < MAX_STREAMS; p++) {
        char prefix[PREFIX_SIZE];
        key_prefix(p, prefix);
        s->epochs[s->count] = epochs_of_partition(epochs, p);
        key2(s->names[s->count++], prefix, "events");
    }
}

bool routing_open(struct routing *r, const char *application_name, struct err *e)
{
    r->kv = kv_new(r->conf->redis_url, e);
    if (r->kv == NULL)
        return false;
    r->db = db_new(r->conf->database_url, application_name);
    return true;
}

void routing_close(struct routing *r)
{
    conditions_release(&r->conditions);
    functions_release(&r->functions);
    db_free(r->db);
    kv_free(r->kv);
}

bool routing_refresh(struct routing *r, struct err *e)
{
    return functions_refresh(&r->functions, r->conf, r->kv, r->db, e);
}
