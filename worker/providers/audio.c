/* audio.c: any recording into parts that speech recognition takes, with ffprobe and ffmpeg.
 *
 * Probe (is there sound, how long), look for silences when it is long, then extract and cut in one run, near every
 * ten minutes in the middle of the nearest silence: a cut in speech costs a word, an overlap would double a
 * sentence. The input is hostile: both programs get lists of allowed protocols and formats (a playlist that names
 * another local file is refused), absolute names behind "file:", and the limits of subprocess.h. */
#include "provider.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

#include "answer.h"
#include "disk.h"
#include "js.h"
#include "subprocess.h"

#define FORMATS                                                                                    \
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mp3,wav,flac,ogg,aac,mpegts,mpeg,avi,flv,asf,w64,aiff"

enum {
    PART_SECONDS = 600,
    CUT_WINDOW_SECONDS = 60,
    MAX_CUTS = 1023,
    MAX_SECONDS = 48 * 3600,
    PROBE_TIMEOUT_MS = 120 * 1000,
    MAX_PART_BYTES = 25000000, /* what one request of the service takes */
    BYTES_PER_SECOND = 3000,   /* 24 kbit/s */
    MAX_STDOUT = 16 << 20,
};

struct job {
    const struct services *svc;
    const char *dir;
    char input[1100]; /* "file:" and the absolute path */
    double duration;
    double cuts[MAX_CUTS];
    size_t n_cuts;
    bool (*is_cancelled)(void *arg);
    void *arg;
};

/* How every ffmpeg here begins. The two white lists are what keeps a file from naming other files or addresses, so they
 * stand in one place. */
#define READ_SOUND(j)                                                                              \
    (j)->svc->ffmpeg, "-nostdin", "-hide_banner", "-nostats", "-loglevel", "error", "-threads",    \
        "2", "-protocol_whitelist", "file,pipe", "-format_whitelist", FORMATS, "-i", (j)->input,   \
        "-map", "0:a:0"

/* ---- running ---- */

/* What ffmpeg says of the files that people upload, and what it means to them. */
static const struct {
    const char *words;
    const char *meaning;
} meanings[] = {
    {"whitelist", "the file is a playlist or of another kind that is not a recording"},
    {"Invalid data found", "the file is not a video or sound recording that can be read"},
    {"Cannot allocate memory", "the file needs more time or memory than allowed"},
};

/* An MP4 that stops before its index; other files are only taken for one by their name. */
static bool is_cut_mp4(const char *path, const char *errors)
{
    char head[8];
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    return strstr(errors, "moov atom not found") != NULL && fd >= 0 &&
           read(fd, head, sizeof(head)) == sizeof(head) && memcmp(head + 4, "ftyp", 4) == 0;
}

static const char *meaning_of(const char *path, const char *errors)
{
    if (is_cut_mp4(path, errors))
        return "the file is incomplete: its upload broke off";
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
        if (strstr(errors, meanings[i].words) != NULL)
            return meanings[i].meaning;
    return NULL;
}

/* The last line of standard error, without our path in front of it: what is wrong, in ffmpeg's words. */
static void last_words(const struct buf *errors, const char *input, char *out, size_t out_size)
{
    char plain[2048];
    size_t n = errors->len, start;
    while (n > 0 && isspace((unsigned char)errors->data[n - 1]))
        n--;
    start = n;
    while (start > 0 && errors->data[start - 1] != '\n' && n - start < sizeof(plain) - 1)
        start--;
    (void)snprintf(plain, sizeof(plain), "%.*s", (int)(n - start), errors->data + start);
    const char *p = plain, *at = strstr(plain, input);
    if (at != NULL)
        p = at + strlen(input) + strspn(at + strlen(input), ": ");
    else if (p[0] == '[' && strstr(p, "] ") != NULL)
        p = strstr(p, "] ") + 2;
    copy_plain(out, out_size, *p != '\0' ? p : "no reason given");
}

