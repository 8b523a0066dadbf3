#include "db_error.h"

/* Exact states stand before the class (two characters) they belong to: the first match counts. */
static const struct {
    const char *prefix;
    enum err_code code;
    bool spoils;
} states[] = {
    {"08", ERR_UNAVAILABLE, true},    /* connection exception */
    {"0A000", ERR_POSTGRES, true},    /* a cached plan's result type changed under a migration */
    {"22", ERR_INPUT, false},         /* data exception */
    {"23", ERR_INPUT, false},         /* integrity constraint */
    {"25006", ERR_UNAVAILABLE, true}, /* read-only: a standby, or a disk nearly full */
    {"25P03", ERR_UNAVAILABLE, true}, /* idle in transaction for too long: the session is gone */
    {"26000", ERR_POSTGRES, true},    /* the prepared statement is gone (DISCARD ALL by a pooler) */
    {"40003", ERR_UNAVAILABLE, true}, /* statement completion unknown */
    {"40", ERR_POSTGRES, false},      /* serialization failure, deadlock */
    {"53", ERR_UNAVAILABLE, false},   /* disk, memory or connections used up */
    {"54000", ERR_INPUT, false},      /* a value that is too large for an index or for jsonb */
    {"55P03", ERR_POSTGRES, false},   /* lock timeout */
    {"57014", ERR_POSTGRES, false},   /* statement timeout, or cancelled by an operator */
    {"57", ERR_UNAVAILABLE, true},    /* shutdown, crash recovery, starting up, database dropped */
    {"58", ERR_UNAVAILABLE, false},   /* I/O error outside Postgres itself */
    {"P0001", ERR_INPUT, false},      /* a trigger of somebody's own refuses the row */
};

static size_t find(const char *sqlstate)
{
    size_t i = 0;
    while (i < ARRAY_LEN(states) &&
           strncmp(sqlstate, states[i].prefix, strlen(states[i].prefix)) != 0)
        i++;
    return i;
}

enum err_code db_error_class(const char *sqlstate)
{
    if (sqlstate == NULL || sqlstate[0] == '\0')
        return ERR_UNAVAILABLE;
    size_t i = find(sqlstate);
    return i < ARRAY_LEN(states) ? states[i].code : ERR_BUG;
}

bool db_error_spoils_connection(const char *sqlstate)
{
    if (sqlstate == NULL || sqlstate[0] == '\0')
        return true;
    size_t i = find(sqlstate);
    return i < ARRAY_LEN(states) && states[i].spoils;
}

/* libpq's messages are lines; ours are one sentence. */
static void one_line(char *s)
{
    size_t n = strlen(s);
    while (n > 0 && (s[n - 1] == '\n' || s[n - 1] == ' '))
        s[--n] = '\0';
    for (; *s != '\0'; s++)
        if (*s == '\n' || *s == '\t')
            *s = ' ';
}

bool db_error_set(struct err *e, const char *what, const PGconn *conn, const PGresult *r)
{
    const char *sqlstate = r != NULL ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    const char *text = r != NULL ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    if (text == NULL)
        text = PQerrorMessage(conn);
    if (text == NULL || text[0] == '\0')
        text = "the connection to Postgres was lost";
    /* a function of ours names itself in what it refuses, as people call it by psql, too */
    size_t n = strlen(what);
    bool named = strncmp(text, what, n) == 0 && text[n] == ':';
    const char *hint = r != NULL ? PQresultErrorField(r, PG_DIAG_MESSAGE_HINT) : NULL;
    bool helps = hint != NULL && db_error_class(sqlstate) == ERR_INPUT;
    err_set(e, db_error_class(sqlstate), "%s%s%s%s%s%s", named ? "" : what, named ? "" : ": ", text,
            helps ? " (" : "", helps ? hint : "", helps ? ")" : "");
    one_line(e->msg);
    return false;
}
