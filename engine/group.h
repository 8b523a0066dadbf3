/* group.h: consumer groups of streams. */
#pragma once

#include "err.h"
#include "kv.h"

/* The group reads the stream from its beginning. Nothing happens when it is there. Also passes when Redis is full. */
bool group_make(struct kv *kv, const char *stream, const char *group, struct err *e);
