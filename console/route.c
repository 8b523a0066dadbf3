#include "route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "static.h"

static const struct route *const groups[] = {
    routes_health,   routes_events,      routes_login,  routes_runs,  routes_functions,
    routes_overview, routes_application, routes_search, routes_files, routes_stream,
};

const struct route *route_next(const struct route *r)
{
    if (r != NULL && (++r)->method != NULL)
        return r;
    if (r == NULL)
        return groups[0];
    for (size_t i = 0; i + 1 < ARRAY_LEN(groups); i++) {
        const struct route *end = groups[i];
        while (end->method != NULL)
            end++;
        if (end == r)
            return groups[i + 1];
    }
    return NULL;
}

static void forget_parts(struct request *r)
{
    for (int i = 0; i < r->part_count; i++)
        free(r->parts[i]);
    r->part_count = 0;
}

/* Whether the path is of that pattern; its parts are copied, not decoded. */
static bool matches(struct request *r, const char *pattern)
{
    const char *p = r->path;
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (*p++ != *pattern++)
                return false;
            continue;
        }
        size_t brace = strcspn(pattern, "}");
        size_t n = pattern[brace - 1] == '*' ? strlen(p) : strcspn(p, "/");
        if (n == 0 || r->part_count == MAX_PATH_PARTS)
            return false;
        r->parts[r->part_count] = strndup(p, n);
        if (r->parts[r->part_count++] == NULL)
            abort();
        p += n;
        pattern += brace + 1;
    }
    return *p == '\0';
}

static bool decode_parts(struct request *r)
{
    for (int i = 0; i < r->part_count; i++) {
        if (!percent_decode(r->parts[i])) {
            char name[PART_NAME_SIZE];
            reply_error(r, 400, "invalid_path", request_part_name(r, i, name),
                        "the path holds a malformed escape, a control character or what is no "
                        "UTF-8");
            return false;
        }
    }
    return true;
}

bool route_find(struct request *r)
{
    char allowed[64] = "";
    /* what answers GET answers HEAD; the server leaves the body out */
    const char *method = strcmp(r->method, "HEAD") == 0 ? "GET" : r->method;
    for (const struct route *x = route_next(NULL); x != NULL; x = route_next(x)) {
        bool fits = matches(r, x->pattern);
        if (fits && strcmp(x->method, method) == 0) {
            r->route = x;
            return decode_parts(r);
        }
        forget_parts(r);
        size_t n = strlen(allowed);
        if (fits)
            (void)snprintf(allowed + n, sizeof(allowed) - n, "%s%s", n > 0 ? ", " : "", x->method);
    }
    if (*allowed == '\0' && strcmp(method, "GET") == 0 && (r->route = static_find(r->path)) != NULL)
        return true;
    if (*allowed == '\0') {
        reply_error(r, 404, "not_found", NULL,
                    "there is nothing at this path; /openapi.json lists what there is");
        return false;
    }
    reply_error(r, 405, "method_not_allowed", NULL, "this path answers to %s", allowed);
    reply_header(r, "Allow", allowed);
    return false;
}

const char *access_name(enum access a)
{
    static const char *const names[] = {"public", "event", "read", "admin"};
    return names[a];
}

void route_print(void)
{
    for (const struct route *x = route_next(NULL); x != NULL; x = route_next(x))
        (void)printf("%-6s %-44s %s\n", x->method, x->pattern, access_name(x->access));
}
