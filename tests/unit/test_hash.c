#include "unit.h"
#include "base/hash.h"
#include "base/sys.h"

/* The key is drawn from here: 00 01 02 ... 0f, the key of the reference vectors. */
int sys_random(void *into, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((unsigned char *)into)[i] = (unsigned char)i;
    return 0;
}

UNIT_TEST(it_is_siphash_1_3)
{
    /* Of the first n bytes of 00 01 02 ..., by OpenSSL's SIPHASH with c-rounds 1 and d-rounds 3. */
    static const struct { size_t n; uint64_t big_endian; } want[] = {
        { 0, 0xDCC40F055801ACAB }, { 1, 0x93CA577DF39BF4C9 },  { 2, 0x4DD4C74D029BCB82 },
        { 7, 0x4011B19B987D92D3 }, { 8, 0x8E9A298D11959036 },  { 9, 0xE43D066CB38EA425 },
        { 15, 0x5699512A6DD820D3 }, { 16, 0x668B907D1ADD4FCC },
    };
    char bytes[16];
    hash_seed();
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(__builtin_bswap64(hash_span((struct span){ bytes, want[i].n })),
                         want[i].big_endian);
}

UNIT_TEST(every_byte_and_the_length_count)
{
    char bytes[40] = { 0 };
    uint64_t seen[80];
    size_t count = 0;
    for (size_t len = 0; len <= sizeof bytes; len++)
        seen[count++] = hash_span((struct span){ bytes, len });
    for (size_t i = 1; i < 39; i++) {
        bytes[i] = 1;
        seen[count++] = hash_span((struct span){ bytes, sizeof bytes });
        bytes[i] = 0;
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(seen[i], seen[j]);
    assert_int_equal(hash_span((struct span){ NULL, 0 }), hash_span(SPAN("")));
}

UNIT_MAIN(it_is_siphash_1_3, every_byte_and_the_length_count)
