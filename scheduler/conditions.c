#include "conditions.h"

#include <stdlib.h>
#include <string.h>

#include "id.h"
#include "log.h"

void conditions_release(struct conditions *c)
{
    for (size_t i = 0; i < CONDITIONS_KEPT; i++) {
        expr_free(c->kept[i].compiled);
        free(c->kept[i].text);
    }
    *c = (struct conditions){0};
}

static struct expr *compile(const char *text)
{
    struct err e;
    struct expr *x = expr_compile(text, EXPR_ASYNC, &e);
    if (x == NULL)
        log_error("the condition of a listener cannot be read; it never holds", "condition", text,
                  "error", e.msg, LOG_END);
    return x;
}

static const struct expr *find(struct conditions *c, const char *text)
{
    size_t at = id_hash(0, text, strlen(text)) % CONDITIONS_KEPT;
    if (c->kept[at].text != NULL && strcmp(c->kept[at].text, text) == 0)
        return c->kept[at].compiled;
    expr_free(c->kept[at].compiled);
    free(c->kept[at].text);
    c->kept[at].compiled = compile(text);
    c->kept[at].text = strdup(text);
    if (c->kept[at].text == NULL)
        abort();
    return c->kept[at].compiled;
}

bool conditions_hold(struct conditions *c, const char *text, const json_t *event)
{
    if (*text == '\0')
        return true;
    const struct expr *x = find(c, text);
    return x != NULL && expr_true(x, NULL, event);
}
