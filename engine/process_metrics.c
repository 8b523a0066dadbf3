#include "process_metrics.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static bool add(struct buf *out, const char *name, const char *kind, const char *help, double value)
{
    return buf_addf(out, "# HELP process_%s %s\n# TYPE process_%s %s\nprocess_%s %.16g\n", name,
                    help, name, kind, name, value);
}

static int count_files(const char *folder)
{
    DIR *d = opendir(folder);
    int n = 0;
    if (d == NULL)
        return -1;
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n - 1; /* the one that is looked through */
}

/* Seconds since 1970 at which the machine was started; 0 = not known. */
static double boot_time(void)
{
    FILE *f = fopen("/proc/stat", "re");
    char line[256];
    double at = 0;
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, "btime ", 6) == 0)
            at = strtod(line + 6, NULL);
    }
    if (f != NULL)
        (void)fclose(f); /* only read from */
    return at;
}

/* The numbers of /proc/self/stat from the 14th on (utime); false when it cannot be read. */
static bool read_stat(double *numbers, size_t count)
{
    FILE *f = fopen("/proc/self/stat", "re");
    char text[1024];
    if (f == NULL)
        return false;
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    (void)fclose(f); /* only read from */
    text[n] = '\0';
    const char *p = strrchr(text, ')'); /* the name before may hold anything */
    for (int field = 2; p != NULL && field < 13; field++)
        p = strchr(p + 1, ' ');
    for (size_t i = 0; i < count && p != NULL; i++) {
        char *end;
        numbers[i] = strtod(p, &end);
        p = end;
    }
    return p != NULL;
}

bool process_metrics_render(struct buf *out)
{
    enum { UTIME = 0, STIME = 1, THREADS = 6, START = 8, VSIZE = 9, RSS = 10, NUMBERS = 11 };
    double v[NUMBERS];
    struct rlimit files;
    bool ok = true;
    double ticks = (double)sysconf(_SC_CLK_TCK);
    if (read_stat(v, NUMBERS)) {
        ok = add(out, "cpu_seconds_total", "counter", "User and system time spent.",
                 (v[UTIME] + v[STIME]) / ticks) &&
             add(out, "threads", "gauge", "Threads of the process.", v[THREADS]) &&
             add(out, "virtual_memory_bytes", "gauge", "Virtual memory.", v[VSIZE]) &&
             add(out, "resident_memory_bytes", "gauge", "Resident memory.",
                 v[RSS] * (double)sysconf(_SC_PAGESIZE)) &&
             add(out, "start_time_seconds", "gauge", "Start of the process since 1970.",
                 boot_time() + v[START] / ticks);
    }
    int open_files = count_files("/proc/self/fd");
    if (open_files >= 0)
        ok = ok && add(out, "open_fds", "gauge", "Open file descriptors.", open_files);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        ok = ok && add(out, "max_fds", "gauge", "Most file descriptors it may open.",
                       (double)files.rlim_cur);
    return ok;
}
