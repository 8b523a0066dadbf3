/* expr_compile.c: from text to tree, by recursive descent. Every function leaves the parser at the token behind what it
 * read and returns the node's index, or FAILED with the error set; the first error ends everything. */
#include "expr_lex.h"
#include "expr_tree.h"
#include "expr_value.h"

enum {
    FAILED = -1,
    NONE = 0,
    /* what was written, lists and objects put in, and the sign of a number with its brackets */
    BOUND_MAX_NESTING = 2 * EXPR_MAX_NESTING + 2,
    MAX_INDEX = 1000000,
};

const struct expr_sign expr_signs[OP_COUNT] = {
    [OP_OR] = {"||", LEVEL_OR},
    [OP_AND] = {"&&", LEVEL_AND},
    [OP_EQUAL] = {"==", LEVEL_RELATION},
    [OP_NOT_EQUAL] = {"!=", LEVEL_RELATION},
    [OP_LESS] = {"<", LEVEL_RELATION},
    [OP_LESS_EQUAL] = {"<=", LEVEL_RELATION},
    [OP_GREATER] = {">", LEVEL_RELATION},
    [OP_GREATER_EQUAL] = {">=", LEVEL_RELATION},
    [OP_IN] = {"in", LEVEL_RELATION},
    [OP_ADD] = {"+", LEVEL_SUM},
    [OP_SUBTRACT] = {"-", LEVEL_SUM},
    [OP_MULTIPLY] = {"*", LEVEL_PRODUCT},
    [OP_NOT] = {"!", 0},
    [OP_NEGATE] = {"-", 0},
    [OP_SIZE] = {"size", 0},
    [OP_HAS] = {"has", 0},
    [OP_STARTS_WITH] = {"startsWith", 0},
    [OP_ENDS_WITH] = {"endsWith", 0},
    [OP_CONTAINS] = {"contains", 0},
};

struct parser {
    struct expr_lexer lexer;
    struct expr_token token; /* the one to be read next */
    unsigned allow;
    int nesting, max_nesting;
    int counted;      /* towards EXPR_MAX_NODES */
    bool right_of_in; /* the next primary is, and a list there may hold more than literals */
    struct expr_node *nodes;
    size_t len;
};

static int parse_choice(struct parser *p);

static int expected_at(const struct parser *p, const struct expr_token *at, const char *what)
{
    expr_expected(&p->lexer, at->at, at->len, what);
    return FAILED;
}

static int expected(const struct parser *p, const char *what)
{
    return expected_at(p, &p->token, what);
}

static bool advance(struct parser *p)
{
    return expr_lex(&p->lexer, &p->token);
}

/* Reads the sign if it is the next token. */
static bool accept(struct parser *p, const char *sign, bool *ret_accepted)
{
    *ret_accepted = expr_token_is(&p->token, sign);
    return !*ret_accepted || advance(p);
}

static bool take(struct parser *p, const char *sign, const char *what)
{
    if (expr_token_is(&p->token, sign))
        return advance(p);
    expected(p, what);
    return false;
}

static int expected_at_most(const struct parser *p, const struct expr_token *at, int max,
                            const char *what)
{
    char sentence[64];
    (void)snprintf(sentence, sizeof(sentence), "at most %d %s", max, what);
    return expected_at(p, at, sentence);
}

static bool enter(struct parser *p)
{
    if (p->nesting == p->max_nesting) {
        expected_at_most(p, &p->token, p->max_nesting, "levels of nesting");
        return false;
    }
    p->nesting++;
    return true;
}

static uint8_t larger(unsigned a, unsigned b)
{
    return (uint8_t)(a > b ? a : b);
}

/* How many joined texts exist at once: while b is evaluated, what a gave still stands. */
static void count_joins(const struct parser *p, struct expr_node *n)
{
    const struct expr_node *a = &p->nodes[n->a], *b = &p->nodes[n->b], *c = &p->nodes[n->c];
    n->needs = larger(a->needs, larger(b->needs, c->needs));
    switch (n->op) {
    case OP_IF: /* the condition is gone by then */
        n->holds = b->holds | c->holds;
        break;
    case OP_OR:
    case OP_AND: /* one or the other */
        n->holds = a->holds | b->holds;
        break;
    case OP_ADD:
        n->holds = 1;
        n->needs = larger(1, larger(n->needs, a->holds + b->needs));
        break;
    case OP_ITEM:
        break;
    default:
        n->needs = larger(n->needs, a->holds + b->needs);
    }
}

