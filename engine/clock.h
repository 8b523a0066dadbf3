/* clock.h: the two clocks. Wall time is for people and stored rows; every deadline is on the monotonic one. */
#pragma once

#include <stdint.h>

int64_t wall_ms(void); /* since 1970, UTC */
int64_t mono_ms(void);
int64_t mono_us(void);

/* Sleeps until the monotonic clock has passed, or earlier on a signal. */
void sleep_ms(int64_t ms);
