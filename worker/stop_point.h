/* stop_point.h: named places where a crash would hurt most. In the product they do nothing; the worker that tests run links
 * another definition, which dies there on demand. */
#pragma once

/* `where`: before-step, after-step (done, its transaction open), after-ledger (in Postgres, not in Redis yet),
 * after-commit (in Redis). */
void stop_point(const char *where, const char *step);
