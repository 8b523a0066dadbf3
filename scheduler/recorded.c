#include "recorded.h"

#include <string.h>

#include "db.h"
#include "js.h"

bool recorded_event(struct event *ev, const PGresult *rows, int row, struct err *e)
{
    const char *data = db_text(rows, row, "data"), *name = db_text(rows, row, "name");
    *ev = (struct event){
        .name = name,
        .internal = strncmp(name, "inngest/", 8) == 0,
        .user = db_text(rows, row, "user"),
        .version = db_text(rows, row, "v"),
        .ts_ms = db_int(rows, row, "ts_ms", 0),
        .received_ms = db_int(rows, row, "accepted_ms", 0),
        .normalised = true,
    };
    ev->came_ms = ev->received_ms;
    const char *traceparent = db_text(rows, row, "traceparent");
    if (traceparent != NULL)
        (void)snprintf(ev->traceparent, sizeof(ev->traceparent), "%s", traceparent);
    (void)snprintf(ev->id, sizeof(ev->id), "%s", db_text(rows, row, "id"));
    ev->data = js_parse(data, strlen(data), e);
    if (ev->data == NULL)
        return false;
    if (!ev->internal)
        (void)json_object_del(ev->data, "_inngest");
    (void)event_normalise(ev->data);
    return true;
}