/* `at` is blamed when the expression gets too large. */
static int add(struct parser *p, const struct expr_token *at, struct expr_node node)
{
    node.uses |= p->nodes[node.a].uses | p->nodes[node.b].uses | p->nodes[node.c].uses;
    count_joins(p, &node);
    p->counted += node.op != OP_STEP;
    if (p->counted > EXPR_MAX_NODES)
        return expected_at_most(p, at, EXPR_MAX_NODES, "operators and operands");
    if (node.needs > EXPR_MAX_JOINS)
        return expected_at_most(p, at, EXPR_MAX_JOINS, "joined texts at a time");
    p->nodes[p->len] = node;
    return (int)p->len++;
}

static int add_literal(struct parser *p, const struct expr_token *at, struct expr_value value)
{
    int n = add(p, at, (struct expr_node){.op = OP_LITERAL, .value = value});
    if (n == FAILED && value.kind == EXPR_JSON)
        json_decref((json_t *)value.json);
    return n;
}

/* A new reference; jansson keeps numbers and texts apart as we do. */
static json_t *to_json(const struct expr_value *v)
{
    switch (v->kind) {
    case EXPR_BOOL:
        return json_boolean(v->boolean);
    case EXPR_INT:
        return json_integer(v->integer);
    case EXPR_REAL:
        return json_real(v->real);
    case EXPR_TEXT:
        return json_stringn(v->text, v->len);
    case EXPR_JSON:
        return (json_t *)v->json; /* the node's own reference */
    default:
        return json_null();
    }
}

/* Takes the literal off the end of the array again, as JSON; NULL when the node is none. */
static json_t *pop_literal(struct parser *p, int node)
{
    if (p->nodes[node].op != OP_LITERAL)
        return NULL;
    p->len--;
    p->counted--;
    return to_json(&p->nodes[node].value);
}

/* One element of a list. A literal goes into the array; anything else is chained to *items, where that is allowed. */
static bool parse_item(struct parser *p, json_t *literals, int *items)
{
    struct expr_token at = p->token;
    int n = parse_choice(p);
    if (n == FAILED)
        return false;
    json_t *literal = pop_literal(p, n);
    if (literal != NULL)
        return json_array_append_new(literals, literal) == 0;
    if (items == NULL) {
        expected_at(p, &at, "a literal (only the list after \"in\" may hold more)");
        return false;
    }
    *items =
        add(p, &at, (struct expr_node){.op = OP_ITEM, .a = (uint16_t)n, .b = (uint16_t)*items});
    return *items != FAILED;
}

static bool parse_items(struct parser *p, json_t *literals, int *items)
{
    bool more = !expr_token_is(&p->token, "]");
    while (more)
        if (!parse_item(p, literals, items) || !accept(p, ",", &more))
            return false;
    return take(p, "]", ", or ]");
}

/* At "[". `mixed`: it may hold more than literals. Such a list is no value: it can only be the right side of `in`. */
static int parse_list(struct parser *p, bool mixed)
{
    struct expr_token at = p->token;
    int items = NONE;
    json_t *literals = json_array();
    if (!enter(p) || !advance(p) || !parse_items(p, literals, mixed ? &items : NULL)) {
        json_decref(literals);
        return FAILED;
    }
    p->nesting--;
    int list = add_literal(p, &at, (struct expr_value){.kind = EXPR_JSON, .json = literals});
    if (list == FAILED || items == NONE)
        return list;
    return add(p, &at,
               (struct expr_node){.op = OP_LIST, .a = (uint16_t)list, .b = (uint16_t)items});
}

static bool parse_member(struct parser *p, json_t *object)
{
    struct expr_token key = p->token;
    if (key.kind != TOKEN_LITERAL || key.value.kind != EXPR_TEXT) {
        expected(p, "a key in quotation marks");
        return false;
    }
    if (!advance(p) || !take(p, ":", ":"))
        return false;
    struct expr_token at = p->token;
    int n = parse_choice(p);
    json_t *literal = n != FAILED ? pop_literal(p, n) : NULL;
    if (n != FAILED && literal == NULL)
        expected_at(p, &at, "a literal");
    return literal != NULL &&
           json_object_setn_new(object, key.value.text, key.value.len, literal) == 0;
}

static bool parse_members(struct parser *p, json_t *object)
{
    bool more = !expr_token_is(&p->token, "}");
    while (more)
        if (!parse_member(p, object) || !accept(p, ",", &more))
            return false;
    return take(p, "}", ", or }");
}

