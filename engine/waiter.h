/* waiter.h: one thread waits for entries of many streams.
 *
 * Redis reads several streams in one blocking command only when they lie in one slot. So each slot's streams have a connection
 * of their own with an outstanding read, and poll() waits for all of them together. On a single server a few streams are read
 * by one command on one connection, as there is nothing that keeps them apart.
 *
 * Reads stay outstanding from call to call: what arrives while the caller is busy with something else is there at the next
 * call. A read that is not answered within its time and two seconds more is given up, with its connection. */
#pragma once

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "kv.h"

struct waiter;

/* `kv` is the thread's own and outlives the waiter: it tells where streams are. block_ms: how long the server holds a read. */
struct waiter *waiter_new(struct kv *kv, int64_t block_ms);
void waiter_free(struct waiter *w); /* accepts NULL; what is outstanding is given up */

/* One more stream, before the first wait. It is read from its beginning until waiter_pass says otherwise. Returns its number,
 * counted from 0. */
int waiter_add(struct waiter *w, const char *stream);

/* The number of the stream at that place of a reply; -1 when there is none. waiter_pass: and from the next read on it is read
 * from behind the last entry that is there. */
int waiter_stream(struct waiter *w, const redisReply *reply, size_t place);
int waiter_pass(struct waiter *w, const redisReply *reply, size_t place);

/* From the next read on: new entries are delivered to this consumer of the group. What is outstanding for another consumer
 * is given up: its entries, if there are any, stay pending under that name. */
void waiter_consume(struct waiter *w, const char *group, const char *consumer);

/* Waits for entries of any stream, at most `count` of each. *ret is a reply of XREAD, [[stream, entries]…], for the caller to
 * free; NULL when nothing came in time. false: a read failed; the others go on, and it is tried
 * again after a moment, so that the caller need not pause. Streams take turns. */
bool waiter_next(struct waiter *w, long count, int64_t timeout_ms, redisReply **ret, struct err *e);
/* The same for what is outstanding, without reading anew. *ret is NULL when nothing is left. */
bool waiter_finish(struct waiter *w, redisReply **ret, struct err *e);

/* Whether the connection for a stream has failed since this was asked last. */
bool waiter_has_failed(struct waiter *w, int stream);
/* Whether a read was given up or failed since this was asked last: its reply is lost, and entries may have been delivered
 * with it. A read that was refused is not lost. */
bool waiter_was_lost(struct waiter *w);
