/* registry.h: the functions that this binary carries: every file of worker/functions/, listed at build time. */
#pragma once

#include <stddef.h>

#include "function.h"

size_t registry_count(void);
const struct function *registry_at(size_t i);
