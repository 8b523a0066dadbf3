#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "utf8.h"

void require(bool ok)
{
    if (!ok)
        abort();
}

void require_text(const char *text)
{
    require(text != NULL && utf8_is_valid(text, strlen(text)));
}

void require_error(const struct err *e, unsigned codes)
{
    require(e->code > ERR_NONE && e->code < ERR_COUNT && (codes & FAILS_AS(e->code)) != 0);
    require(e->msg[0] != '\0' && e->retry_after_ms >= 0);
    require_text(e->msg);
}

static char *copy(const char *p, size_t len)
{
    char *text = strndup(p, len);
    require(text != NULL);
    return text;
}

char *input_line(struct input *in)
{
    size_t left = (size_t)(in->end - in->p);
    const char *end = left > 0 ? memchr(in->p, '\n', left) : NULL;
    size_t len = end != NULL ? (size_t)(end - in->p) : left;
    char *line = copy(in->p, len);
    in->p += end != NULL ? len + 1 : len;
    return line;
}

char *input_text(struct input *in)
{
    char *text = copy(in->p, (size_t)(in->end - in->p));
    in->p = in->end;
    return text;
}

static struct redisReply string_of(const char *p, size_t len)
{
    char *text = malloc(len + 1);
    require(text != NULL);
    memcpy(text, p, len);
    text[len] = '\0';
    return (struct redisReply){.type = REDIS_REPLY_STRING, .str = text, .len = len};
}

static struct redisReply take_piece(struct input *in)
{
    size_t left = (size_t)(in->end - in->p);
    const char *end = left > 0 ? memchr(in->p, 0x1F, left) : NULL;
    size_t len = end != NULL ? (size_t)(end - in->p) : left;
    struct redisReply piece = string_of(in->p, len);
    in->p += end != NULL ? len + 1 : len;
    return piece;
}

void input_fields(struct input *in, struct fields *f)
{
    size_t n = 0;
    f->id = take_piece(in);
    for (; in->p < in->end && n < MAX_FIELDS_READ; n++) {
        f->values[n] = take_piece(in);
        f->list_elements[n] = &f->values[n];
    }
    if (n % 2 != 0)
        free(f->values[--n].str); /* Redis has no name without a value */
    f->list =
        (struct redisReply){.type = REDIS_REPLY_ARRAY, .elements = n, .element = f->list_elements};
    f->entry_elements[0] = &f->id;
    f->entry_elements[1] = &f->list;
    f->entry =
        (struct redisReply){.type = REDIS_REPLY_ARRAY, .elements = 2, .element = f->entry_elements};
}

void fields_release(struct fields *f)
{
    free(f->id.str);
    for (size_t i = 0; i < f->list.elements; i++)
        free(f->values[i].str);
}
