/* expr.h: the one expression language, over events: limit keys, priorities, conditions of triggers, waits and cancels.
 *
 * A subset of CEL with the loose meaning that users of Inngest know. It is total: an expression that compiles gives a
 * value for every event, in time linear in its own size times the size of what it reads, without memory of its own.
 *
 *   'a' "a" 1 2.5 true false null missing   literals; text knows \n \" \\ \u00e9 and the like
 *   [1, 'a']  {"a": 1}             lists and objects of literals; the list after `in` may hold any expression
 *   event.data.x  a["b c"]  a[0]   what started the run; `data.x` is short for `event.data.x`
 *   async.data.x                   the event now arriving, where the caller allows it
 *   ?:  ||  &&  == != < <= > >= in  + -  *  ! -     from the loosest to the tightest
 *   .startsWith(x) .endsWith(x) .contains(x)  size(x)  has(path)
 *
 * What happens when types do not fit:
 * - A path that leads nowhere is missing, and equal to null. Elsewhere `==` is false between different types.
 *   Lists and objects are equal when their contents are.
 * - `<` and the others: missing is less than everything, on the left first; null becomes the zero of the other side's
 *   type; other pairs of different types, lists and objects give false whichever way they are compared.
 * - `&& || ! ?:` take any value by truth as in JavaScript ("", 0, null and missing are false; lists and objects are
 *   true), and `&& ||` give the value that decided.
 * - `+` adds two numbers, and joins the texts of anything else that has one; a side that is null or missing gives the
 *   other. `+` with a list or an object, and `-` and `*` with what is no number, give missing.
 * - `in` finds an element of a list or a key of an object; a missing left side, or any other right side, gives false.
 *   So do the methods when either side is no text. size() counts characters, elements or keys, and is otherwise 0.
 * - Numbers are integers of 64 bits, exactly, and floating point beyond; 1.0 is 1. What would be infinite is the
 *   largest number instead.
 * - A joined text longer than EXPR_JOIN_MAX_BYTES is cut at a whole character and ends in a hash of all of it, so that
 *   two long texts stay different. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum expr_roots { EXPR_EVENT = 1, EXPR_ASYNC = 2 };

enum {
    EXPR_MAX_BYTES = 1024,
    EXPR_MAX_NODES =
        256, /* operators, literals and paths; literals inside a list are not counted */
    EXPR_MAX_NESTING = 32, /* of brackets, unary operators and branches */
    EXPR_MAX_JOINS = 4,    /* joined texts that must exist at the same moment */
    EXPR_JOIN_MAX_BYTES = 1024,
    EXPR_BOUND_MAX_BYTES = 8192, /* what expr_bind may write */
    EXPR_KEY_SIZE = 129,         /* key text with its NUL */
};

enum expr_kind {
    EXPR_MISSING,
    EXPR_NULL,
    EXPR_BOOL,
    EXPR_INT,
    EXPR_REAL, /* what is no 64-bit integer; finite */
    EXPR_TEXT,
    EXPR_JSON, /* a list or an object */
};

struct expr_value {
    enum expr_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double real;
        const json_t *json; /* borrowed from the event or the expression */
        struct {
            const char *
                text; /* borrowed from the event, the expression or the scratch; not NUL-terminated */
            size_t len;
        };
    };
};

/* Room for joined texts, on the caller's stack; needs no initialisation. */
struct expr_scratch {
    char joined[EXPR_MAX_JOINS][EXPR_JOIN_MAX_BYTES];
};

struct expr;

/* `allow` says which roots may be read. NULL: ERR_INPUT with the column (in characters, from 1), what was expected there
 * and what was found. Without EXPR_EVENT the text is one that expr_bind wrote, and may be as long and deep as those get.
 * The result never changes: any number of threads may use it. */
struct expr *expr_compile(const char *text, unsigned allow, struct err *e);
void expr_free(struct expr *x); /* accepts NULL */

/* The roots that the expression reads. */
unsigned expr_reads(const struct expr *x);

/* `event` and `async` are whole events ({"name":…,"data":…}); NULL is an event in which everything is missing. The value
 * is borrowed: it lives as long as expression, events and scratch. */
void expr_eval(const struct expr *x, const json_t *event, const json_t *async,
               struct expr_scratch *scratch, struct expr_value *ret);

/* For conditions: is the value the boolean true? Any other value is no match, however true it looks. */
bool expr_true(const struct expr *x, const json_t *event, const json_t *async);

/* For priorities: the value when it is a number. */
double expr_number(const struct expr *x, const json_t *event, double otherwise);

/* For keys: one line of text. Texts as they are, numbers shortest, "true", "false", and "" for everything else. What is
 * longer than EXPR_KEY_SIZE or holds control bytes is its beginning, '~' and a hash that is the same on every machine;
 * no other value looks like that. Returns the length. */
size_t expr_key(const struct expr *x, const json_t *event, char out[EXPR_KEY_SIZE]);

/* The key text of what stands at a dotted path ("data.videoId") of an event. */
size_t expr_path_key(const json_t *event, const char *path, char out[EXPR_KEY_SIZE]);

/* The text of the expression that is left when this event's values are put in: it reads only `async`, compiles with
 * EXPR_ASYNC, and gives for every arriving event the value that x gives. What does not depend on `async` is worked out, so
 * the text of a condition that cannot come true any more is `false` (or another literal). The caller frees. NULL: ERR_INPUT,
 * the values take more than EXPR_BOUND_MAX_BYTES or are nested deeper than EXPR_MAX_NESTING. */
char *expr_bind(const struct expr *x, const json_t *event, struct err *e);

/* Finds a condition that must hold for x to be true and has the form `async.<path> == <text, number or boolean>`, either
 * way round: an event for which x is true has expr_path_key(event, path) equal to `value`. Texts and numbers are
 * preferred to booleans. False, with nothing written, when there is none whose path is plain names and fits. */
bool expr_index(const struct expr *x, char *ret_path, size_t path_size,
                char ret_value[EXPR_KEY_SIZE]);
