#include "routed.h"

#include <stdlib.h>

const char *routed_input(struct routed *x, size_t *ret_len)
{
    if (x->input == NULL)
        x->input = event_input(&x->ev, &x->input_len);
    *ret_len = x->input_len;
    return x->input;
}

void routed_clear_starts(struct routed *x)
{
    for (size_t i = 0; i < x->start_count; i++)
        start_release(&x->starts[i]);
    free(x->starts);
    x->starts = NULL;
    x->start_count = 0;
}

void routed_release(struct routed *x)
{
    routed_clear_starts(x);
    event_release(&x->ev);
    free(x->input);
    x->input = NULL;
}
