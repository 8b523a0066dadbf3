/* fuzz_json.c: any bytes as JSON, and the messages that are looked for in any answer. The first line is a path. */
#include <string.h>

#include "answer.h"
#include "fuzz.h"
#include "js.h"
#include "json_reader.h"
#include "openai.h"
#include "utf8.h"

static void check_round_trip(const json_t *j, const char *path)
{
    size_t len;
    struct err e;
    auto_free char *text = js_dump(j, &len);
    require(strlen(text) == len);
    auto_json *again = js_parse(text, len, &e);
    require(again != NULL);
    auto_free char *text_again = js_dump(again, NULL);
    require(strcmp(text, text_again) == 0);
    const char *s = js_str(j, path);
    require(s == NULL || s[0] != '\0');
    (void)js_num(j, path, 0);
    (void)js_int(j, path, 0);
    (void)js_bool(j, path, false);
}

/* The reader takes the same documents, but for numbers that are too large and for what JavaScript writes after \u. */
static void check_reader(const char *text, size_t len, bool is_json, const struct err *refused)
{
    if (!utf8_is_valid(text, len) || strlen(text) != len || strstr(text, "\\u") != NULL ||
        (!is_json &&
         (strstr(refused->msg, "too big") != NULL || strstr(refused->msg, "overflow") != NULL)))
        return;
    struct json_reader r = JSON_READER(text);
    struct err e = {0};
    jr_skip(&r);
    require(jr_finish(&r, &e) == is_json);
    if (!is_json)
        require_error(&e, FAILS_AS(ERR_INPUT));
}

/* Whatever a service answers with an error, people can be told. */
static void check_messages(const struct http_response *r)
{
    char message[201];
    struct err e = {0};
    http_error_message(r, message, sizeof(message));
    require_text(message);
    require(openai_delay_in_text(message) >= 0);
    require(!http_status_err(r, "service", &e));
    require_error(&e, FAILS_AS_ANSWER);
    e = (struct err){0};
    require(!openai_err(r, "service", &e));
    require_error(&e, FAILS_AS_ANSWER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {(const char *)data, (const char *)data + size};
    auto_free char *path = input_line(&in);
    size_t len = (size_t)(in.end - in.p);
    struct http_response r = {.status = 400 + (long)(size % 112),
                              .retry_after_ms = -1,
                              .should_retry = -1,
                              .body = BUF_INIT(SIZE_MAX / 2)};
    require(buf_add(&r.body, in.p, len));
    struct err e = {0};
    auto_json *j = js_parse(r.body.data, len, &e);
    if (j != NULL)
        check_round_trip(j, path);
    else
        require_error(&e, FAILS_AS(ERR_INPUT));
    check_reader(r.body.data, len, j != NULL, &e);
    auto_json *answer = answer_object(&r, "service", &e);
    require(answer == NULL || json_is_object(answer));
    /* a document that was good is still the same one after it was mended */
    require(!json_is_object(j) || strstr(r.body.data, "\\u") != NULL || json_equal(answer, j));
    check_messages(&r);
    http_response_release(&r);
    return 0;
}
