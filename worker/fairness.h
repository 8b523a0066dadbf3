/* fairness.h: do owners wait alike? For each owner that has begun a run in the last one to two minutes the mean wait is kept,
 * in a table of fixed size: owners that meet in a place of it count as one. */
#pragma once

/* An owner's run has begun after so many seconds. `key`: its first line is the owner; "" is nobody. Any thread. */
void fairness_note(const char *key, double wait_s);

/* Jain's index over the mean waits: (Σx)² / (n Σx²); 1 with fewer than two owners. Waits below a tenth of a second count as
 * that, since nobody feels the difference. */
double fairness_index(void);
/* In seconds; 0 when nobody has begun anything. */
double fairness_longest_wait(void);
