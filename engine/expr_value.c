#include "expr_value.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "id.h"

enum {
    MAX_DEPTH = 128, /* of lists and objects that are compared; js_parse lets nothing deeper in */
    HASH_BYTES = 17, /* '~' and 16 digits */
};

static const double TWO_63 = 9223372036854775808.0;

struct expr_value expr_of_real(double d)
{
    if (d >= -TWO_63 && d < TWO_63 && d == floor(d))
        return expr_of_int((int64_t)d);
    double finite = d > DBL_MAX ? DBL_MAX : d < -DBL_MAX ? -DBL_MAX : d;
    return (struct expr_value){.kind = EXPR_REAL, .real = finite};
}

struct expr_value expr_of_json(const json_t *j)
{
    if (j == NULL)
        return (struct expr_value){.kind = EXPR_MISSING};
    switch (json_typeof(j)) {
    case JSON_TRUE:
    case JSON_FALSE:
        return expr_of_bool(json_is_true(j));
    case JSON_INTEGER:
        return expr_of_int(json_integer_value(j));
    case JSON_REAL:
        return expr_of_real(json_real_value(j));
    case JSON_STRING:
        return (struct expr_value){
            .kind = EXPR_TEXT, .text = json_string_value(j), .len = json_string_length(j)};
    case JSON_ARRAY:
    case JSON_OBJECT:
        return (struct expr_value){.kind = EXPR_JSON, .json = j};
    case JSON_NULL:
        break;
    }
    return (struct expr_value){.kind = EXPR_NULL};
}

static bool is_nothing(const struct expr_value *v)
{
    return v->kind == EXPR_MISSING || v->kind == EXPR_NULL;
}

static bool is_number(const struct expr_value *v)
{
    return v->kind == EXPR_INT || v->kind == EXPR_REAL;
}

bool expr_is_truthy(const struct expr_value *v)
{
    switch (v->kind) {
    case EXPR_BOOL:
        return v->boolean;
    case EXPR_INT:
        return v->integer != 0;
    case EXPR_TEXT:
        return v->len > 0;
    case EXPR_REAL: /* zero is an integer */
    case EXPR_JSON:
        return true;
    case EXPR_MISSING:
    case EXPR_NULL:
        break;
    }
    return false;
}

static bool equal_at(const struct expr_value *a, const struct expr_value *b, int depth);

static bool equal_json(const json_t *a, const json_t *b, int depth)
{
    struct expr_value va = expr_of_json(a), vb = expr_of_json(b);
    return equal_at(&va, &vb, depth);
}

static bool equal_lists(const json_t *a, const json_t *b, int depth)
{
    size_t len = json_array_size(a);
    if (len != json_array_size(b))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!equal_json(json_array_get(a, i), json_array_get(b, i), depth))
            return false;
    return true;
}

static bool equal_objects(const json_t *a, const json_t *b, int depth)
{
    const char *key;
    size_t len;
    json_t *v;
    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_keylen_foreach((json_t *)a, key, len, v)
    {
        const json_t *other = json_object_getn(b, key, len);
        if (other == NULL || !equal_json(v, other, depth))
            return false;
    }
    return true;
}

static bool equal_at(const struct expr_value *a, const struct expr_value *b, int depth)
{
    if (is_nothing(a) || is_nothing(b))
        return is_nothing(a) && is_nothing(b);
    if (a->kind != b->kind || depth > MAX_DEPTH)
        return false;
    switch (a->kind) {
    case EXPR_BOOL:
        return a->boolean == b->boolean;
    case EXPR_INT:
        return a->integer == b->integer;
    case EXPR_REAL:
        return a->real == b->real;
    case EXPR_TEXT:
        return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
    default:
        if (json_typeof(a->json) != json_typeof(b->json))
            return false;
        return json_is_array(a->json) ? equal_lists(a->json, b->json, depth + 1)
                                      : equal_objects(a->json, b->json, depth + 1);
    }
}

bool expr_equal(const struct expr_value *a, const struct expr_value *b)
{
    return equal_at(a, b, 0);
}

/* The real is beyond all integers or has a fraction, and then it is so small that what converting may round off a large
 * integer does not matter. Only the largest integers would become 2^63 and be equal to that. */
static enum expr_order compare_int_real(int64_t i, double d)
{
    return d >= TWO_63 || (double)i < d ? EXPR_LESS : EXPR_GREATER;
}

static enum expr_order compare_numbers(const struct expr_value *a, const struct expr_value *b)
{
    if (a->kind == EXPR_INT && b->kind == EXPR_INT)
        return (a->integer > b->integer) - (a->integer < b->integer);
    if (a->kind == EXPR_REAL && b->kind == EXPR_REAL)
        return (a->real > b->real) - (a->real < b->real);
    if (a->kind == EXPR_INT)
        return compare_int_real(a->integer, b->real);
    return -compare_int_real(b->integer, a->real);
}

