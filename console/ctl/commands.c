#include "command.h"

#include <stddef.h>
#include <string.h>

#include "compiler.h"
#include "rows.h"

const struct option common_options[] = {
    {"json", NULL, FLAG, "answers in JSON, for programs; errors too, on standard error"},
    {"help", NULL, FLAG, "what the command does, its options and examples"},
    {0},
};

const struct exit_code exit_codes[] = {
    {EXIT_FINE, "done, and all is well"},
    {EXIT_FOUND, "done, and something is wrong: doctor and verify found faults, a run that was "
                 "followed did not complete"},
    {EXIT_USAGE, "the command line or a setting is wrong; nothing was done"},
    {EXIT_REFUSED, "refused: what was named does not exist, or cannot be done"},
    {EXIT_AWAY, "Redis or Postgres cannot be reached, or refuses"},
    {EXIT_BROKEN, "chronosctl itself failed"},
    {0, NULL},
};

static const struct command *const commands[] = {
#define ROW(name) &command_##name,
    ROWS(ROW)
#undef ROW
};

const struct command *command_next(const struct command *previous)
{
    if (previous == NULL)
        return commands[0];
    for (size_t i = 0; i + 1 < ARRAY_LEN(commands); i++) {
        if (commands[i] == previous)
            return commands[i + 1];
    }
    return NULL;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

/* Levenshtein's distance; words longer than the table are far from all. */
static int distance(const char *a, const char *b)
{
    enum { LONGEST = 40 };
    int row[LONGEST + 1];
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST)
        return LONGEST;
    for (size_t k = 0; k <= m; k++)
        row[k] = (int)k;
    for (size_t i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t k = 1; k <= m; k++) {
            int changed = diagonal + (a[i - 1] != b[k - 1]);
            int least = row[k] < row[k - 1] ? row[k] + 1 : row[k - 1] + 1;
            diagonal = row[k];
            row[k] = changed < least ? changed : least;
        }
    }
    return row[m];
}

const char *nearest_name(const char *wrong, const char *(*names)(const void *of, int i),
                         const void *of)
{
    const char *best = NULL, *name;
    int least = 3; /* what is farther is no slip */
    for (int i = 0; (name = names(of, i)) != NULL; i++) {
        int d = distance(wrong, name);
        if (d < least && 2 * d < (int)strlen(name)) { /* most of the word is right */
            least = d;
            best = name;
        }
    }
    return best;
}
