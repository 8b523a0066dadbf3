/* text_speed.c: how fast captions are read and transcripts are cut, in MB of input per second of CPU time.
 *
 * Every text is made here, the same at each run: speech of an hour or several, punctuated, in each caption format as its
 * service writes it. One line per figure: the name, then the rate of each repetition. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "caption.h"
#include "chunker.h"
#include "js.h"
#include "utf8.h"

enum { REPETITIONS = 7, CUES = 20000, CUE_MS = 2400, TARGET_NS = 100000000 };

static const char *const english[] = {
    "the",    "video", "shows", "how",     "to",    "build",    "a",      "course",  "for",
    "people", "who",   "learn", "at",      "their", "own",      "pace",   "and",     "then",
    "we",     "look",  "into",  "what",    "they",  "remember", "later",  "because", "it",
    "is",     "not",   "about", "minutes", "spent", "watching", "really",
};
static const char *const french[] = {
    "l\u2019\u00e9t\u00e9",
    "d\u00e9j\u00e0",
    "o\u00f9",
    "fran\u00e7ais",
    "le\u00e7on",
    "apr\u00e8s",
    "tr\u00e8s",
    "\u00e9cole",
    "c\u0153ur",
    "na\u00eff",
    "\u00eatre",
    "vid\u00e9o",
};
static const char *const japanese[] = {
    "\u3053\u306e",       "\u52d5\u753b\u3067\u306f", "\u5b66\u7fd2\u8005\u304c",
    "\u81ea\u5206\u306e", "\u30da\u30fc\u30b9\u3067", "\u5b66\u3076\u3002",
};

static const char *const russian[] = {
    "\u044d\u0442\u043e",
    "\u0432\u0438\u0434\u0435\u043e",
    "\u043e",
    "\u0442\u043e\u043c,",
    "\u043a\u0430\u043a",
    "\u0443\u0447\u0438\u0442\u044c\u0441\u044f",
};
static const char *const hindi[] = {
    "\u092f\u0939",
    "\u0935\u0940\u0921\u093f\u092f\u094b",
    "\u0938\u0940\u0916\u0928\u093e",
    "\u0939\u0948\u0964",
    "\u0914\u0930",
    "\u0938\u092e\u092f",
};
static const char *const thai[] = {
    "\u0e27\u0e34\u0e14\u0e35\u0e42\u0e2d\u0e19\u0e35\u0e49",
    "\u0e41\u0e2a\u0e14\u0e07\u0e27\u0e34\u0e18\u0e35",
    "\u0e40\u0e23\u0e35\u0e22\u0e19\u0e23\u0e39\u0e49",
};
static const char *const chinese[] = {
    "\u8fd9\u4e2a\u89c6\u9891\u8bb2\u7684\u662f",
    "\u5982\u4f55\u5b66\u4e60\u3002",
    "\u6211\u4eec\uff0c",
};
static const char *const symbols[] = {
    "\U0001f389", "\U0001f9f6\U0001f411", "\u2014", "\U00020000", "ok", "\u2026",
};

struct language {
    const char *const *words;
    size_t count;
};

static uint32_t state;

static uint32_t next_random(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static void put(struct buf *b, const char *s)
{
    text_put(b, s, strlen(s));
}

static void put_word(struct buf *b, const struct language *l)
{
    put(b, l->words[next_random() % l->count]);
    put(b, next_random() % 12 == 0 ? "." : "");
}

static void put_words(struct buf *b, const struct language *l, int n)
{
    for (int i = 0; i < n; i++) {
        put(b, i > 0 ? " " : "");
        put_word(b, l);
    }
}

static void put_clock(struct buf *b, int ms, char point)
{
    char text[32];
    snprintf(text, sizeof(text), "%02d:%02d:%02d%c%03d", ms / 3600000, ms / 60000 % 60,
             ms / 1000 % 60, point, ms % 1000);
    put(b, text);
}

static void put_number(struct buf *b, const char *before, int n, const char *after)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", n);
    put(b, before);
    put(b, text);
    put(b, after);
}

static void put_cue(struct buf *b, const struct language *l, enum caption_format format, int i)
{
    int start = i * CUE_MS;
    switch (format) {
    case CAPTION_VTT:
    case CAPTION_SRT:
        put_number(b, "", i + 1, "\n");
        put_clock(b, start, format == CAPTION_VTT ? '.' : ',');
        put(b, " --> ");
        put_clock(b, start + CUE_MS, format == CAPTION_VTT ? '.' : ',');
        put(b, i % 8 == 0 ? "\n<i>" : "\n");
        put_words(b, l, 5);
        put(b, i % 8 == 0 ? "</i>\n" : "\n");
        put_words(b, l, 4);
        put(b, "\n\n");
        break;
    case CAPTION_JSON3:
        put_number(b, i > 0 ? ",\n{\"tStartMs\":" : "{\"tStartMs\":", start, "");
        put_number(b, ",\"dDurationMs\":", CUE_MS, ",\"segs\":[");
        for (int k = 0; k < 9; k++) {
            put(b, k > 0 ? ",{\"utf8\":\" " : "{\"utf8\":\"");
            put_word(b, l);
            put_number(b, "\",\"tOffsetMs\":", k * 200, "}");
        }
        put(b, "]}");
        break;
    case CAPTION_SRV1:
        put_number(b, "<text start=\"", start / 1000, "");
        put_number(b, ".", 100 + start % 900, "\" dur=\"2.4\">");
        put_words(b, l, 9);
        put(b, " &amp;#39;s</text>");
        break;
    case CAPTION_SRV3:
        put_number(b, "<p t=\"", start, "");
        put_number(b, "\" d=\"", CUE_MS, "\">");
        for (int k = 0; k < 9; k++) {
            put_number(b, "<s t=\"", k * 200, "\">");
            put_word(b, l);
            put(b, " </s>");
        }
        put(b, "</p>\n");
        break;
    case CAPTION_PHRASES:
        put_number(b, i > 0 ? ",{\"ts\":" : "{\"ts\":", start / 1000, "");
        put_number(b, ".", 100 + start % 900, ",\"value\":\"");
        put_words(b, l, 9);
        put(b, "\"}");
        break;
    case CAPTION_SNIFF:
        break;
    }
}

static const char *const opening[] = {
    [CAPTION_VTT] = "WEBVTT\n\n",
    [CAPTION_SRT] = "",
    [CAPTION_JSON3] = "{\"events\":[",
    [CAPTION_SRV1] = "<?xml version=\"1.0\"?><transcript>",
    [CAPTION_SRV3] = "<?xml version=\"1.0\"?><timedtext format=\"3\"><body>",
    [CAPTION_PHRASES] = "{\"phrases\":[",
};
static const char *const closing[] = {
    [CAPTION_VTT] = "",
    [CAPTION_SRT] = "",
    [CAPTION_JSON3] = "]}",
    [CAPTION_SRV1] = "</transcript>",
    [CAPTION_SRV3] = "</body></timedtext>",
    [CAPTION_PHRASES] = "]}",
};

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void fail(const char *what, const struct err *e)
{
    fprintf(stderr, "text_speed: %s: %s\n", what, e->msg);
    exit(1);
}

/* MB/s of one repetition: as many calls as take TARGET_NS. */
static double rate(void (*call)(void *arg), void *arg, size_t bytes)
{
    int64_t begin = cpu_ns(), took;
    size_t calls = 0;
    do {
        call(arg);
        calls++;
        took = cpu_ns() - begin;
    } while (took < TARGET_NS);
    return (double)bytes * (double)calls / ((double)took / 1e9) / 1e6;
}

