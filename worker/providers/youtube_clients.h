/* youtube_clients.h: the app identities with which YouTube is asked, in order.
 *
 * The identities age within months, and which of them is let through differs by address, so all of it is
 * configuration: CHRONOS_YOUTUBE_CLIENTS names them in another order, or a file that describes them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct youtube_client {
    const char *name;
    const char *number;
    const char *version;
    const char *user_agent;
    const char *context; /* further members of context.client, as a JSON object */
    bool is_android;
    bool is_embedded; /* a player on somebody's page: asked only after an age gate */
};

enum { YOUTUBE_MAX_CLIENTS = 16 };

/* Once at the start, before any thread asks. `setting` is "" for the built-in order, names of built-in clients
 * ("IOS,WEB"), or the path (it has a '/') of a JSON file: an array of {"name", "number", "version", "userAgent",
 * "context": {…}, "embedded"}, where a built-in client's name brings the members that are left out. ERR_INPUT names
 * the entry and what is wrong with it. */
bool youtube_clients_load(const char *setting, struct err *e);

/* The table in force, constant; *ret_n entries. The built-in one when nothing was loaded. */
const struct youtube_client *youtube_clients(size_t *ret_n);
