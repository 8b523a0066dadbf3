/* deleted_files.h: files of videos that are gone already (chronos.deleted_files). */
#pragma once

#include "function.h"

/* Deletes up to a few hundred of them from the storage and forgets them; of one operation, or of all (NULL). *ret_more: there
 * may be more. Running twice is harmless. A failure leaves the rest for the next time. */
bool deleted_files_remove(struct step *s, const char *operation, long long *ret_removed,
                          bool *ret_more, struct err *e) MUST_CHECK;
