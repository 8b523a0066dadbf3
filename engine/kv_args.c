#include "kv_args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS_PER_BLOCK = 64 };

struct kv_number {
    struct kv_number *next;
    int used;
    char text[NUMBERS_PER_BLOCK][24];
};

void kv_args_init(struct kv_args *a)
{
    *a = (struct kv_args){0};
}

void kv_args_clear(struct kv_args *a)
{
    a->n = 0;
    for (struct kv_number *b = a->numbers; b != NULL; b = b->next)
        b->used = 0;
}

void kv_args_release(struct kv_args *a)
{
    while (a->numbers != NULL) {
        struct kv_number *next = a->numbers->next;
        free(a->numbers);
        a->numbers = next;
    }
    free(a->v);
    free(a->len);
    kv_args_init(a);
}

void kv_add(struct kv_args *a, const char *p, size_t len)
{
    if (a->n == a->cap) {
        int cap = a->cap > 0 ? a->cap * 2 : 32;
        const char **v = realloc(a->v, (size_t)cap * sizeof(*v));
        if (v == NULL)
            abort();
        a->v = v;
        size_t *lens = realloc(a->len, (size_t)cap * sizeof(*lens));
        if (lens == NULL)
            abort();
        a->len = lens;
        a->cap = cap;
    }
    a->v[a->n] = p;
    a->len[a->n++] = len;
}

void kv_adds(struct kv_args *a, const char *s)
{
    kv_add(a, s, strlen(s));
}

void kv_addi(struct kv_args *a, int64_t number)
{
    struct kv_number *b = a->numbers;
    while (b != NULL && b->used == NUMBERS_PER_BLOCK)
        b = b->next;
    if (b == NULL) {
        b = calloc(1, sizeof(*b));
        if (b == NULL)
            abort();
        b->next = a->numbers;
        a->numbers = b;
    }
    char *text = b->text[b->used++];
    int n = snprintf(text, sizeof(b->text[0]), "%lld", (long long)number);
    kv_add(a, text, (size_t)n);
}
