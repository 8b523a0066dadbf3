#include "expr_tree.h"
#include "expr_value.h"

/* Where a path leads; NULL when nowhere. */
static const json_t *follow(const struct expr_run *r, const struct expr_node *path)
{
    const json_t *j = path->uses == EXPR_ASYNC ? r->async : r->event;
    const struct expr_node *step = path + 1, *end = step + path->value.integer;
    for (; step < end && j != NULL; step++)
        j = step->value.kind == EXPR_INT ? json_array_get(j, (size_t)step->value.integer)
                                         : json_object_getn(j, step->value.text, step->value.len);
    return j;
}

static bool compare(enum expr_op op, const struct expr_value *a, const struct expr_value *b)
{
    enum expr_order order = expr_compare(a, b);
    bool or_equal = op == OP_LESS_EQUAL || op == OP_GREATER_EQUAL;
    bool less = op == OP_LESS || op == OP_LESS_EQUAL;
    return order == (less ? EXPR_LESS : EXPR_GREATER) || (or_equal && order == EXPR_SAME);
}

/* "startsWith" and its like. */
static bool matches(enum expr_op op, const struct expr_value *v, const struct expr_value *part)
{
    if (v->kind != EXPR_TEXT || part->kind != EXPR_TEXT || part->len > v->len)
        return false;
    if (op == OP_CONTAINS)
        return part->len == 0 || memmem(v->text, v->len, part->text, part->len) != NULL;
    const char *where = op == OP_STARTS_WITH ? v->text : v->text + (v->len - part->len);
    return memcmp(where, part->text, part->len) == 0;
}

static struct expr_value eval(const struct expr_run *r, unsigned node, unsigned joins);

/* `joins` texts in the scratch are still wanted. */
static bool is_in(const struct expr_run *r, const struct expr_node *n, unsigned joins)
{
    const struct expr_value v = eval(r, n->a, joins);
    const struct expr_node *right = &r->x->nodes[n->b];
    joins += r->x->nodes[n->a].holds;
    if (right->op != OP_LIST) {
        struct expr_value where = eval(r, n->b, joins);
        return expr_is_in(&v, &where);
    }
    bool found = expr_is_in(&v, &r->x->nodes[right->a].value);
    for (unsigned i = right->b; i != 0 && !found; i = r->x->nodes[i].b) {
        struct expr_value item = eval(r, r->x->nodes[i].a, joins);
        found = v.kind != EXPR_MISSING && expr_equal(&v, &item);
    }
    return found;
}

/* The sum's place is joined[joins]. When the left side, which might have stood there, turned out to be nothing, the sum is
 * the right side, which stands behind: it moves, or the next text would be written over it. */
static struct expr_value add(const struct expr_run *r, const struct expr_node *n,
                             const struct expr_value *a, const struct expr_value *b, unsigned joins)
{
    const struct expr_node *nodes = r->x->nodes;
    char *place = r->scratch->joined[joins];
    struct expr_value v = expr_add(a, b, place);
    bool both = nodes[n->a].holds && nodes[n->b].holds;
    if (both && v.kind == EXPR_TEXT && v.text == r->scratch->joined[joins + 1]) {
        memcpy(place, v.text, v.len);
        v.text = place;
    }
    return v;
}

static struct expr_value operate(const struct expr_run *r, const struct expr_node *n,
                                 unsigned joins)
{
    const struct expr_value a = eval(r, n->a, joins);
    const struct expr_value b = eval(r, n->b, joins + r->x->nodes[n->a].holds);
    switch (n->op) {
    case OP_EQUAL:
        return expr_of_bool(expr_equal(&a, &b));
    case OP_NOT_EQUAL:
        return expr_of_bool(!expr_equal(&a, &b));
    case OP_ADD:
        return add(r, n, &a, &b, joins);
    case OP_SUBTRACT:
        return expr_subtract(&a, &b);
    case OP_MULTIPLY:
        return expr_multiply(&a, &b);
    case OP_STARTS_WITH:
    case OP_ENDS_WITH:
    case OP_CONTAINS:
        return expr_of_bool(matches(n->op, &a, &b));
    default:
        return expr_of_bool(compare(n->op, &a, &b));
    }
}

static struct expr_value eval(const struct expr_run *r, unsigned node, unsigned joins)
{
    const struct expr_node *n = &r->x->nodes[node];
    struct expr_value v;
    switch (n->op) {
    case OP_LITERAL:
        return n->value;
    case OP_PATH:
        return expr_of_json(follow(r, n));
    case OP_HAS:
        return expr_of_bool(follow(r, n) != NULL);
    case OP_NOT:
        v = eval(r, n->a, joins);
        return expr_of_bool(!expr_is_truthy(&v));
    case OP_NEGATE:
        v = eval(r, n->a, joins);
        return expr_negate(&v);
    case OP_SIZE:
        v = eval(r, n->a, joins);
        return expr_of_int(expr_size(&v));
    case OP_IF:
        v = eval(r, n->a, joins);
        return eval(r, expr_is_truthy(&v) ? n->b : n->c, joins);
    case OP_OR:
    case OP_AND:
        v = eval(r, n->a, joins);
        return expr_is_truthy(&v) == (n->op == OP_OR) ? v : eval(r, n->b, joins);
    case OP_IN:
        return expr_of_bool(is_in(r, n, joins));
    default:
        return operate(r, n, joins);
    }
}

struct expr_value expr_eval_node(const struct expr_run *r, unsigned node)
{
    return eval(r, node, 0);
}

void expr_eval(const struct expr *x, const json_t *event, const json_t *async,
               struct expr_scratch *scratch, struct expr_value *ret)
{
    struct expr_run r = {.x = x, .event = event, .async = async, .scratch = scratch};
    *ret = eval(&r, x->root, 0);
}

bool expr_true(const struct expr *x, const json_t *event, const json_t *async)
{
    struct expr_scratch scratch;
    struct expr_value v;
    expr_eval(x, event, async, &scratch, &v);
    return v.kind == EXPR_BOOL && v.boolean;
}

double expr_number(const struct expr *x, const json_t *event, double otherwise)
{
    struct expr_scratch scratch;
    struct expr_value v;
    expr_eval(x, event, NULL, &scratch, &v);
    return v.kind == EXPR_INT ? (double)v.integer : v.kind == EXPR_REAL ? v.real : otherwise;
}

size_t expr_key(const struct expr *x, const json_t *event, char out[EXPR_KEY_SIZE])
{
    struct expr_scratch scratch;
    struct expr_value v;
    expr_eval(x, event, NULL, &scratch, &v);
    return expr_print_key(&v, out);
}

size_t expr_path_key(const json_t *event, const char *path, char out[EXPR_KEY_SIZE])
{
    while (*path != '\0') {
        size_t len = strcspn(path, ".");
        event = json_object_getn(event, path, len);
        path += len;
        path += *path == '.';
    }
    struct expr_value v = expr_of_json(event);
    return expr_print_key(&v, out);
}
