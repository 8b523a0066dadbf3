/* cmd_top.c: how it goes, on one screen that is drawn again and again. Plain ANSI: the screen is cleared and written in one piece; q
 * quits. Not on a terminal it is one snapshot. */
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "console/functions.h"
#include "console/overview.h"
#include "js.h"
#include "operate.h"
#include "out.h"
#include "rows.h"

enum { USUAL_MS = 2000, SCREEN_BYTES = 1 << 20, LEAST_ROWS = 10, LINE_BYTES = 1024 };

struct screen {
    struct buf text;
    int columns, rows, used; /* rows 0 = no end */
};

/* ---- the terminal ---- */

static struct termios before;

static void leave_screen(void)
{
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
    (void)fputs("\033[?25h\033[?1049l", stdout);
    (void)fflush(stdout);
}

static bool enter_screen(void)
{
    struct termios raw;
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return false;
    raw = before;
    raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0)
        return false;
    (void)fputs("\033[?1049h\033[?25l", stdout);
    return true;
}

static void measure(struct screen *s, bool live)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    s->columns = known ? size.ws_col : 80;
    s->rows = !live ? 0 : known ? size.ws_row : 24;
}

/* Waits; false when the person wants to end. A key or a new size of the window draws at once. */
static bool wait_for_key(int64_t ms)
{
    int64_t end = mono_ms() + ms;
    for (int64_t left; (left = end - mono_ms()) > 0;) {
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        int n = poll(&in, 1, (int)left);
        char key;
        if (ctl_stopped())
            return false;
        if (n < 0)
            return true;
        if (n > 0) {
            if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q' || key == 3)
                return false;
            return true;
        }
    }
    return true;
}

/* ---- lines ---- */

