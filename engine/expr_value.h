/* expr_value.h: what can be done with the values of expressions; for the files expr*.c only. Everything here is total. */
#pragma once

#include "expr.h"

enum { EXPR_NUMBER_SIZE = 32 };

struct expr_text {
    const char *text;
    size_t len;
};

enum expr_order { EXPR_LESS = -1, EXPR_SAME, EXPR_GREATER, EXPR_UNORDERED };

static inline struct expr_value expr_of_bool(bool b)
{
    return (struct expr_value){.kind = EXPR_BOOL, .boolean = b};
}

static inline struct expr_value expr_of_int(int64_t i)
{
    return (struct expr_value){.kind = EXPR_INT, .integer = i};
}

struct expr_value expr_of_real(double d);        /* an integer when it is one; never infinite */
struct expr_value expr_of_json(const json_t *j); /* NULL is missing */

bool expr_is_truthy(const struct expr_value *v);
bool expr_equal(const struct expr_value *a, const struct expr_value *b);
enum expr_order expr_compare(const struct expr_value *a, const struct expr_value *b);
bool expr_is_in(const struct expr_value *v, const struct expr_value *where);
int64_t expr_size(const struct expr_value *v);

struct expr_value expr_negate(const struct expr_value *v);
struct expr_value expr_subtract(const struct expr_value *a, const struct expr_value *b);
struct expr_value expr_multiply(const struct expr_value *a, const struct expr_value *b);
/* A joined text is written to `joined`, where a's or b's may already stand. */
struct expr_value expr_add(const struct expr_value *a, const struct expr_value *b,
                           char joined[EXPR_JOIN_MAX_BYTES]);

/* The value as text; numbers are printed into `number`. */
struct expr_text expr_print(const struct expr_value *v, char number[EXPR_NUMBER_SIZE]);

/* See expr_key. */
size_t expr_print_key(const struct expr_value *v, char out[EXPR_KEY_SIZE]);

/* The longest beginning of at most max bytes that ends with a whole character. */
size_t expr_cut(const char *text, size_t len, size_t max);
