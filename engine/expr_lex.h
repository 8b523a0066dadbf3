/* expr_lex.h: an expression's text as tokens; for the files expr*.c only. */
#pragma once

#include "expr.h"

enum expr_token_kind { TOKEN_END, TOKEN_NAME, TOKEN_LITERAL, TOKEN_SIGN };

struct expr_token {
    enum expr_token_kind kind;
    const char *at; /* in the source */
    size_t len;
    struct expr_value value; /* of a number or a text */
};

struct expr_lexer {
    const char *source;
    const char *next;
    char *texts; /* decoded texts, one behind the other; room for as many bytes as the source has */
    size_t texts_len;
    struct err *e;
};

/* The next token; any character that begins none is a TOKEN_SIGN of its own. False: a broken text or number. */
bool expr_lex(struct expr_lexer *l, struct expr_token *ret) MUST_CHECK;

bool expr_token_is(const struct expr_token *t, const char *sign_or_name);

/* Sets ERR_INPUT: "column 5: expected <that>, found <this>". Returns false. */
bool expr_expected(const struct expr_lexer *l, const char *at, size_t len, const char *what);
