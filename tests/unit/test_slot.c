/* test_slot.c: the slots of keys, as Redis computes them, and where the key of a command stands. */
#include "unit.h"

#include <hiredis/hiredis.h>

#include "kv_args.h"
#include "slot.h"

static int slot(const char *key)
{
    return slot_of_key(key, strlen(key));
}

/* What CLUSTER KEYSLOT of Redis 7.0 answers. */
static void test_slots_are_those_of_redis(void **state)
{
    (void)state;
    assert_int_equal(slot("123456789"), 0x31C3); /* the check value of CRC16/XMODEM */
    assert_int_equal(slot("foo"), 12182);
    assert_int_equal(slot("bar"), 5061);
    assert_int_equal(slot("hello"), 866);
    assert_int_equal(slot(""), 0);
    assert_int_equal(slot("{c0}"), 10282);
    assert_int_equal(slot("chronos:events"), 849);
    assert_int_equal(slot_of_key("a\0b", 3), 8383);
}

static void test_a_hash_tag_stands_for_its_key(void **state)
{
    (void)state;
    assert_int_equal(slot("{c3}:run:1"), slot("c3"));
    assert_int_equal(slot("{user1000}.following"), slot("{user1000}.followers"));
    assert_int_equal(slot("foo{bar}{zap}"), slot("bar"));
    assert_int_equal(slot("foo{{bar}}zap"), slot("{bar"));
    assert_int_equal(slot("foo{{bar}}zap"), 4015);
    /* an empty tag, or one that is not closed, is none */
    assert_int_equal(slot("foo{}{bar}"), 8363);
    assert_int_equal(slot("foo{bar"), 15278);
    assert_int_equal(slot("foo}bar{"), 11073);
}

static int command_slot(int n, const char **words)
{
    char *bytes;
    size_t lens[32];
    for (int i = 0; i < n; i++)
        lens[i] = strlen(words[i]);
    int len = redisFormatCommandArgv(&bytes, n, words, lens);
    assert_true(len > 0);
    int found = slot_of_command(bytes, (size_t)len);
    redisFreeCommand(bytes);
    return found;
}

#define COMMAND(...)                                                                               \
    command_slot((int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),                    \
                 (const char *[]){__VA_ARGS__})

static void test_the_key_of_a_command_is_found(void **state)
{
    (void)state;
    int foo = slot("foo");
    assert_int_equal(COMMAND("GET", "foo"), foo);
    assert_int_equal(COMMAND("set", "foo", "bar", "NX"), foo);
    assert_int_equal(COMMAND("UNLINK", "foo", "bar"), foo);
    assert_int_equal(COMMAND("XADD", "foo", "*", "STREAMS", "bar"), foo);
    assert_int_equal(COMMAND("XPENDING", "foo", "workers"), foo);
    assert_int_equal(COMMAND("XINFO", "CONSUMERS", "foo", "workers"), foo);
    assert_int_equal(COMMAND("xgroup", "CREATE", "foo", "workers", "0", "MKSTREAM"), foo);
    assert_int_equal(COMMAND("EVALSHA", "0123", "1", "foo", "bar"), foo);
    assert_int_equal(COMMAND("EVALSHA", "0123", "2", "foo", "foo:2", "bar"), foo);
    assert_int_equal(COMMAND("XREAD", "COUNT", "1", "BLOCK", "5", "STREAMS", "foo", "0-0"), foo);
    assert_int_equal(COMMAND("XREADGROUP", "GROUP", "g", "c", "NOACK", "streams", "foo", ">"), foo);
}

static void test_a_command_without_a_key_goes_anywhere(void **state)
{
    (void)state;
    assert_int_equal(COMMAND("PING"), SLOT_ANY);
    assert_int_equal(COMMAND("ping", "foo"), SLOT_ANY);
    assert_int_equal(COMMAND("INFO", "server"), SLOT_ANY);
    assert_int_equal(COMMAND("SCRIPT", "LOAD", "return 1"), SLOT_ANY);
    assert_int_equal(COMMAND("SCAN", "0", "MATCH", "{c0}:*"), SLOT_ANY);
    assert_int_equal(COMMAND("EVALSHA", "0123", "0", "foo"), SLOT_ANY);
    assert_int_equal(COMMAND("GET"), SLOT_ANY);
    assert_int_equal(COMMAND("XREAD", "STREAMS"), SLOT_ANY);
    assert_int_equal(COMMAND("XREAD", "BLOCK", "1"), SLOT_ANY);
}

static void test_any_bytes_may_stand_in_a_command(void **state)
{
    (void)state;
    char *bytes;
    int len = redisFormatCommand(&bytes, "SET %b %b", "\r\n$1\r\n", (size_t)6, "", (size_t)0);
    assert_int_equal(slot_of_command(bytes, (size_t)len), slot("\r\n$1\r\n"));
    /* one that is cut gives no key rather than one beyond its end */
    for (int cut = 0; cut < len; cut++) {
        int found = slot_of_command(bytes, (size_t)cut);
        assert_true(found == SLOT_ANY || found == slot("\r\n$1\r\n"));
    }
    redisFreeCommand(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots_are_those_of_redis),
        cmocka_unit_test(test_a_hash_tag_stands_for_its_key),
        cmocka_unit_test(test_the_key_of_a_command_is_found),
        cmocka_unit_test(test_a_command_without_a_key_goes_anywhere),
        cmocka_unit_test(test_any_bytes_may_stand_in_a_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
