/* hash.c - SipHash-1-3 (Aumasson and Bernstein), one round a word and three at the end: fast, and a
 * stranger who does not know the key cannot choose colliding names. */
#include "base/hash.h"
#include "base/sys.h"

struct state { uint64_t v0, v1, v2, v3; };

static uint64_t own_key[2];               /* written once, by hash_seed() */

void hash_seed(void)
{
    uint64_t drawn[2];
    if (sys_random(drawn, sizeof drawn) == 0)
        memcpy(own_key, drawn, sizeof own_key);
    else                                  /* no getrandom: guessable, but every table still works */
        own_key[0] = (uint64_t)sys_now_us(), own_key[1] = (uint64_t)sys_wall_us();
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(struct state *s)
{
    s->v0 += s->v1, s->v1 = rotate(s->v1, 13) ^ s->v0, s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3, s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3, s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1, s->v1 = rotate(s->v1, 17) ^ s->v2, s->v2 = rotate(s->v2, 32);
}

static void add_word(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

uint64_t hash_keyed(const uint64_t key[2], struct span s)
{
    struct state st = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                        key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
    uint64_t last = (uint64_t)s.len << 56;
    for (; s.len >= 8; s = span_skip(s, 8)) {
        uint64_t word;
        memcpy(&word, s.at, sizeof word);
        add_word(&st, word);
    }
    for (size_t i = 0; i < s.len; i++)
        last |= (uint64_t)(unsigned char)s.at[i] << (8 * i);
    add_word(&st, last);
    st.v2 ^= 0xff;
    sip_round(&st);
    sip_round(&st);
    sip_round(&st);
    return st.v0 ^ st.v1 ^ st.v2 ^ st.v3;
}

uint64_t hash_span(struct span s)
{
    return hash_keyed(own_key, s);
}