/* At "{". */
static int parse_object(struct parser *p)
{
    struct expr_token at = p->token;
    json_t *object = json_object();
    if (!enter(p) || !advance(p) || !parse_members(p, object)) {
        json_decref(object);
        return FAILED;
    }
    p->nesting--;
    return add_literal(p, &at, (struct expr_value){.kind = EXPR_JSON, .json = object});
}

static bool add_step(struct parser *p, const struct expr_token *at, struct expr_value key)
{
    return add(p, at, (struct expr_node){.op = OP_STEP, .value = key}) != FAILED;
}

/* A step by name; its bytes are kept with the decoded texts. */
static bool add_name(struct parser *p, const struct expr_token *name)
{
    char *copy = p->lexer.texts + p->lexer.texts_len;
    memcpy(copy, name->at, name->len);
    p->lexer.texts_len += name->len;
    return add_step(p, name,
                    (struct expr_value){.kind = EXPR_TEXT, .text = copy, .len = name->len});
}

/* Behind "[": a key or an index. */
static bool parse_subscript(struct parser *p)
{
    struct expr_token t = p->token;
    bool index =
        t.kind == TOKEN_LITERAL && t.value.kind == EXPR_INT && t.value.integer <= MAX_INDEX;
    if (!index && (t.kind != TOKEN_LITERAL || t.value.kind != EXPR_TEXT)) {
        expected(p, "a key in quotation marks or an index");
        return false;
    }
    return add_step(p, &t, t.value) && advance(p) && take(p, "]", "]");
}

/* Behind ".": a name. A name with "(" behind it is a method: *ret_method, and no step. */
static bool parse_name(struct parser *p, struct expr_token *ret_method)
{
    struct expr_token name = p->token;
    if (name.kind != TOKEN_NAME) {
        expected(p, "a name");
        return false;
    }
    if (!advance(p))
        return false;
    if (!expr_token_is(&p->token, "("))
        return add_name(p, &name);
    *ret_method = name;
    return true;
}

/* At the name of a root. The steps stand directly behind the path's node. */
static int parse_path(struct parser *p, struct expr_token *ret_method)
{
    struct expr_token root = p->token;
    unsigned uses = expr_token_is(&root, "async") ? EXPR_ASYNC : EXPR_EVENT;
    int path = add(p, &root, (struct expr_node){.op = OP_PATH, .uses = (uint8_t)uses});
    bool ok = path != FAILED && advance(p);
    if (expr_token_is(&root, "data"))
        ok = ok && add_name(p, &root);
    while (ok && ret_method->len == 0) {
        bool dot = expr_token_is(&p->token, ".");
        if (!dot && !expr_token_is(&p->token, "["))
            break;
        ok = advance(p) && (dot ? parse_name(p, ret_method) : parse_subscript(p));
    }
    if (!ok)
        return FAILED;
    p->nodes[path].value = expr_of_int((int64_t)p->len - path - 1);
    return path;
}

static bool is_root(const struct parser *p)
{
    const struct expr_token *t = &p->token;
    return ((p->allow & EXPR_EVENT) && (expr_token_is(t, "event") || expr_token_is(t, "data"))) ||
           ((p->allow & EXPR_ASYNC) && expr_token_is(t, "async"));
}

static const char *values_of(const struct parser *p)
{
    static const char *const values[] = {
        "size, has or a literal",
        "event, data, size, has or a literal",
        "async, size, has or a literal",
        "event, data, async, size, has or a literal",
    };
    return values[p->allow & (EXPR_EVENT | EXPR_ASYNC)];
}

/* At "(" behind the function's name. */
static int parse_function(struct parser *p, const struct expr_token *name, enum expr_op op)
{
    struct expr_token method = {0};
    if (!enter(p) || !take(p, "(", "("))
        return FAILED;
    if (op == OP_HAS && !is_root(p))
        return expected(p, "a path");
    int n = op == OP_HAS ? parse_path(p, &method) : parse_choice(p);
    if (n == FAILED || !take(p, ")", ")"))
        return FAILED;
    p->nesting--;
    if (op == OP_HAS) {
        p->nodes[n].op = OP_HAS;
        return n;
    }
    return add(p, name, (struct expr_node){.op = (uint8_t)op, .a = (uint16_t)n});
}

