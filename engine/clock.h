/* clock.h: the two clocks. Wall time is for people and stored rows; every deadline is on the monotonic one. */
#pragma once

#include <pthread.h>
#include <stdint.h>
#include <time.h>

int64_t wall_ms(void); /* since 1970, UTC */
int64_t mono_ms(void);
int64_t mono_us(void);

/* Sleeps until the monotonic clock has passed, or earlier on a signal. */
void sleep_ms(int64_t ms);

/* For waits with a deadline: a condition on the monotonic clock, and its time in `ms` from now. */
void mono_cond_init(pthread_cond_t *cond);
struct timespec mono_after(int64_t ms);
