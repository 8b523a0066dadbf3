#include "operate.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "js.h"
#include "out.h"

enum { PAGE = 200 };

struct desk operate_desk(struct ctl *c)
{
    static char who[96], from[128];
    const struct passwd *user = getpwuid(geteuid());
    char host[96] = "";
    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(who, sizeof(who), "shell:%.64s", user != NULL ? user->pw_name : "?");
    (void)snprintf(from, sizeof(from), "%s", *host != '\0' ? host : "?");
    return (struct desk){.conf = &c->conf, .kv = c->kv, .db = c->db, .who = who, .from = from};
}

int operate_fail(struct ctl *c, const struct desk *d, const struct err *e)
{
    (void)d;
    return ctl_fail(c, e);
}

int operate_done(struct ctl *c, const struct desk *d, json_t *done, const struct err *e)
{
    if (done == NULL)
        return operate_fail(c, d, e);
    if (c->json)
        out_json(done);
    else
        out_say(c, "%s", js_str(done, "done") != NULL ? js_str(done, "done") : "done");
    json_decref(done);
    return EXIT_FINE;
}

json_t *operate_pages(struct desk *d, page_fn *page, const void *arg, long limit, struct err *e)
{
    json_t *all = json_array();
    char *cursor = NULL;
    do {
        long left = limit - (long)json_array_size(all);
        char *next = NULL;
        json_t *rows = page(d, arg, left < PAGE ? (int)left : PAGE, cursor, &next, e);
        free(cursor);
        cursor = next;
        if (rows == NULL) {
            json_decref(all);
            free(cursor);
            return NULL;
        }
        (void)json_array_extend(all, rows);
        json_decref(rows);
    } while (cursor != NULL && (long)json_array_size(all) < limit);
    free(cursor);
    return all;
}
