/* reader.h: one thread waits for entries of many streams.
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

struct reader;

/* `kv` is the thread's own and outlives the reader: it tells where streams are. block_ms: how long the server holds a read. */
struct reader *reader_new(struct kv *kv, int64_t block_ms);
void reader_free(struct reader *r); /* accepts NULL; what is outstanding is given up */

/* One more stream, before the first wait. It is read from its beginning until reader_pass says otherwise. Returns its number,
 * counted from 0. */
int reader_add(struct reader *r, const char *stream);

/* The number of the stream at that place of a reply; -1 when there is none. reader_pass: and from the next read on it is read
 * from behind the last entry that is there. */
int reader_stream(struct reader *r, const redisReply *reply, size_t place);
int reader_pass(struct reader *r, const redisReply *reply, size_t place);

/* From the next read on: new entries are delivered to this consumer of the group. What is outstanding for another consumer
 * is given up: its entries, if there are any, stay pending under that name. */
void reader_consume(struct reader *r, const char *group, const char *consumer);

/* Waits for entries of any stream, at most `count` of each. *ret is a reply of XREAD, [[stream, entries]…], for the caller to
 * free; NULL when nothing came in time. false: a read failed; the others go on, and it is tried
 * again after a moment, so that the caller need not pause. Streams take turns. */
bool reader_next(struct reader *r, long count, int64_t timeout_ms, redisReply **ret, struct err *e);
/* The same for what is outstanding, without reading anew. *ret is NULL when nothing is left. */
bool reader_finish(struct reader *r, redisReply **ret, struct err *e);

/* Whether the connection for a stream has failed since this was asked last. */
bool reader_has_failed(struct reader *r, int stream);
/* Whether a read was given up or failed since this was asked last: its reply is lost, and entries may have been delivered
 * with it. A read that was refused is not lost. */
bool reader_was_lost(struct reader *r);
