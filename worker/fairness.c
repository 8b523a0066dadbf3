#include "fairness.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "clock.h"
#include "id.h"

enum { PLACES = 512, WINDOW_MS = 60000 };
static const double unfelt_s = 0.1;

struct window {
    double sum[PLACES];
    uint32_t count[PLACES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static struct window now, before;
static int64_t began_ms; /* monotonic: of `now` */

static void turn(void)
{
    int64_t t = mono_ms();
    if (t - began_ms < WINDOW_MS)
        return;
    before = t - began_ms < 2 * WINDOW_MS ? now : (struct window){0};
    now = (struct window){0};
    began_ms = t;
}

void fairness_note(const char *key, double wait_s)
{
    size_t n = strcspn(key, "\n");
    if (n == 0)
        return;
    size_t place = (size_t)(id_hash(0, key, n) % PLACES);
    (void)pthread_mutex_lock(&lock);
    turn();
    now.sum[place] += wait_s > 0 ? wait_s : 0;
    now.count[place]++;
    (void)pthread_mutex_unlock(&lock);
}

static int means(double out[PLACES])
{
    int n = 0;
    (void)pthread_mutex_lock(&lock);
    turn();
    for (int i = 0; i < PLACES; i++) {
        uint32_t count = now.count[i] + before.count[i];
        if (count > 0)
            out[n++] = (now.sum[i] + before.sum[i]) / count;
    }
    (void)pthread_mutex_unlock(&lock);
    return n;
}

double fairness_index(void)
{
    double mean[PLACES], sum = 0, squares = 0;
    int n = means(mean);
    for (int i = 0; i < n; i++) {
        double x = mean[i] > unfelt_s ? mean[i] : unfelt_s;
        sum += x;
        squares += x * x;
    }
    return n < 2 ? 1 : sum * sum / (n * squares);
}

double fairness_longest_wait(void)
{
    double mean[PLACES], longest = 0;
    int n = means(mean);
    for (int i = 0; i < n; i++)
        longest = mean[i] > longest ? mean[i] : longest;
    return longest;
}
