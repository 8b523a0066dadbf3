/* process_metrics.h: the figures that every Prometheus client gives of its process, from /proc. */
#pragma once

#include <stdbool.h>

#include "buf.h"

/* Appends process_cpu_seconds_total and its kin. What cannot be read is left out. false: the buffer is full. */
bool process_metrics_render(struct buf *out);