static enum expr_order compare_texts(const struct expr_value *a, const struct expr_value *b)
{
    int c = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
    if (c == 0)
        return (a->len > b->len) - (a->len < b->len);
    return c < 0 ? EXPR_LESS : EXPR_GREATER;
}

/* What null counts as beside a value of that kind. */
static struct expr_value zero_of(enum expr_kind kind)
{
    switch (kind) {
    case EXPR_BOOL:
        return expr_of_bool(false);
    case EXPR_INT:
    case EXPR_REAL:
        return expr_of_int(0);
    case EXPR_TEXT:
        return (struct expr_value){.kind = EXPR_TEXT, .text = "", .len = 0};
    default:
        return (struct expr_value){.kind = EXPR_NULL};
    }
}

enum expr_order expr_compare(const struct expr_value *a, const struct expr_value *b)
{
    if (a->kind == EXPR_MISSING)
        return EXPR_LESS;
    if (b->kind == EXPR_MISSING)
        return EXPR_GREATER;
    struct expr_value va = a->kind == EXPR_NULL ? zero_of(b->kind) : *a;
    struct expr_value vb = b->kind == EXPR_NULL ? zero_of(a->kind) : *b;
    if (is_number(&va) && is_number(&vb))
        return compare_numbers(&va, &vb);
    if (va.kind != vb.kind || va.kind == EXPR_JSON)
        return EXPR_UNORDERED;
    switch (va.kind) {
    case EXPR_BOOL:
        return (int)va.boolean - (int)vb.boolean;
    case EXPR_TEXT:
        return compare_texts(&va, &vb);
    default:
        return EXPR_SAME; /* null and null */
    }
}

bool expr_is_in(const struct expr_value *v, const struct expr_value *where)
{
    if (v->kind == EXPR_MISSING || where->kind != EXPR_JSON)
        return false;
    if (json_is_object(where->json))
        return v->kind == EXPR_TEXT && json_object_getn(where->json, v->text, v->len) != NULL;
    size_t len = json_array_size(where->json);
    for (size_t i = 0; i < len; i++) {
        struct expr_value item = expr_of_json(json_array_get(where->json, i));
        if (expr_equal(v, &item))
            return true;
    }
    return false;
}

