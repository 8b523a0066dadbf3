/* test_audio.c: ffmpeg under supervision: limits, cancellation, and recordings cut in silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "clock.h"
#include "provider.h"
#include "subprocess.h"

static char dir[] = "/tmp/test_audio_XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[64];
    (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

/* ---- subprocess ---- */

static struct subprocess shell(const char *const *argv)
{
    return (struct subprocess){
        .argv = argv,
        .timeout_ms = 10000,
        .cpu_seconds = 5,
        .max_file_bytes = 1 << 20,
        .max_out_bytes = 100,
    };
}

static int execute(const char *command)
{
    char line[256];
    (void)snprintf(line, sizeof(line), "bash -c '%s'", command);
    return system(line);
}

static void test_output_and_exit_code_come_back(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "echo out; echo wrong >&2; exit 3", NULL};
    struct subprocess p = shell(argv);
    struct subprocess_result r;
    struct err e;
    assert_true(subprocess_run(&p, &r, &e));
    assert_int_equal(r.exit_code, 3);
    assert_string_equal(r.out.data, "out\n");
    assert_string_equal(r.errors.data, "wrong\n");
    subprocess_release(&r);
}

static void test_endless_output_is_cut_and_does_not_stall(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c",
                                "head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2", NULL};
    struct subprocess p = shell(argv);
    struct subprocess_result r;
    struct err e;
    assert_true(subprocess_run(&p, &r, &e));
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(r.out.len, 100);
    assert_int_equal(r.errors.len, 64 * 1024);
    subprocess_release(&r);
}

static void test_the_child_inherits_nothing(void **state)
{
    (void)state;
    assert_int_equal(setenv("SUPABASE_SERVICE_ROLE_KEY", "hidden", 1), 0);
    auto_close int leak = dup(0); /* without close-on-exec */
    (void)leak;
    const char *const argv[] = {"sh", "-c", "env | grep -c hidden; ls /proc/self/fd | wc -l; cat",
                                NULL};
    struct subprocess p = shell(argv);
    struct subprocess_result r;
    struct err e;
    assert_true(subprocess_run(&p, &r, &e));
    assert_string_equal(r.out.data, "0\n4\n"); /* 0, 1, 2 and ls's own */
    subprocess_release(&r);
}

static void test_limits_hold(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof(command), "exec head -c 5000000 /dev/zero > %s/big", dir);
    const char *const argv[] = {"sh", "-c", command, NULL};
    struct subprocess p = shell(argv);
    struct subprocess_result r;
    struct err e;
    assert_true(subprocess_run(&p, &r, &e));
    assert_int_equal(r.exit_code, -1);
    assert_int_equal(r.signal, SIGXFSZ);
    subprocess_release(&r);
}

static void test_the_time_limit_kills_the_whole_group(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "sleep 30 & sleep 30; wait", NULL};
    struct subprocess p = shell(argv);
    struct subprocess_result r;
    struct err e;
    p.timeout_ms = 200;
    int64_t from = mono_ms();
    assert_true(subprocess_run(&p, &r, &e));
    assert_true(r.timed_out);
    assert_in_range(mono_ms() - from, 150, 4000);
    subprocess_release(&r);
}

static bool always(void *arg)
{
    (void)arg;
    return true;
}

static void test_cancelling_kills_even_what_ignores_the_polite_signal(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "trap '' TERM; sleep 30; sleep 30", NULL};
    struct subprocess p = shell(argv);
    struct subprocess_result r;
    struct err e;
    p.is_cancelled = always;
    int64_t from = mono_ms();
    assert_false(subprocess_run(&p, &r, &e));
    assert_int_equal(e.code, ERR_STOPPING);
    assert_in_range(mono_ms() - from, 0, 5000);
}

/* To an address where somebody listens, so that nothing but the confinement can be what refuses. */
static void test_the_child_reaches_no_network(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    auto_close int door = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(door, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(door, 1), 0);
    assert_int_equal(getsockname(door, (struct sockaddr *)&at, &len), 0);
    char command[128];
    (void)snprintf(command, sizeof(command), "exec 3<>/dev/tcp/127.0.0.1/%d", ntohs(at.sin_port));
    assert_int_equal(execute(command), 0); /* the same without confinement */
    const char *const argv[] = {"bash", "-c", command, NULL};
    struct subprocess p = shell(argv);
    struct subprocess_result r;
    struct err e;
    assert_true(subprocess_run(&p, &r, &e));
    assert_int_not_equal(r.exit_code, 0);
    assert_non_null(strstr(r.errors.data, "not permitted"));
    subprocess_release(&r);
}

static void test_a_missing_program_needs_a_person(void **state)
{
    (void)state;
    const char *const argv[] = {"no-such-program", NULL};
    struct subprocess p = shell(argv);
    struct subprocess_result r;
    struct err e;
    assert_false(subprocess_run(&p, &r, &e));
    assert_int_equal(e.code, ERR_STOP_PROVIDER);
    assert_string_equal(e.msg, "no-such-program is not installed");
}