static bool judge(const struct job *j, const struct subprocess_result *r, const char *what,
                  struct err *e)
{
    char words[160];
    last_words(&r->errors, j->input, words, sizeof(words));
    if (r->exit_code == 0 && !r->timed_out)
        return true;
    if (TEXT_HAS(r->errors.data, "No space left on device"))
        return err_set(e, ERR_UNAVAILABLE, "audio: no space left for the parts");
    /* the same file would meet the same limit again */
    if (r->timed_out || r->signal != 0)
        return err_set(e, ERR_PERMANENT, "audio: %s takes more time or memory than allowed", what);
    const char *meaning = meaning_of(j->input + strlen("file:"), r->errors.data);
    if (meaning != NULL)
        return err_set(e, ERR_PERMANENT, "audio: %s", meaning);
    return err_set(e, ERR_PERMANENT, "audio: %s failed: %s", what, words);
}

static int cpu_limit(const struct job *j)
{
    return (int)(j->duration / 4) + 120;
}

static bool run(const struct job *j, const char *const *argv, const char *what,
                struct subprocess_result *ret, struct err *e)
{
    const int64_t most_ms =
        (int64_t)cpu_limit(j) * 2 * 1000; /* two threads may share one busy core */
    struct subprocess p = {
        .argv = argv,
        .timeout_ms = most_ms > PROBE_TIMEOUT_MS ? most_ms : PROBE_TIMEOUT_MS,
        .cpu_seconds = cpu_limit(j),
        .max_file_bytes = (uint64_t)(j->duration * BYTES_PER_SECOND * 2) + (16 << 20),
        .max_out_bytes = MAX_STDOUT,
        .is_cancelled = j->is_cancelled,
        .arg = j->arg,
    };
    if (!subprocess_run(&p, ret, e))
        return err_wrap(e, "audio");
    if (judge(j, ret, what, e))
        return true;
    subprocess_release(ret);
    return false;
}

/* ---- probe ---- */

static bool has_sound(const json_t *probe)
{
    const json_t *s;
    size_t i;
    json_array_foreach (js_get(probe, "streams"), i, s) {
        const char *type = js_str(s, "codec_type");
        if (type != NULL && strcmp(type, "audio") == 0)
            return true;
    }
    return false;
}

/* Recordings streamed to disk do not know how long they are: decode once and see. */
static bool measure(struct job *j, struct err *e)
{
    const char *const argv[] = {READ_SOUND(j), "-f", "null", "-progress", "pipe:1", "-", NULL};
    struct subprocess_result r;
    j->duration = MAX_SECONDS; /* unknown: the limits must not be those of a short file */
    bool ok = run(j, argv, "measuring the recording", &r, e);
    j->duration = 0;
    if (!ok)
        return false;
    for (const char *p = r.out.data; (p = strstr(p, "out_time_us=")) != NULL; p++) {
        double us = strtod(p + strlen("out_time_us="), NULL);
        if (isfinite(us) && us > 0)
            j->duration = us / 1e6;
    }
    subprocess_release(&r);
    return true;
}

static double duration_in(const json_t *probe)
{
    double longest = js_num(probe, "format.duration", 0);
    const json_t *s;
    size_t i;
    json_array_foreach (js_get(probe, "streams"), i, s) {
        double d = js_num(s, "duration", 0);
        longest = longest > 0 || !(d > longest) ? longest : d;
    }
    return isfinite(longest) && longest > 0 ? longest : 0;
}

static bool is_empty(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_size == 0;
}

static bool probe(struct job *j, struct err *e)
{
    if (is_empty(j->input + strlen("file:")))
        return err_set(e, ERR_PERMANENT, "audio: the file is empty");
    const char *const argv[] = {
        j->svc->ffprobe,
        "-v",
        "error",
        "-protocol_whitelist",
        "file",
        "-format_whitelist",
        FORMATS,
        "-print_format",
        "json",
        "-show_entries",
        "format=duration,size,format_name:stream=index,codec_type,codec_name,duration",
        "-i",
        j->input,
        NULL,
    };
    struct subprocess_result r;
    if (!run(j, argv, "reading the file", &r, e))
        return false;
    auto_json *answer = js_parse(r.out.data, r.out.len, e);
    subprocess_release(&r);
    if (answer == NULL)
        return err_set(e, ERR_PERMANENT, "audio: the file cannot be read");
    if (!has_sound(answer))
        return err_set(e, ERR_PERMANENT, "audio: the recording has no sound");
    j->duration = duration_in(answer);
    if (j->duration == 0 && !measure(j, e))
        return false;
    if (j->duration == 0)
        return err_set(e, ERR_PERMANENT, "audio: the recording is empty");
    if (j->duration > MAX_SECONDS)
        return err_set(e, ERR_PERMANENT, "audio: the recording is longer than %d hours",
                       MAX_SECONDS / 3600);
    return true;
}

