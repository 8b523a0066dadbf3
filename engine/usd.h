/* usd.h: amounts of money, in US dollars. */
#pragma once

#include <math.h>

/* To the billionth, which is less than any price: three times 0.006 is 0.018 then, and not 0.018000000000000002, which
 * people would see in results. */
static inline double usd_round(double usd)
{
    return round(usd * 1e9) / 1e9;
}
