/* admit.h: may this request be handled? Decided before its body is read, from the key that it shows, where it comes from and how
 * many the same key has sent. */
#pragma once

#include "request.h"

/* Before anything else: where the body ends. Answers 400 and returns false when a proxy before us may have found another end than we would,
 * and with it another next request; the connection ends with that answer. */
bool admit_framing(struct request *r);

/* Fills access, who and by_cookie; answers 401, 403 or 429 and returns false when it may not. */
bool admit(struct request *r);
