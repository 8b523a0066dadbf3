/* function_check.h: what is looked at in the functions of this build before anything starts. */
#pragma once

#include <stdbool.h>

/* Are all definitions right? Each that is not is logged, so that an author sees every mistake at once. */
bool function_check_all(void);

/* Warns of names in CHRONOS_LIMITS that no function here has: a misspelt limit would otherwise be obeyed by nobody and noticed
 * by nobody. */
void function_check_limits(const char *limits);
