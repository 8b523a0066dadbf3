/* fuzz.h: what the fuzz targets share.
 *
 * A target is one file fuzz_<name>.c with LLVMFuzzerTestOneInput; its seeds are the files in corpus/<name>. It does not
 * only wait for a crash: what a parser promises is asserted with require(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "err.h"
#include "http.h"
#include "services.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process, which is a finding. */
void require(bool ok);

/* Text that Postgres and JSON take: valid UTF-8 without NUL. */
void require_text(const char *text);

/* A failure of one of `codes` (one bit each, FAILS_AS) with a message for people. */
void require_error(const struct err *e, unsigned codes);
#define FAILS_AS(code) (1u << (code))

/* Every class that an outside service's answer may have. */
enum {
    FAILS_AS_ANSWER = FAILS_AS(ERR_RETRY) | FAILS_AS(ERR_RATE_LIMITED) | FAILS_AS(ERR_NOT_READY) |
                      FAILS_AS(ERR_NEXT_SOURCE) | FAILS_AS(ERR_SPLIT) | FAILS_AS(ERR_PERMANENT) |
                      FAILS_AS(ERR_STOP_PROVIDER) | FAILS_AS(ERR_INPUT),
};

/* ---- what is left of the input ---- */
struct input {
    const char *p, *end;
};

/* A copy of the next line, without its end and cut at a NUL; "" when there is none. The caller frees. */
char *input_line(struct input *in);
/* A copy of all that is left, cut at a NUL. */
char *input_text(struct input *in);

/* ---- replies of Redis ---- */
enum { MAX_FIELDS_READ = 32 };

struct fields {
    struct redisReply entry, id, list; /* [id, [name, value, …]] */
    struct redisReply values[MAX_FIELDS_READ];
    struct redisReply *list_elements[MAX_FIELDS_READ], *entry_elements[2];
};

/* What is left, cut at every byte 0x1F, as an entry of a stream: the first piece is its id, then names and values. Pieces
 * may hold any bytes. */
void input_fields(struct input *in, struct fields *f);
void fields_release(struct fields *f);

/* ---- answers of services ----
 *
 * http_send is replaced in all targets: it gives the answers written in the input, one after the other. Each is a line
 * "<status> <content type>", then the body up to a line "=====". When there are no more the transfer fails. */
void answers_begin(struct input in);
struct http *answers_http(void);
/* Services as they are configured in production, with keys. */
const struct services *answers_services(void);
