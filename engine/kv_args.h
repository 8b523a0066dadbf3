/* kv_args.h: the arguments of a Redis command. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Bytes are borrowed until the command was sent; numbers are copied. */
struct kv_args {
    const char **v;
    size_t *len;
    int n, cap;
    struct kv_number *numbers; /* blocks of printed integers */
};
void kv_args_init(struct kv_args *a);
void kv_args_release(struct kv_args *a);
void kv_args_clear(struct kv_args *a);
void kv_add(struct kv_args *a, const char *p, size_t len);
void kv_adds(struct kv_args *a, const char *s);
void kv_addi(struct kv_args *a, int64_t number);
