/* key.h: the names of Redis keys that several files build. The keys of a run and of an event's
 * idempotency id are written out where they are used; lua/README.md lists all of them. */
#pragma once

#include <stddef.h>

enum { KEY_SIZE = 256, PREFIX_SIZE = 16, MAX_PARTITIONS = 256 };

#define KEY_EVENTS      "chronos:events"
#define KEY_REJECTED    "chronos:events:rejected"
#define KEY_FUNCTIONS   "chronos:functions"
#define KEY_PARTITIONS  "chronos:partitions"
#define KEY_MAXIMA      "chronos:maxima"
#define KEY_OFFERS      "chronos:offers"
#define KEY_SHARED      "chronos:shared"
#define KEY_SERVICE     "chronos:service:" /* and "<name>:<account>" */
#define KEY_CAME        "chronos:came:"    /* and an event's id */
#define GROUP_SCHEDULER "scheduler"
#define GROUP_WORKERS   "workers"

/* "{c<partition>}" */
void key_prefix(int partition, char out[PREFIX_SIZE]);

/* "<prefix>:<a>" and "<prefix>:<a>:<b>", cut at KEY_SIZE (ids and names are far shorter). Returns out. */
char *key2(char out[KEY_SIZE], const char *prefix, const char *a);
char *key3(char out[KEY_SIZE], const char *prefix, const char *a, const char *b);

/* Heartbeats: a string with a time to live. */
char *key_worker(char out[KEY_SIZE], const char *id);
char *key_scheduler(char out[KEY_SIZE], const char *id);
