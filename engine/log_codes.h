/* log_codes.h: the stable code of a message. Programs that watch the log look for the code, people read the words, and the
 * words may be changed. The table is log_codes.inc; ops/logs.md says what each means. */
#pragma once

/* NULL: it has none. Constant. */
const char *log_code(const char *msg);
