/* expr_bind.c: what is left of an expression when the event that started a run is known, written as text again; and the
 * value by which such a rest can be found without evaluating it. */
#include "buf.h"
#include "expr_tree.h"
#include "expr_value.h"

struct writer {
    const struct expr *x;
    struct expr_run run; /* without async */
    struct buf out;
    bool too_deep;
};

static bool write_node(struct writer *w, unsigned node, enum expr_level level);

static bool add_escaped(struct buf *out, unsigned char c)
{
    if (c == '"' || c == '\\')
        return buf_addc(out, '\\') && buf_addc(out, (char)c);
    return c < 0x20 || c == 0x7F ? buf_addf(out, "\\u%04x", c) : buf_addc(out, (char)c);
}

static bool write_text(struct buf *out, const char *text, size_t len)
{
    bool ok = buf_addc(out, '"');
    for (size_t i = 0; i < len && ok; i++)
        ok = add_escaped(out, (unsigned char)text[i]);
    return ok && buf_addc(out, '"');
}

static bool write_json(struct writer *w, const json_t *j, int depth);

static bool write_elements(struct writer *w, const json_t *list, int depth)
{
    bool ok = true;
    size_t len = json_array_size(list);
    for (size_t i = 0; i < len && ok; i++)
        ok = (i == 0 || buf_addc(&w->out, ',')) && write_json(w, json_array_get(list, i), depth);
    return ok;
}

static bool write_members(struct writer *w, const json_t *object, int depth)
{
    bool ok = true, first = true;
    const char *key;
    size_t len;
    json_t *v;
    json_object_keylen_foreach((json_t *)object, key, len, v)
    {
        ok = ok && (first || buf_addc(&w->out, ',')) && write_text(&w->out, key, len) &&
             buf_addc(&w->out, ':') && write_json(w, v, depth);
        first = false;
    }
    return ok;
}

static bool write_scalar(struct writer *w, const struct expr_value *v)
{
    char number[EXPR_NUMBER_SIZE];
    switch (v->kind) {
    case EXPR_TEXT:
        return write_text(&w->out, v->text, v->len);
    case EXPR_NULL:
        return buf_adds(&w->out, "null");
    case EXPR_MISSING:
        return buf_adds(&w->out, "missing");
    default:
        break;
    }
    struct expr_text t = expr_print(v, number);
    return buf_add(&w->out, t.text, t.len);
}

static bool write_json(struct writer *w, const json_t *j, int depth)
{
    struct expr_value v = expr_of_json(j);
    if (v.kind != EXPR_JSON)
        return write_scalar(w, &v);
    if (depth == EXPR_MAX_NESTING) {
        w->too_deep = true;
        return false;
    }
    if (json_is_array(j))
        return buf_addc(&w->out, '[') && write_elements(w, j, depth + 1) && buf_addc(&w->out, ']');
    return buf_addc(&w->out, '{') && write_members(w, j, depth + 1) && buf_addc(&w->out, '}');
}

static bool write_value(struct writer *w, const struct expr_value *v, enum expr_level level)
{
    bool negative =
        (v->kind == EXPR_INT && v->integer < 0) || (v->kind == EXPR_REAL && v->real < 0);
    bool brackets = negative && level > LEVEL_UNARY;
    if (v->kind == EXPR_JSON)
        return write_json(w, v->json, 0);
    return (!brackets || buf_addc(&w->out, '(')) && write_scalar(w, v) &&
           (!brackets || buf_addc(&w->out, ')'));
}

static bool is_name(const struct expr_value *key)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    if (key->kind != EXPR_TEXT || key->len == 0 || (key->text[0] >= '0' && key->text[0] <= '9'))
        return false;
    for (size_t i = 0; i < key->len; i++)
        if (memchr(letters, key->text[i], sizeof(letters) - 1) == NULL)
            return false;
    return true;
}

static bool write_step(struct writer *w, const struct expr_value *key)
{
    if (is_name(key))
        return buf_addc(&w->out, '.') && buf_add(&w->out, key->text, key->len);
    return buf_addc(&w->out, '[') && write_scalar(w, key) && buf_addc(&w->out, ']');
}

static bool write_path(struct writer *w, const struct expr_node *path)
{
    bool ok = buf_adds(&w->out, "async");
    for (int64_t i = 1; i <= path->value.integer && ok; i++)
        ok = write_step(w, &path[i].value);
    return ok;
}

static bool write_list(struct writer *w, const struct expr_node *list)
{
    const json_t *literals = w->x->nodes[list->a].value.json;
    bool ok = buf_addc(&w->out, '[') && write_elements(w, literals, 1);
    bool first = json_array_size(literals) == 0;
    for (unsigned i = list->b; i != 0 && ok; i = w->x->nodes[i].b) {
        ok = (first || buf_addc(&w->out, ',')) && write_node(w, w->x->nodes[i].a, LEVEL_CHOICE);
        first = false;
    }
    return ok && buf_addc(&w->out, ']');
}

static bool write_call(struct writer *w, const struct expr_node *n)
{
    const char *name = expr_signs[n->op].sign;
    if (n->op == OP_SIZE)
        return buf_addf(&w->out, "%s(", name) && write_node(w, n->a, LEVEL_CHOICE) &&
               buf_addc(&w->out, ')');
    return write_node(w, n->a, LEVEL_MEMBER) && buf_addf(&w->out, ".%s(", name) &&
           write_node(w, n->b, LEVEL_CHOICE) && buf_addc(&w->out, ')');
}

static enum expr_level level_of(const struct expr_node *n)
{
    if (n->op == OP_IF)
        return LEVEL_CHOICE;
    if (n->op == OP_NOT || n->op == OP_NEGATE)
        return LEVEL_UNARY;
    return expr_signs[n->op].level != 0 ? expr_signs[n->op].level : LEVEL_MEMBER;
}