/* ---- recordings ---- */

static char input[128];

/* Makes dir/name with ffmpeg and remembers it as the input. */
static void make(const char *name, const char *options)
{
    char command[1024];
    (void)snprintf(input, sizeof(input), "%s/%s", dir, name);
    (void)snprintf(command, sizeof(command), "ffmpeg -v error -y %s %s", options, input);
    if (system(command) != 0)
        fail_msg("%s", command);
}

static void write_input(const char *name, const char *text)
{
    (void)snprintf(input, sizeof(input), "%s/%s", dir, name);
    FILE *f = fopen(input, "we");
    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
}

static const struct services tools = {.ffmpeg = "ffmpeg", .ffprobe = "ffprobe"};
static struct audio_part parts[16];
static size_t count;
static double duration;

static void splits(void)
{
    struct err e;
    if (!audio_split(&tools, input, dir, parts, ARRAY_LEN(parts), &count, &duration, NULL, NULL,
                     &e))
        fail_msg("%s", e.msg);
}

static void refuses(const char *message)
{
    struct err e;
    if (audio_split(&tools, input, dir, parts, ARRAY_LEN(parts), &count, &duration, NULL, NULL, &e))
        fail_msg("accepted as %zu parts", count);
    assert_int_equal(e.code, ERR_PERMANENT);
    if (strstr(e.msg, message) == NULL)
        fail_msg("%s", e.msg);
    assert_null(strstr(e.msg, dir));
}

static void test_a_short_recording_is_one_part(void **state)
{
    (void)state;
    struct stat st;
    make("short.mp4", "-f lavfi -i testsrc=size=64x48:rate=5:duration=3 -f lavfi -i "
                      "sine=duration=3 -c:v mpeg4 -c:a aac");
    splits();
    assert_int_equal(count, 1);
    assert_true(fabs(duration - 3) < 0.2);
    assert_true(parts[0].start_seconds == 0);
    assert_int_equal(stat(parts[0].path, &st), 0);
    assert_non_null(strstr(parts[0].path, "/part000.ogg"));
}

static void test_a_recording_that_does_not_know_its_length_is_measured(void **state)
{
    (void)state;
    make("live.webm",
         "-f lavfi -i sine=duration=7 -c:a libopus -f webm - >"); /* a pipe: no length in it */
    splits();
    assert_int_equal(count, 1);
    assert_true(fabs(duration - 7) < 0.2);
}

/* A pause near the first target, none near the second. */
static void test_a_long_recording_is_cut_in_silence(void **state)
{
    (void)state;
    make("long.wav",
         "-f lavfi -i \"aevalsrc='if(between(t,580,584),0,0.3*sin(600*t))':s=8000:d=1300\" -c:a "
         "pcm_s16le");
    splits();
    assert_int_equal(count, 3);
    assert_true(fabs(parts[1].start_seconds - 582) < 0.1);
    assert_true(fabs(parts[2].start_seconds - 1200) < 0.1);
    assert_true(fabs(parts[0].duration_seconds - 582) < 0.1);
    assert_true(fabs(parts[2].start_seconds + parts[2].duration_seconds - 1300) < 0.5);
    struct err e;
    assert_false(audio_split(&tools, input, dir, parts, 2, &count, &duration, NULL, NULL, &e));
    assert_int_equal(e.code, ERR_PERMANENT);
    assert_false(audio_split(&tools, input, dir, parts, 16, &count, &duration, always, NULL, &e));
    assert_int_equal(e.code, ERR_STOPPING);
}

static void test_what_cannot_be_heard_is_refused(void **state)
{
    (void)state;
    make("mute.mp4", "-f lavfi -i testsrc=size=64x48:rate=5:duration=1 -c:v mpeg4");
    refuses("no sound");
    write_input("text.mp4", "this is not a recording");
    refuses("audio: the file is not a video or sound recording that can be read");
    write_input("empty.mp4", "");
    refuses("audio: the file is empty");
    make("picture.png", "-f lavfi -i color=s=64x64:d=1 -frames:v 1");
    refuses("audio: the file is a playlist or of another kind that is not a recording");
    make("packed.mp4", "-f lavfi -i sine=duration=1 -f wav - | gzip >");
    refuses("audio: the file is a playlist or of another kind");
}

/* Half a file says how long the whole one was; what counts is what can be heard. */
static void test_the_length_of_a_cut_recording_is_that_of_what_is_left(void **state)
{
    (void)state;
    make("cut.mp3", "-f lavfi -i sine=duration=60 -b:a 64k -f mp3 - | head -c 160000 >");
    splits();
    assert_true(duration > 10 && duration < 30);
    make("whole.m4a", "-f lavfi -i sine=duration=60");
    char command[512];
    (void)snprintf(command, sizeof(command), "head -c 90000 %s/whole.m4a > %s/cut.m4a", dir, dir);
    assert_int_equal(system(command), 0);
    (void)snprintf(input, sizeof(input), "%s/cut.m4a", dir);
    refuses("audio: the file is incomplete: its upload broke off");
}

