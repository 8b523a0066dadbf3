/* fuzz_expr.c: any bytes as an expression and two events. What compiles must give a value, a key of one line, and the same
 * again when it was bound to the first event; what does not must say why.
 *
 * The input is three lines: the expression, `event` and `async`. An event that is no JSON is one that holds something of
 * everything. The first byte chooses which roots may be read. */
#include "expr.h"
#include "fuzz.h"
#include "js.h"

static const char OTHERWISE[] =
    "{\"name\":\"n\",\"data\":{\"a\":\"abc\",\"b\":5,\"c\":-2.5,\"d\":true,\"e\":null,"
    "\"f\":[1,\"abc\",[null]],\"g\":{\"a\":1,\"b c\":[]},\"h\":9007199254740993}}";

/* The next line; a copy. */
static char *take_line(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size > 0 ? memchr(*data, '\n', *size) : NULL;
    size_t len = end != NULL ? (size_t)(end - *data) : *size;
    char *line = strndup((const char *)*data, len);
    require(line != NULL);
    *data += end != NULL ? len + 1 : len;
    *size -= end != NULL ? len + 1 : len;
    return line;
}

static json_t *take_event(const uint8_t **data, size_t *size)
{
    struct err e;
    auto_free char *line = take_line(data, size);
    json_t *event = js_parse(line, strlen(line), &e);
    return event != NULL ? event : js_parse(OTHERWISE, strlen(OTHERWISE), &e);
}

static void require_json_text(const char *text, size_t len)
{
    json_t *j = json_stringn(text, len);
    require(j != NULL);
    json_decref(j);
}

static bool same(const struct expr_value *a, const struct expr_value *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case EXPR_MISSING:
    case EXPR_NULL:
        return true;
    case EXPR_BOOL:
        return a->boolean == b->boolean;
    case EXPR_INT:
        return a->integer == b->integer;
    case EXPR_REAL:
        return a->real == b->real;
    case EXPR_TEXT:
        return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
    case EXPR_JSON: /* their numbers may be written differently */
        return json_typeof(a->json) == json_typeof(b->json);
    }
    return false;
}

static void check_value(const struct expr_value *v)
{
    if (v->kind == EXPR_TEXT)
        require_json_text(v->text, v->len);
    if (v->kind == EXPR_REAL)
        require(v->real - v->real == 0); /* finite */
}

static void check_key(const struct expr *x, const json_t *event)
{
    char key[EXPR_KEY_SIZE];
    size_t len = expr_key(x, event, key);
    require(len < sizeof(key) && strlen(key) == len);
    require_json_text(key, len);
    for (size_t i = 0; i < len; i++)
        require((unsigned char)key[i] >= 0x20 && key[i] != 0x7F);
}

static void check_index(const struct expr *x, const json_t *async)
{
    char path[256], value[EXPR_KEY_SIZE], key[EXPR_KEY_SIZE];
    if (!expr_index(x, path, sizeof(path), value) || !expr_true(x, NULL, async))
        return;
    expr_path_key(async, path, key);
    require(strcmp(key, value) == 0);
}

static void check_bound(const struct expr *x, const struct expr_value *v, const json_t *event,
                        const json_t *async)
{
    struct err e = {0};
    struct expr_scratch scratch;
    struct expr_value residual;
    auto_free char *text = expr_bind(x, event, &e);
    require(text != NULL || e.code == ERR_INPUT);
    if (text == NULL)
        return;
    struct expr *bound = expr_compile(text, EXPR_ASYNC, &e);
    require(bound != NULL && !(expr_reads(bound) & EXPR_EVENT));
    expr_eval(bound, NULL, async, &scratch, &residual);
    require(same(v, &residual));
    check_index(bound, async);
    expr_free(bound);
}

static void check_refusal(const struct err *e)
{
    require(e->code == ERR_INPUT && strncmp(e->msg, "column ", 7) == 0);
    require_json_text(e->msg, strlen(e->msg));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned allow = data[0] % 4 == 0 ? EXPR_EVENT | EXPR_ASYNC : data[0] % 4;
    data++;
    size--;
    auto_free char *text = take_line(&data, &size);
    auto_json *event = take_event(&data, &size);
    auto_json *async = take_event(&data, &size);
    struct err e = {0};
    struct expr_scratch scratch;
    struct expr_value v;
    struct expr *x = expr_compile(text, allow, &e);
    if (x == NULL) {
        check_refusal(&e);
        return 0;
    }
    expr_eval(x, event, async, &scratch, &v);
    check_value(&v);
    check_key(x, event);
    check_bound(x, &v, event, async);
    expr_free(x);
    return 0;
}
