/* secrets.h: addresses with the secrets taken out, for the log; and those secrets handed to log_hide. */
#pragma once

#include <stddef.h>

/* "https://user:***@host/path?***": a password and everything after '?' are replaced. */
void url_mask(const char *url, char *out, size_t size);
void url_hide(const char *url);

/* A libpq URI or connection string as "user=… dbname=… host=… port=…", nothing else of it. */
void conninfo_mask(const char *conninfo, char *out, size_t size);
void conninfo_hide(const char *conninfo);
