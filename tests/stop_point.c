/* stop_point.c: dies by SIGKILL at the point that CHRONOS_TEST_STOP names ("after-step:save-transcript"), once: the file
 * CHRONOS_TEST_STOP_FILE is the permission, and whoever removes it uses it. */
#include "stop_point.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void stop_point(const char *where, const char *step)
{
    const char *wanted = getenv("CHRONOS_TEST_STOP"), *file = getenv("CHRONOS_TEST_STOP_FILE");
    char here[256];
    if (wanted == NULL || file == NULL)
        return;
    (void)snprintf(here, sizeof(here), "%s:%s", where, step);
    if (strcmp(here, wanted) == 0 && unlink(file) == 0)
        (void)kill(getpid(), SIGKILL);
}