/* ---- where to cut ---- */

/* The value of the next "lavfi.silence_<name>=" line after *p, which is moved behind it; NAN at the end. */
static double next_value(const char **p, const char *name)
{
    const char *at = strstr(*p, name);
    if (at == NULL)
        return NAN;
    char *end;
    double value = strtod(at + strlen(name), &end);
    *p = end;
    return value;
}

/* Adds the cut for every target: the middle of the nearest silence within the window, else the target itself. The
 * list of silences is walked once, since both are in order. */
static void choose_cuts(struct job *j, const char *silences)
{
    double best[MAX_CUTS];
    size_t targets = 0;
    for (double at = PART_SECONDS; at < j->duration - CUT_WINDOW_SECONDS && targets < MAX_CUTS;
         at += PART_SECONDS)
        best[targets++] = NAN;
    const char *p = silences;
    while (true) {
        double start = next_value(&p, "lavfi.silence_start=");
        double end = next_value(&p, "lavfi.silence_end=");
        if (isnan(start))
            break;
        double middle = isnan(end) ? (start + j->duration) / 2 : (start + end) / 2;
        long k = lround(middle / PART_SECONDS) - 1;
        if (k < 0 || (size_t)k >= targets)
            continue;
        double target = (double)(k + 1) * PART_SECONDS;
        if (fabs(middle - target) <= CUT_WINDOW_SECONDS &&
            (isnan(best[k]) || fabs(middle - target) < fabs(best[k] - target)))
            best[k] = middle;
        if (isnan(end))
            break;
    }
    for (size_t k = 0; k < targets; k++)
        j->cuts[j->n_cuts++] = isnan(best[k]) ? (double)(k + 1) * PART_SECONDS : best[k];
}

static bool find_cuts(struct job *j, struct err *e)
{
    if (j->duration <= PART_SECONDS + CUT_WINDOW_SECONDS)
        return true;
    const char *const argv[] = {
        READ_SOUND(j), "-af",  "silencedetect=noise=-35dB:d=0.5,ametadata=mode=print:file=-",
        "-f",          "null", "-",
        NULL};
    struct subprocess_result r;
    if (!run(j, argv, "looking for silence", &r, e))
        return false;
    choose_cuts(j, r.out.data);
    subprocess_release(&r);
    return true;
}

/* ---- extract ---- */

static bool join_cuts(const struct job *j, struct buf *out)
{
    for (size_t i = 0; i < j->n_cuts; i++)
        if (!buf_addf(out, "%s%.3f", i > 0 ? "," : "", j->cuts[i]))
            return false;
    return true;
}

static bool extract(const struct job *j, const char *list, struct err *e)
{
    char pattern[600], list_arg[600];
    auto_buf cuts = BUF_INIT(MAX_CUTS * 16);
    auto_close int folder = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0 && !disk_has_room(folder, (uint64_t)(j->duration * BYTES_PER_SECOND), e))
        return err_wrap(e, "audio");
    (void)snprintf(pattern, sizeof(pattern), "file:%s/part%%03d.ogg", j->dir);
    (void)snprintf(list_arg, sizeof(list_arg), "file:%s", list);
    if (!join_cuts(j, &cuts))
        return err_set(e, ERR_BUG, "audio: too many cuts");
    const char *const argv[] = {
        READ_SOUND(j),
        "-y",
        "-vn",
        "-sn",
        "-dn",
        "-map_metadata",
        "-1",
        "-fflags", /* the same sound gives the same bytes: heard_parts.h */
        "+bitexact",
        "-flags:a",
        "+bitexact",
        "-ac",
        "1",
        "-ar",
        "16000",
        "-c:a",
        "libopus",
        "-b:a",
        "24k",
        "-application",
        "voip",
        "-f",
        "segment",
        j->n_cuts > 0 ? "-segment_times" : "-segment_time",
        j->n_cuts > 0 ? cuts.data : "1000000",
        "-reset_timestamps",
        "1",
        "-segment_list",
        list_arg,
        "-segment_list_type",
        "csv",
        "-segment_format",
        "ogg",
        pattern,
        NULL,
    };
    struct subprocess_result r;
    if (!run(j, argv, "converting the sound", &r, e))
        return false;
    subprocess_release(&r);
    return true;
}

