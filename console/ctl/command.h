/* command.h: what chronosctl can do, as one table. A row says the command's name, its arguments and options, what it does and
 * how it is used; from it come the parser, --help, the completion of shells and the manual's page.
 *
 * One command is one file, cmd_<name>.c, which ends with its row; to add one, write such a file and name its row in
 * commands.c. */
#pragma once

#include <stdbool.h>

struct ctl;

enum kind {
    FLAG, /* present or not */
    TEXT,
    NUMBER,
    TIME,     /* 2026-01-05T06:00:00Z, milliseconds since 1970, or an age: 90s, 30m, 2h, 7d */
    LATER,    /* the same, not in the past: 2h and +2h are from now on */
    CHOICE,   /* one of `choices` */
    RUN,      /* 26 letters and digits */
    FUNCTION, /* the id of a function */
};

struct option {
    const char *name;  /* without the dashes */
    const char *value; /* what stands for its value in the help; NULL for a flag */
    enum kind kind;
    const char *help;
    const char *choices; /* "a|b|c" */
    long min, max;       /* of a number */
};

struct argument {
    const char *name;
    enum kind kind;
    const char *help;
    const char *choices;
    long min, max;
    bool optional;
};

struct example {
    const char *line; /* what is typed after "chronosctl " */
    const char *does;
};

enum { MAX_ARGUMENTS = 3, MAX_OPTIONS = 12, MAX_EXAMPLES = 6 };

struct command {
    const char *name;
    const char *summary; /* one line, without a full stop */
    const char *details; /* paragraphs */
    struct argument arguments[MAX_ARGUMENTS + 1];
    struct option options[MAX_OPTIONS + 1];
    struct example examples[MAX_EXAMPLES + 1];
    int (*run)(struct ctl *c); /* an exit code */
    int settings;              /* whose it reads (conf.h); 0 = none, and no store is asked */
};

/* Options that every command has. */
extern const struct option common_options[];

/* The first of the table, then the next; NULL after the last. */
const struct command *command_next(const struct command *previous);
const struct command *command_find(const char *name);
/* The name nearest to a misspelt one; NULL when none is near. `names` is asked until it gives NULL. */
const char *nearest_name(const char *wrong, const char *(*names)(const void *of, int i),
                         const void *of);

/* Exit codes; `exit_help` in commands.c describes them. */
enum {
    EXIT_FINE = 0,
    EXIT_FOUND = 1,
    EXIT_USAGE = 2,
    EXIT_REFUSED = 3,
    EXIT_AWAY = 4,
    EXIT_BROKEN = 5,
};

struct exit_code {
    int code;
    const char *means;
};
extern const struct exit_code exit_codes[]; /* ends with a NULL text */
