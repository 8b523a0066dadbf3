#include "end_event.h"

#include <stdlib.h>

#include "js.h"

/* How many are left when `too_many` bytes go from the end. */
static size_t drop_last(json_t *events, size_t too_many)
{
    size_t n = json_array_size(events);
    for (size_t gone = 0; gone < too_many && n > 0; n--) {
        size_t len;
        free(js_dump(json_array_get(events, n - 1), &len));
        gone += len + 1; /* and a comma */
        (void)json_array_remove(events, n - 1);
    }
    return n;
}

char *end_event_text(json_t *data)
{
    size_t len;
    char *text = js_dump(data, &len);
    json_t *all = json_object_get(data, "events");
    if (len <= END_EVENT_MAX_BYTES || all == NULL)
        return text;
    free(text);
    size_t count = json_array_size(all);
    json_t *some = json_copy(all); /* the run's own stay */
    size_t left = drop_last(some, len - END_EVENT_MAX_BYTES);
    (void)json_object_set_new(data, "events", some);
    (void)json_object_set_new(data, "events_left_out", json_integer((json_int_t)(count - left)));
    return js_dump(data, NULL);
}