static bool write_operation(struct writer *w, const struct expr_node *n)
{
    const char *sign = expr_signs[n->op].sign;
    enum expr_level level = level_of(n);
    switch (n->op) {
    case OP_PATH:
        return write_path(w, n);
    case OP_HAS:
        return buf_adds(&w->out, "has(") && write_path(w, n) && buf_addc(&w->out, ')');
    case OP_IF:
        return write_node(w, n->a, LEVEL_OR) && buf_adds(&w->out, " ? ") &&
               write_node(w, n->b, level) && buf_adds(&w->out, " : ") && write_node(w, n->c, level);
    case OP_NOT:
    case OP_NEGATE:
        return buf_adds(&w->out, sign) && write_node(w, n->a, level);
    case OP_SIZE:
    case OP_STARTS_WITH:
    case OP_ENDS_WITH:
    case OP_CONTAINS:
        return write_call(w, n);
    default:
        return write_node(w, n->a, level) && buf_addf(&w->out, " %s ", sign) &&
               write_node(w, n->b, level + 1);
    }
}

/* The child that alone is the value of n, because what n chooses by is known; 0 when it is not. */
static unsigned chosen(const struct writer *w, const struct expr_node *n)
{
    bool choice = n->op == OP_IF || n->op == OP_OR || n->op == OP_AND;
    if (!choice || (w->x->nodes[n->a].uses & EXPR_ASYNC))
        return 0;
    struct expr_value v = expr_eval_node(&w->run, n->a);
    bool truthy = expr_is_truthy(&v);
    if (n->op == OP_IF)
        return truthy ? n->b : n->c;
    return truthy == (n->op == OP_OR) ? n->a : n->b;
}

/* In brackets when it binds looser than `level`. */
static bool write_node(struct writer *w, unsigned node, enum expr_level level)
{
    const struct expr_node *n = &w->x->nodes[node];
    if (n->op == OP_LIST)
        return write_list(w, n);
    if (!(n->uses & EXPR_ASYNC)) {
        struct expr_value v = expr_eval_node(&w->run, node);
        return write_value(w, &v, level);
    }
    unsigned only = chosen(w, n);
    if (only != 0)
        return write_node(w, only, level);
    bool brackets = level_of(n) < level;
    return (!brackets || buf_addc(&w->out, '(')) && write_operation(w, n) &&
           (!brackets || buf_addc(&w->out, ')'));
}

char *expr_bind(const struct expr *x, const json_t *event, struct err *e)
{
    struct expr_scratch scratch;
    struct writer w = {
        .x = x,
        .run = {.x = x, .event = event, .scratch = &scratch},
        .out = BUF_INIT(EXPR_BOUND_MAX_BYTES),
    };
    if (write_node(&w, x->root, LEVEL_CHOICE))
        return buf_take(&w.out);
    buf_release(&w.out);
    if (w.too_deep)
        return err_null(
            e, ERR_INPUT,
            "the event's values are nested deeper than %d levels where the expression reads them",
            EXPR_MAX_NESTING);
    return err_null(e, ERR_INPUT,
                    "with the event's values in it the expression has more than %d bytes",
                    EXPR_BOUND_MAX_BYTES);
}

/* Room that the path takes with dots between its names ("data.videoId") and a NUL; 0 when it is not plain names. */
static size_t dotted_size(const struct expr_node *path)
{
    size_t size = 0;
    for (int64_t i = 1; i <= path->value.integer; i++) {
        if (!is_name(&path[i].value))
            return 0;
        size += path[i].value.len + 1;
    }
    return size;
}

static void write_dotted(const struct expr_node *path, char *out)
{
    for (int64_t i = 1; i <= path->value.integer; i++) {
        const struct expr_value *name = &path[i].value;
        memcpy(out, name->text, name->len);
        out += name->len;
        *out++ = i < path->value.integer ? '.' : '\0';
    }
}

/* True when n is `async.<path> == <literal>` with such a literal. */
static bool index_equality(const struct expr *x, const struct expr_node *n, bool booleans,
                           char *ret_path, size_t path_size, char ret_value[EXPR_KEY_SIZE])
{
    const struct expr_node *path = &x->nodes[n->a], *literal = &x->nodes[n->b];
    if (path->op == OP_LITERAL) {
        path = literal;
        literal = &x->nodes[n->a];
    }
    enum expr_kind kind = literal->value.kind;
    bool wanted =
        booleans ? kind == EXPR_BOOL : kind == EXPR_TEXT || kind == EXPR_INT || kind == EXPR_REAL;
    if (literal->op != OP_LITERAL || path->op != OP_PATH || path->uses != EXPR_ASYNC || !wanted)
        return false;
    size_t size = dotted_size(path);
    if (size == 0 || size > path_size)
        return false;
    write_dotted(path, ret_path);
    expr_print_key(&literal->value, ret_value);
    return true;
}

static bool index_node(const struct expr *x, unsigned node, bool booleans, char *ret_path,
                       size_t path_size, char ret_value[EXPR_KEY_SIZE])
{
    const struct expr_node *n = &x->nodes[node];
    if (n->op == OP_AND)
        return index_node(x, n->a, booleans, ret_path, path_size, ret_value) ||
               index_node(x, n->b, booleans, ret_path, path_size, ret_value);
    return n->op == OP_EQUAL && index_equality(x, n, booleans, ret_path, path_size, ret_value);
}

bool expr_index(const struct expr *x, char *ret_path, size_t path_size,
                char ret_value[EXPR_KEY_SIZE])
{
    return index_node(x, x->root, false, ret_path, path_size, ret_value) ||
           index_node(x, x->root, true, ret_path, path_size, ret_value);
}
