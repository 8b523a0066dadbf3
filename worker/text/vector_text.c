#include "vector_text.h"

#include <math.h>

bool vector_add_text(struct buf *out, const float *v, size_t n)
{
    bool ok = buf_addc(out, '[');
    for (size_t i = 0; ok && i < n; i++)
        ok = isfinite(v[i]) && buf_addf(out, i == 0 ? "%.9g" : ",%.9g", (double)v[i]);
    return ok && buf_addc(out, ']');
}