/* One line, cut at the screen's width; nothing more when the screen is full. */
static void line(struct screen *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void line(struct screen *s, const char *fmt, ...)
{
    char text[LINE_BYTES], cut[LINE_BYTES];
    va_list ap;
    if (s->rows > 0 && s->used >= s->rows)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    auto_json *value = json_string(text);
    (void)out_cell(value, CELL_TEXT, 0, s->columns, cut, sizeof(cut));
    /* the last line of a screen has no end, or it would scroll */
    bool last = s->rows > 0 && s->used + 1 == s->rows;
    if (!buf_addf(&s->text, "%s%s%s", cut, s->rows > 0 ? "\033[K" : "", last ? "" : "\n"))
        abort();
    s->used++;
}

static int room(const struct screen *s)
{
    return s->rows > 0 ? s->rows - s->used : 1000;
}

/* In so many columns. */
static const char *cell(const json_t *value, enum cell kind, int widest, char *out, size_t size)
{
    char text[256];
    int taken = out_cell(value, kind, wall_ms(), widest, text, sizeof(text));
    bool right = kind == CELL_RIGHT;
    (void)snprintf(out, size, "%*s%s%*s", right && taken < widest ? widest - taken : 0, "", text,
                   !right && taken < widest ? widest - taken : 0, "");
    return out;
}

/* ---- parts ---- */

/* Eighths of a block, from nothing to the largest of the values. */
static void draw_throughput(struct screen *s, const json_t *minutes)
{
    static const char *const bars[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    char text[LINE_BYTES] = "";
    long long most = 1, last = 0;
    size_t n = json_array_size(minutes),
           most_bars = (size_t)s->columns > 40 ? (size_t)s->columns - 34 : 6;
    size_t from = n > most_bars ? n - most_bars : 0;
    if (most_bars > 60)
        from = n > 60 ? n - 60 : 0;
    for (size_t i = from; i < n; i++) {
        long long v = js_int(json_array_get(minutes, i), "completed", 0);
        most = v > most ? v : most;
        last = i + 2 == n ? v : last; /* the present minute is not over */
    }
    for (size_t i = from; i < n; i++) {
        long long v = js_int(json_array_get(minutes, i), "completed", 0);
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len, "%s", bars[v > 0 ? 1 + v * 7 / most : 0]);
    }
    line(s, "%s %lld/min, most %lld", text, last, most);
}

static void draw_head(struct screen *s, const json_t *o)
{
    char age[48] = "-";
    long long oldest = js_int(o, "backlog.oldest_age_ms", -1);
    double rate = js_num(o, "last_hour.failure_rate", 0);
    if (oldest >= 0)
        out_duration(oldest, age, sizeof(age));
    const char *at = js_str(o, "looked_at");
    line(s, "chronos %.19s  workers %lld  threads %lld/%lld busy%s", at != NULL ? at : "",
         js_int(o, "threads.workers", 0), js_int(o, "threads.busy", 0), js_int(o, "threads.all", 0),
         js_bool(o, "complete", true) ? "" : "  (counts are not complete)");
    line(s, "live %lld  running %lld  waiting %lld  sleeping %lld  retrying %lld  oldest waits %s",
         js_int(o, "live.live", 0), js_int(o, "live.running", 0), js_int(o, "live.waiting", 0),
         js_int(o, "live.sleeping", 0), js_int(o, "live.retrying", 0), age);
    line(s,
         "last hour: %lld completed, %lld failed (%.1f%%), %lld cancelled, %lld skipped; rejected "
         "today %lld",
         js_int(o, "last_hour.completed", 0), js_int(o, "last_hour.failed", 0), 100 * rate,
         js_int(o, "last_hour.cancelled", 0), js_int(o, "last_hour.skipped", 0),
         js_int(o, "rejected_last_day", 0));
    draw_throughput(s, json_object_get(o, "throughput"));
}

static void draw_functions(struct screen *s, const json_t *functions, int most)
{
    size_t i;
    json_t *f;
    int drawn = 0;
    line(s, "%s", "");
    line(s, "%-34s %7s %7s %7s %7s %7s  %s", "FUNCTION", "RUNNING", "WAITING", "LIVE", "DONE/H",
         "FAIL/H", "");
    json_array_foreach (functions, i, f) {
        char name[160];
        const char *paused = js_str(f, "paused");
        if (drawn++ >= most)
            return;
        line(s, "%s %7lld %7lld %7lld %7lld %7lld  %s",
             cell(json_object_get(f, "id"), CELL_TEXT, 34, name, sizeof(name)),
             js_int(f, "live.running", 0), js_int(f, "live.waiting", 0), js_int(f, "live.live", 0),
             js_int(f, "last_hour.completed", 0), js_int(f, "last_hour.failed", 0),
             paused != NULL                 ? paused
             : js_int(f, "workers", 0) == 0 ? "no worker"
                                            : "");
    }
}

static void draw_creators(struct screen *s, const json_t *creators, int most)
{
    size_t i;
    json_t *x;
    if (most < 3 || json_array_size(creators) == 0)
        return;
    line(s, "%s", "");
    line(s, "%-38s %7s %7s  %s", "CREATOR", "RUNNING", "WAITING", "OLDEST");
    json_array_foreach (creators, i, x) {
        char name[160], age[64];
        if ((int)i >= most - 2)
            return;
        line(s, "%s %7lld %7lld  %s",
             cell(json_object_get(x, "creator_id"), CELL_TEXT, 38, name, sizeof(name)),
             js_int(x, "running", 0), js_int(x, "waiting", 0),
             cell(json_object_get(x, "oldest_queued_at"), CELL_AGE, 12, age, sizeof(age)));
    }
}

static void draw_failures(struct screen *s, const json_t *failures, int most)
{
    size_t i;
    json_t *x;
    if (most < 3 || json_array_size(failures) == 0)
        return;
    line(s, "%s", "");
    line(s, "%-26s %5s  %s", "FAILING", "TIMES", "WHY");
    json_array_foreach (failures, i, x) {
        char name[120];
        const char *message = js_str(x, "message");
        if ((int)i >= most - 2)
            return;
        line(s, "%s %5lld  %s",
             cell(json_object_get(x, "function_id"), CELL_TEXT, 26, name, sizeof(name)),
             js_int(x, "count", 0), message != NULL ? message : "");
    }
}

static int busier(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    long long p = js_int(x, "live.live", 0) * 1000 + js_int(x, "last_hour.completed", 0),
              q = js_int(y, "live.live", 0) * 1000 + js_int(y, "last_hour.completed", 0);
    return p != q ? (p < q ? 1 : -1) : strcmp(js_str(x, "id"), js_str(y, "id"));
}

static json_t *by_load(const json_t *functions)
{
    size_t n = json_array_size(functions);
    json_t **list = calloc(n > 0 ? n : 1, sizeof(json_t *)), *sorted = json_array();
    if (list == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        list[i] = json_array_get(functions, i);
    qsort(list, n, sizeof(json_t *), busier);
    for (size_t i = 0; i < n; i++)
        (void)json_array_append(sorted, list[i]);
    free(list);
    return sorted;
}

/* What is most telling comes first; a small screen has less of each. */
static void draw(struct screen *s, const json_t *o, const json_t *functions)
{
    const json_t *failures = json_object_get(o, "failures"),
                 *creators = json_object_get(o, "creators");
    auto_json *sorted = by_load(functions);
    draw_head(s, o);
    int left = room(s) - 3; /* the line of keys, and the head of functions */
    int failing = (int)json_array_size(failures) + 2, crowd = (int)json_array_size(creators) + 2;
    int third = left / 3;
    int of_failures = failing > 2 ? (failing < third ? failing : third) : 0;
    int of_creators = crowd > 2 ? (crowd < third ? crowd : third) : 0;
    draw_functions(s, sorted, left - of_failures - of_creators);
    draw_creators(s, creators, of_creators);
    draw_failures(s, failures, of_failures);
    if (s->rows > 0) {
        while (s->used < s->rows - 1)
            line(s, "%s", "");
        line(s, "q quits, any other key looks again");
    }
}

/* ---- looking ---- */

static bool look(struct desk *d, json_t **ret_overview, json_t **ret_functions, struct err *e)
{
    *ret_functions = NULL;
    *ret_overview = overview_get(d, e);
    if (*ret_overview != NULL)
        *ret_functions = functions_list(d, e);
    return *ret_functions != NULL;
}

static bool show(struct ctl *c, struct desk *d, bool live, struct err *e)
{
    struct screen s = {.text = BUF_INIT(SCREEN_BYTES)};
    auto_json *overview = NULL, *functions = NULL;
    bool ok = look(d, &overview, &functions, e);
    if (c->json) {
        if (ok) {
            auto_json *both = js_pack("{s:O, s:O}", "overview", overview, "functions", functions);
            out_json(both);
        }
        return ok;
    }
    measure(&s, live);
    if (ok)
        draw(&s, overview, functions);
    else if (live)
        line(&s, "cannot look: %s; trying again", e->msg);
    if (live)
        (void)fputs("\033[H", stdout);
    (void)fwrite(s.text.data, 1, s.text.len, stdout);
    if (live)
        (void)fputs("\033[J", stdout);
    (void)fflush(stdout);
    buf_release(&s.text);
    return ok;
}

static int run(struct ctl *c)
{
    struct err e;
    struct desk d = operate_desk(c);
    bool live = !c->json && !ctl_flag(c, "once") && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
    int64_t every = ctl_number(c, "every-ms", USUAL_MS);
    if (!live || !enter_screen())
        return show(c, &d, false, &e) ? EXIT_FINE : operate_fail(c, &d, &e);
    ctl_catch_signals();
    do
        (void)show(c, &d, true, &e); /* while a store is away the screen says so */
    while (wait_for_key(every));
    leave_screen();
    return EXIT_FINE;
}

const struct command command_top = {
    .name = "top",
    .summary = "A live screen: throughput, backlog, functions, creators and failures; q quits",
    .details = "Works from 80 columns and 24 lines on. When standard output is no terminal it is "
               "one snapshot.",
    .options = {{"every-ms", "MS", NUMBER, "how often it looks; 2000 unless given", NULL, 200,
                 3600000},
                {"once", NULL, FLAG, "one snapshot"}},
    .examples = {{"top", "until q is pressed"}, {"top --once", "for a mail or a ticket"}},
    .run = run,
    .settings = CONF_SCHEDULER,
};