static void measure(const char *name, void (*call)(void *arg), void *arg, size_t bytes)
{
    call(arg); /* warm */
    printf("%s", name);
    for (int i = 0; i < REPETITIONS; i++)
        printf(" %.1f", rate(call, arg, bytes));
    printf("\n");
    fflush(stdout);
}

struct file {
    struct buf bytes;
    enum caption_format format;
};

static void parse(void *arg)
{
    struct file *f = arg;
    struct captions c;
    struct err e;
    if (!captions_parse(f->bytes.data, f->bytes.len, f->format, false, &c, &e))
        fail("captions_parse", &e);
    if (c.len < CUES)
        abort(); /* the speed of what is dropped is worth nothing */
    captions_release(&c);
}

static void measure_format(const char *name, enum caption_format format)
{
    struct language l = {english, ARRAY_LEN(english)};
    struct file f = {.bytes = BUF_INIT(64 << 20), .format = format};
    state = 1;
    put(&f.bytes, opening[format]);
    for (int i = 0; i < CUES; i++)
        put_cue(&f.bytes, &l, format, i);
    put(&f.bytes, closing[format]);
    measure(name, parse, &f, f.bytes.len);
    buf_release(&f.bytes);
}

static void cut_text(void *arg)
{
    struct chunks chunks;
    struct err e;
    if (!chunk_text(arg, 3600, NULL, &chunks, &e))
        fail("chunk_text", &e);
    chunks_release(&chunks);
}

static void measure_text(const char *name, struct language l)
{
    struct buf text = BUF_INIT(64 << 20);
    state = 1;
    put_words(&text, &l, 9000 * 3); /* three hours of speech */
    measure(name, cut_text, text.data, text.len);
    buf_release(&text);
}

static void cut_captions(void *arg)
{
    struct chunks chunks;
    struct err e;
    if (!chunk_captions(arg, NULL, &chunks, &e))
        fail("chunk_captions", &e);
    chunks_release(&chunks);
}

static void measure_captions(void)
{
    struct language l = {english, ARRAY_LEN(english)};
    struct captions c = {0};
    size_t bytes = 0;
    state = 1;
    for (int i = 0; i < 3000; i++) {
        struct buf text = BUF_INIT(1 << 16);
        put_words(&text, &l, 9);
        captions_add(&c, i * CUE_MS, (i + 1) * CUE_MS, text.data, text.len);
        bytes += text.len;
        buf_release(&text);
    }
    measure("chunk_captions", cut_captions, &c, bytes);
    captions_release(&c);
}

int main(void)
{
    measure_text("chunk", (struct language){english, ARRAY_LEN(english)});
    measure_text("chunk_french", (struct language){french, ARRAY_LEN(french)});
    measure_text("chunk_japanese", (struct language){japanese, ARRAY_LEN(japanese)});
    measure_text("chunk_chinese", (struct language){chinese, ARRAY_LEN(chinese)});
    measure_text("chunk_russian", (struct language){russian, ARRAY_LEN(russian)});
    measure_text("chunk_hindi", (struct language){hindi, ARRAY_LEN(hindi)});
    measure_text("chunk_thai", (struct language){thai, ARRAY_LEN(thai)});
    measure_text("chunk_symbols", (struct language){symbols, ARRAY_LEN(symbols)});
    measure_captions();
    measure_format("vtt", CAPTION_VTT);
    measure_format("srt", CAPTION_SRT);
    measure_format("json3", CAPTION_JSON3);
    measure_format("srv1", CAPTION_SRV1);
    measure_format("srv3", CAPTION_SRV3);
    measure_format("phrases", CAPTION_PHRASES);
    return 0;
}