static bool continues(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

int64_t expr_size(const struct expr_value *v)
{
    if (v->kind == EXPR_JSON)
        return (int64_t)(json_is_array(v->json) ? json_array_size(v->json)
                                                : json_object_size(v->json));
    int64_t characters = 0;
    if (v->kind == EXPR_TEXT)
        for (size_t i = 0; i < v->len; i++)
            characters += !continues(v->text[i]);
    return characters;
}

static double real_of(const struct expr_value *v)
{
    return v->kind == EXPR_INT ? (double)v->integer : v->real;
}

/* Both are numbers. */
static struct expr_value sum(const struct expr_value *a, const struct expr_value *b)
{
    int64_t i;
    bool integers = a->kind == EXPR_INT && b->kind == EXPR_INT;
    if (integers && !__builtin_add_overflow(a->integer, b->integer, &i))
        return expr_of_int(i);
    return expr_of_real(real_of(a) + real_of(b));
}

struct expr_value expr_negate(const struct expr_value *v)
{
    int64_t i;
    if (v->kind == EXPR_INT && !__builtin_sub_overflow((int64_t)0, v->integer, &i))
        return expr_of_int(i);
    return is_number(v) ? expr_of_real(-real_of(v)) : (struct expr_value){.kind = EXPR_MISSING};
}

struct expr_value expr_subtract(const struct expr_value *a, const struct expr_value *b)
{
    int64_t i;
    if (!is_number(a) || !is_number(b))
        return (struct expr_value){.kind = EXPR_MISSING};
    bool integers = a->kind == EXPR_INT && b->kind == EXPR_INT;
    if (integers && !__builtin_sub_overflow(a->integer, b->integer, &i))
        return expr_of_int(i);
    return expr_of_real(real_of(a) - real_of(b));
}

struct expr_value expr_multiply(const struct expr_value *a, const struct expr_value *b)
{
    int64_t i;
    if (!is_number(a) || !is_number(b))
        return (struct expr_value){.kind = EXPR_MISSING};
    bool integers = a->kind == EXPR_INT && b->kind == EXPR_INT;
    if (integers && !__builtin_mul_overflow(a->integer, b->integer, &i))
        return expr_of_int(i);
    return expr_of_real(real_of(a) * real_of(b));
}

static void put_hash(char *out, uint64_t hash)
{
    char digits[HASH_BYTES + 1];
    (void)snprintf(digits, sizeof(digits), "~%016" PRIx64, hash);
    memcpy(out, digits, HASH_BYTES);
}

/* Puts l and r one behind the other, as far as they fit into max bytes; stops at a whole character when they do not.
 * Either may stand at `out`. Returns the length. */
static size_t put_both(struct expr_text l, struct expr_text r, size_t max, char *out)
{
    size_t n = l.len < max ? l.len : max;
    size_t m = r.len < max - n ? r.len : max - n;
    char after = n < l.len ? l.text[n] : m < r.len ? r.text[m] : '\0';
    memmove(out + n, r.text, m);
    memmove(out, l.text, n);
    size_t len = n + m;
    while (len > 0 && continues(after))
        after = out[--len];
    return len;
}

static struct expr_value join(struct expr_text l, struct expr_text r, char out[EXPR_JOIN_MAX_BYTES])
{
    size_t len;
    if (l.len <= EXPR_JOIN_MAX_BYTES && r.len <= EXPR_JOIN_MAX_BYTES - l.len) {
        len = put_both(l, r, EXPR_JOIN_MAX_BYTES, out);
    } else {
        uint64_t hash = id_hash(id_hash(0, l.text, l.len), r.text, r.len);
        len = put_both(l, r, EXPR_JOIN_MAX_BYTES - HASH_BYTES, out);
        put_hash(out + len, hash);
        len += HASH_BYTES;
    }
    return (struct expr_value){.kind = EXPR_TEXT, .text = out, .len = len};
}

struct expr_value expr_add(const struct expr_value *a, const struct expr_value *b,
                           char joined[EXPR_JOIN_MAX_BYTES])
{
    if (a->kind == EXPR_JSON || b->kind == EXPR_JSON)
        return (struct expr_value){.kind = EXPR_MISSING};
    if (is_nothing(a))
        return *b;
    if (is_nothing(b))
        return *a;
    if (is_number(a) && is_number(b))
        return sum(a, b);
    char left[EXPR_NUMBER_SIZE], right[EXPR_NUMBER_SIZE];
    return join(expr_print(a, left), expr_print(b, right), joined);
}

/* The fewest digits that are read back as the same number. */
static size_t print_real(double d, char out[EXPR_NUMBER_SIZE])
{
    int len = 0;
    for (int digits = DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
        len = snprintf(out, EXPR_NUMBER_SIZE, "%.*g", digits, d);
        if (strtod(out, NULL) == d)
            break;
    }
    return (size_t)len;
}

struct expr_text expr_print(const struct expr_value *v, char number[EXPR_NUMBER_SIZE])
{
    switch (v->kind) {
    case EXPR_BOOL:
        return v->boolean ? (struct expr_text){"true", 4} : (struct expr_text){"false", 5};
    case EXPR_INT:
        return (struct expr_text){
            number, (size_t)snprintf(number, EXPR_NUMBER_SIZE, "%" PRId64, v->integer)};
    case EXPR_REAL:
        return (struct expr_text){number, print_real(v->real, number)};
    case EXPR_TEXT:
        return (struct expr_text){v->text, v->len};
    default:
        return (struct expr_text){"", 0};
    }
}

size_t expr_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && continues(text[max]))
        max--;
    return max;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7F;
}

/* Ends like a key that put_hash made. Such a text must not stand for itself, or it could be mistaken for another. */
static bool ends_in_hash(struct expr_text t)
{
    if (t.len < HASH_BYTES || t.text[t.len - HASH_BYTES] != '~')
        return false;
    for (size_t i = t.len - HASH_BYTES + 1; i < t.len; i++)
        if (memchr("0123456789abcdef", t.text[i], 16) == NULL)
            return false;
    return true;
}

static bool is_plain(struct expr_text t)
{
    if (t.len >= EXPR_KEY_SIZE || ends_in_hash(t))
        return false;
    for (size_t i = 0; i < t.len; i++)
        if (is_control(t.text[i]))
            return false;
    return true;
}

size_t expr_print_key(const struct expr_value *v, char out[EXPR_KEY_SIZE])
{
    char number[EXPR_NUMBER_SIZE];
    struct expr_text t = expr_print(v, number);
    size_t len = t.len;
    if (is_plain(t)) {
        memcpy(out, t.text, len);
    } else {
        len = expr_cut(t.text, t.len, EXPR_KEY_SIZE - 1 - HASH_BYTES);
        for (size_t i = 0; i < len; i++)
            out[i] = is_control(t.text[i]) ? '_' : t.text[i];
        put_hash(out + len, id_hash(0, t.text, t.len));
        len += HASH_BYTES;
    }
    out[len] = '\0';
    return len;
}