/* At a name. */
static int parse_word(struct parser *p, struct expr_token *ret_method)
{
    static const struct {
        const char *word;
        struct expr_value value;
    } words[] = {
        {"true", {.kind = EXPR_BOOL, .boolean = true}},
        {"false", {.kind = EXPR_BOOL, .boolean = false}},
        {"null", {.kind = EXPR_NULL}},
        {"missing", {.kind = EXPR_MISSING}},
    };
    struct expr_token word = p->token;
    if (is_root(p))
        return parse_path(p, ret_method);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (expr_token_is(&word, words[i].word))
            return advance(p) ? add_literal(p, &word, words[i].value) : FAILED;
    enum expr_op op = expr_token_is(&word, "size")  ? OP_SIZE
                      : expr_token_is(&word, "has") ? OP_HAS
                                                    : OP_COUNT;
    if (op == OP_COUNT)
        return expected(p, values_of(p));
    return advance(p) ? parse_function(p, &word, op) : FAILED;
}

static int parse_primary(struct parser *p, struct expr_token *ret_method)
{
    struct expr_token t = p->token;
    bool right_of_in = p->right_of_in;
    p->right_of_in = false;
    switch (t.kind) {
    case TOKEN_NAME:
        return parse_word(p, ret_method);
    case TOKEN_LITERAL:
        return advance(p) ? add_literal(p, &t, t.value) : FAILED;
    default:
        break;
    }
    if (expr_token_is(&t, "["))
        return parse_list(p, right_of_in);
    if (expr_token_is(&t, "{"))
        return parse_object(p);
    if (!expr_token_is(&t, "("))
        return expected(p, values_of(p));
    if (!enter(p) || !advance(p))
        return FAILED;
    int n = parse_choice(p);
    if (n == FAILED || !take(p, ")", ")"))
        return FAILED;
    p->nesting--;
    return n;
}

/* At "(" behind the method's name. */
static int parse_method(struct parser *p, const struct expr_token *name, int of)
{
    for (enum expr_op op = OP_STARTS_WITH; op <= OP_CONTAINS; op++) {
        if (!expr_token_is(name, expr_signs[op].sign))
            continue;
        if (!enter(p) || !take(p, "(", "("))
            return FAILED;
        int n = parse_choice(p);
        if (n == FAILED || !take(p, ")", ")"))
            return FAILED;
        p->nesting--;
        return add(p, name,
                   (struct expr_node){.op = (uint8_t)op, .a = (uint16_t)of, .b = (uint16_t)n});
    }
    return expected_at(p, name, "startsWith, endsWith or contains");
}

/* At ".": the method's name. */
static bool parse_method_name(struct parser *p, struct expr_token *ret)
{
    if (!advance(p))
        return false;
    *ret = p->token;
    if (ret->kind == TOKEN_NAME)
        return advance(p);
    expected(p, "a method");
    return false;
}

static int parse_methods(struct parser *p)
{
    struct expr_token method = {0};
    int n = parse_primary(p, &method); /* a path has met its method already */
    while (n != FAILED && p->nodes[n].op != OP_LIST) {
        if (method.len == 0 && !expr_token_is(&p->token, "."))
            return n;
        if (method.len == 0 && !parse_method_name(p, &method))
            return FAILED;
        n = parse_method(p, &method, n);
        method.len = 0;
    }
    return n;
}

static int parse_unary(struct parser *p)
{
    struct expr_token sign = p->token;
    bool negate = expr_token_is(&sign, "-");
    if (!negate && !expr_token_is(&sign, "!"))
        return parse_methods(p);
    if (!enter(p) || !advance(p))
        return FAILED;
    int n = parse_unary(p);
    if (n == FAILED)
        return FAILED;
    p->nesting--;
    struct expr_node *operand = &p->nodes[n];
    bool number = operand->op == OP_LITERAL &&
                  (operand->value.kind == EXPR_INT || operand->value.kind == EXPR_REAL);
    if (negate && number) {
        operand->value = expr_negate(&operand->value);
        return n;
    }
    return add(p, &sign, (struct expr_node){.op = negate ? OP_NEGATE : OP_NOT, .a = (uint16_t)n});
}

static enum expr_op operator_of(const struct expr_token *t)
{
    for (enum expr_op op = OP_OR; op <= OP_MULTIPLY; op++)
        if (expr_token_is(t, expr_signs[op].sign))
            return op;
    return OP_COUNT;
}