static void test_the_name_does_not_say_what_a_file_is(void **state)
{
    (void)state;
    make("really-a-wav.mp4", "-f lavfi -i sine=duration=2 -f wav");
    splits();
    assert_int_equal(count, 1);
}

/* A picture of a hundred and forty megabytes in a small file: it is never decoded. */
static void test_huge_pictures_cost_nothing(void **state)
{
    (void)state;
    make("huge.mkv", "-f lavfi -i color=s=12000x12000:r=1:d=2,format=gray -f lavfi -i "
                     "sine=duration=2 -c:v png -c:a flac");
    splits();
    assert_int_equal(count, 1);
}

/* A playlist under a video's name would read any local file into the transcript. */
static void test_a_playlist_is_not_opened(void **state)
{
    (void)state;
    char text[256];
    make("secret.wav", "-f lavfi -i sine=duration=2");
    (void)snprintf(
        text, sizeof(text),
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://%s/secret.wav\n#EXT-X-ENDLIST\n",
        dir);
    write_input("playlist.mp4", text);
    refuses("audio: the file is a playlist or of another kind that is not a recording");
    (void)snprintf(text, sizeof(text), "ffconcat version 1.0\nfile '%s/secret.wav'\n", dir);
    write_input("concat.mp4", text);
    refuses("audio: the file is a playlist or of another kind that is not a recording");
    write_input("away.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:1/"
                            "x.ts\n#EXT-X-ENDLIST\n");
    refuses("audio: the file is a playlist or of another kind that is not a recording");
}

/* Converts, and then damages what was made, by a command in the folder. */
static enum err_code code_after(const char *damage)
{
    char program[128], script[512];
    (void)snprintf(program, sizeof(program), "%s/ffmpeg", dir);
    (void)snprintf(script, sizeof(script),
                   "#!/bin/sh\nrm -f %s/part*\nffmpeg \"$@\" && cd %s && %s", dir, dir, damage);
    write_input("ffmpeg", script);
    assert_int_equal(chmod(program, 0700), 0);
    make("short.wav", "-f lavfi -i sine=duration=1");
    const struct services damaging = {.ffmpeg = program, .ffprobe = "ffprobe"};
    struct err e;
    assert_false(audio_split(&damaging, input, dir, parts, ARRAY_LEN(parts), &count, &duration,
                             NULL, NULL, &e));
    return e.code;
}

/* A video is not refused for good because our own disk could not be read. */
static void test_parts_that_cannot_be_read_are_no_fault_of_the_recording(void **state)
{
    (void)state;
    const char *const unreadable[] = {
        "rm part000.ogg && ln -s part000.ogg part000.ogg", /* a loop */
        "rm part000.ogg", "rm parts.csv && ln -s parts.csv parts.csv",
        "ln -sf /proc/self/mem parts.csv", /* can be opened, not read */
    };
    for (size_t i = 0; i < ARRAY_LEN(unreadable); i++)
        assert_int_equal(code_after(unreadable[i]), ERR_UNAVAILABLE);
    assert_int_equal(code_after("rm parts.csv"), ERR_PERMANENT);
    assert_int_equal(code_after(": > part000.ogg"), ERR_PERMANENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_and_exit_code_come_back),
        cmocka_unit_test(test_endless_output_is_cut_and_does_not_stall),
        cmocka_unit_test(test_the_child_inherits_nothing),
        cmocka_unit_test(test_limits_hold),
        cmocka_unit_test(test_the_time_limit_kills_the_whole_group),
        cmocka_unit_test(test_cancelling_kills_even_what_ignores_the_polite_signal),
        cmocka_unit_test(test_a_missing_program_needs_a_person),
        cmocka_unit_test(test_a_short_recording_is_one_part),
        cmocka_unit_test(test_a_recording_that_does_not_know_its_length_is_measured),
        cmocka_unit_test(test_a_long_recording_is_cut_in_silence),
        cmocka_unit_test(test_what_cannot_be_heard_is_refused),
        cmocka_unit_test(test_a_playlist_is_not_opened),
        cmocka_unit_test(test_huge_pictures_cost_nothing),
        cmocka_unit_test(test_the_name_does_not_say_what_a_file_is),
        cmocka_unit_test(test_the_length_of_a_cut_recording_is_that_of_what_is_left),
        cmocka_unit_test(test_the_child_reaches_no_network),
        cmocka_unit_test(test_parts_that_cannot_be_read_are_no_fault_of_the_recording),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
