/* expr_tree.h: a compiled expression from the inside; for the files expr*.c only.
 *
 * A tree in one array: children are indices, and come before their parent. Node 0 is a literal that stands for "no
 * child", so that what is computed over children needs no special case. */
#pragma once

#include "expr.h"

enum expr_op {
    OP_LITERAL,
    OP_PATH, /* `uses` is the root; value.integer steps follow in the array */
    OP_STEP, /* value: a key (EXPR_TEXT) or an index (EXPR_INT) */
    OP_HAS,  /* as OP_PATH */
    OP_NOT,  /* of a, as all with one operand */
    OP_NEGATE,
    OP_SIZE,
    OP_IF, /* a ? b : c */
    OP_OR, /* a and b, as all below */
    OP_AND,
    OP_EQUAL,
    OP_NOT_EQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_IN,
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_STARTS_WITH,
    OP_ENDS_WITH,
    OP_CONTAINS,
    OP_LIST, /* only as b of OP_IN: the literals are the list a, the rest begins with b */
    OP_ITEM, /* the element a; b is the next */
    OP_COUNT
};

enum expr_level {
    LEVEL_CHOICE = 1,
    LEVEL_OR,
    LEVEL_AND,
    LEVEL_RELATION,
    LEVEL_SUM,
    LEVEL_PRODUCT,
    LEVEL_UNARY,
    LEVEL_MEMBER,
};

struct expr_node {
    uint8_t op;
    uint8_t uses;  /* the roots that it and its children read */
    uint8_t needs; /* joined texts that exist at once while it is evaluated */
    uint8_t holds; /* 1: its value may be a joined text */
    uint16_t a, b, c;
    struct expr_value value;
};

struct expr {
    uint16_t root;
    size_t len;
    struct expr_node nodes[]; /* behind them, the bytes of texts */
};

/* One evaluation. */
struct expr_run {
    const struct expr *x;
    const json_t *event, *async;
    struct expr_scratch *scratch;
};

struct expr_value expr_eval_node(const struct expr_run *r, unsigned node);

/* How each operation is written; level 0 = not as an operator between two operands. */
extern const struct expr_sign {
    const char *sign;
    enum expr_level level;
} expr_signs[OP_COUNT];