/* Operators of at least that level; those of one level are grouped from the left. */
static int parse_binary(struct parser *p, enum expr_level level)
{
    int left = parse_unary(p);
    while (left != FAILED) {
        struct expr_token sign = p->token;
        enum expr_op op = operator_of(&sign);
        if (op == OP_COUNT || expr_signs[op].level < level)
            return left;
        if (p->nodes[left].op == OP_LIST)
            return expected(p, "a comparison, && or || after such a list");
        if (!advance(p))
            return FAILED;
        p->right_of_in = op == OP_IN && expr_token_is(&p->token, "[");
        int right = parse_binary(p, expr_signs[op].level + 1);
        if (right == FAILED)
            return FAILED;
        left =
            add(p, &sign,
                (struct expr_node){.op = (uint8_t)op, .a = (uint16_t)left, .b = (uint16_t)right});
    }
    return left;
}

static int parse_choice(struct parser *p)
{
    struct expr_token sign;
    int condition = parse_binary(p, LEVEL_OR);
    if (condition == FAILED || !expr_token_is(&p->token, "?"))
        return condition;
    sign = p->token;
    if (!enter(p) || !advance(p))
        return FAILED;
    int yes = parse_choice(p);
    if (yes == FAILED || !take(p, ":", ":"))
        return FAILED;
    int no = parse_choice(p);
    if (no == FAILED)
        return FAILED;
    p->nesting--;
    return add(p, &sign,
               (struct expr_node){
                   .op = OP_IF, .a = (uint16_t)condition, .b = (uint16_t)yes, .c = (uint16_t)no});
}

static bool parse_all(struct parser *p, uint16_t *ret_root)
{
    static const char *const halves[][2] = {{"=", "=="}, {"&", "&&"}, {"|", "||"}};
    p->nodes[0] = (struct expr_node){.op = OP_LITERAL}; /* no child */
    p->len = 1;
    int root = advance(p) ? parse_choice(p) : FAILED;
    if (root == FAILED)
        return false;
    *ret_root = (uint16_t)root;
    if (p->token.kind == TOKEN_END)
        return true;
    const char *what = "an operator or the end";
    for (size_t i = 0; i < ARRAY_LEN(halves); i++)
        if (expr_token_is(&p->token, halves[i][0]))
            what = halves[i][1];
    expected(p, what);
    return false;
}

/* Nodes and texts as one piece of memory; the JSON of literals goes with it. */
static struct expr *pack(const struct parser *p, uint16_t root)
{
    size_t nodes_bytes = p->len * sizeof(*p->nodes);
    struct expr *x = malloc(sizeof(*x) + nodes_bytes + p->lexer.texts_len);
    if (x == NULL)
        abort();
    char *texts = (char *)x->nodes + nodes_bytes;
    x->root = root;
    x->len = p->len;
    memcpy(x->nodes, p->nodes, nodes_bytes);
    memcpy(texts, p->lexer.texts, p->lexer.texts_len);
    for (size_t i = 0; i < x->len; i++)
        if (x->nodes[i].value.kind == EXPR_TEXT)
            x->nodes[i].value.text = texts + (x->nodes[i].value.text - p->lexer.texts);
    return x;
}

static void release_literals(const struct expr_node *nodes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (nodes[i].op == OP_LITERAL && nodes[i].value.kind == EXPR_JSON)
            json_decref((json_t *)nodes[i].value.json);
}

struct expr *expr_compile(const char *text, unsigned allow, struct err *e)
{
    bool written = allow & EXPR_EVENT;
    size_t max = written ? EXPR_MAX_BYTES : EXPR_BOUND_MAX_BYTES;
    size_t len = strnlen(text, max + 1);
    struct parser p = {.lexer = {.source = text, .next = text, .e = e},
                       .allow = allow,
                       .max_nesting = written ? EXPR_MAX_NESTING : BOUND_MAX_NESTING};
    if (len > max) {
        char what[64];
        (void)snprintf(what, sizeof(what), "the end after at most %zu bytes", max);
        size_t whole = expr_cut(text, len, max);
        expr_expected(&p.lexer, text + whole, strnlen(text + whole, 10), what);
        return NULL;
    }
    auto_free char *texts = malloc(len + 1);
    /* no token makes more than two, and node 0 stands for itself */
    auto_free struct expr_node *nodes = malloc((2 * len + 1) * sizeof(*nodes));
    if (texts == NULL || nodes == NULL)
        abort();
    p.lexer.texts = texts;
    p.nodes = nodes;
    uint16_t root;
    if (parse_all(&p, &root))
        return pack(&p, root);
    release_literals(nodes, p.len);
    return NULL;
}

void expr_free(struct expr *x)
{
    if (x != NULL)
        release_literals(x->nodes, x->len);
    free(x);
}

unsigned expr_reads(const struct expr *x)
{
    return x->nodes[x->root].uses;
}
