/* ask_order.h: in which order the functions of a partition are asked for runs. A claim ends when it has found enough, so whoever
 * comes late in the order might never be asked while another has plenty to do; and most functions have nothing most of the
 * time.
 *
 * First comes one of those that had nothing when they were asked last, so that what has come to them is found within a
 * round; then those that had something, who was asked longest ago first; then the rest of the others, likewise. For one
 * thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct ask_order;

/* For functions 0 to count - 1; to be freed by ask_order_free. */
struct ask_order *ask_order_new(size_t count);
void ask_order_free(struct ask_order *o);

/* The order of the next claim: `count` functions, valid until the next call of it. */
const size_t *ask_order_next(struct ask_order *o);

/* The function at that place of the order, from 0, had something. */
void ask_order_gave(struct ask_order *o, size_t place);
/* The claim in that order is over. `all`: every function was asked, since there was room to the end; else those up to the last
 * that gave were. Not to be called when Redis did not answer. */
void ask_order_learn(struct ask_order *o, bool all);