/* What ffmpeg said it had made cannot be read: our disk's trouble, not the recording's. */
static bool part_failure(struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "audio: the converted sound cannot be read: %s",
                   strerror(errno));
}

/* One line of the list, "part000.ogg,0.000000,600.400000", into a part. */
static bool read_part(const struct job *j, const char *line, struct audio_part *part, struct err *e)
{
    static const char nothing[] = "audio: the recording holds no sound that can be converted";
    char name[64];
    double start, end;
    if (sscanf(line, "%63[^,/],%lf,%lf", name, &start, &end) != 3 || !isfinite(start) ||
        !(end > start))
        return err_set(e, ERR_PERMANENT, nothing);
    int n = snprintf(part->path, sizeof(part->path), "%s/%s", j->dir, name);
    struct stat st;
    if (n < 0 || (size_t)n >= sizeof(part->path))
        return err_set(e, ERR_BUG, "audio: the path of the working directory is too long");
    if (stat(part->path, &st) != 0)
        return part_failure(e);
    if (st.st_size == 0 || st.st_size > MAX_PART_BYTES)
        return err_set(e, ERR_PERMANENT, nothing);
    part->start_seconds = start > 0 ? start : 0;
    part->duration_seconds = end - start;
    return true;
}

static bool read_list(const struct job *j, const char *list, struct audio_part *parts,
                      size_t max_parts, size_t *ret_count, struct err *e)
{
    FILE *f = fopen(list, "re");
    char line[256];
    size_t n = 0;
    bool ok = true;
    if (f == NULL && errno != ENOENT)
        return part_failure(e);
    while (f != NULL && ok && fgets(line, sizeof(line), f) != NULL) {
        if (n == max_parts)
            ok = err_set(e, ERR_PERMANENT, "audio: the recording is too long");
        else
            ok = read_part(j, line, &parts[n++], e);
    }
    if (f != NULL && ok && ferror(f) != 0)
        ok = part_failure(e);
    if (f != NULL)
        (void)fclose(f);
    if (ok && n == 0)
        return err_set(e, ERR_PERMANENT, "audio: converting the sound gave nothing");
    *ret_count = n;
    return ok;
}

bool audio_split(const struct services *svc, const char *input_path, const char *dir,
                 struct audio_part *parts, size_t max_parts, size_t *ret_count,
                 double *ret_duration_seconds, bool (*is_cancelled)(void *arg), void *arg,
                 struct err *e)
{
    struct job j = {.svc = svc, .dir = dir, .is_cancelled = is_cancelled, .arg = arg};
    char list[512];
    size_t count = 0;
    if (input_path[0] != '/' || dir[0] != '/' || strchr(dir, '%') != NULL ||
        (size_t)snprintf(j.input, sizeof(j.input), "file:%s", input_path) >= sizeof(j.input) ||
        (size_t)snprintf(list, sizeof(list), "%s/parts.csv", dir) >= sizeof(list))
        return err_set(e, ERR_BUG, "audio: the working directory must be an absolute path");
    bool ok = probe(&j, e) && find_cuts(&j, e) && extract(&j, list, e) &&
              read_list(&j, list, parts, max_parts, &count, e);
    (void)unlink(list); /* absent when we did not get that far */
    if (!ok)
        return false;
    *ret_count = count;
    /* what was decoded: the file's own word may be wrong, and is when it was cut off */
    *ret_duration_seconds = parts[count - 1].start_seconds + parts[count - 1].duration_seconds;
    return true;
}
