/* span.h - a run of bytes that somebody else owns.
 *
 * Passed by value, borrowed, never NUL-ended.  {NULL, 0} and any {x, 0} are the empty span.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const char *at;
    size_t len;
};

/* A span over a string literal. */
#define SPAN(literal) ((struct span){ "" literal, sizeof(literal) - 1 })
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

static inline struct span span_of(const char *text)      /* NULL gives the empty span */
{
    return (struct span){ text, text ? strlen(text) : 0 };
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* ASCII letters compare without case; all other bytes exactly. */
bool span_eq_nocase(struct span a, struct span b);

static inline bool span_starts(struct span s, struct span prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.at, prefix.at, prefix.len) == 0);
}

static inline bool span_ends(struct span s, struct span ending)
{
    return s.len >= ending.len &&
           (ending.len == 0 || memcmp(s.at + (s.len - ending.len), ending.at, ending.len) == 0);
}

static inline struct span span_skip(struct span s, size_t bytes)     /* bytes <= s.len */
{
    /* NULL + 0 is undefined */
    return (struct span){ bytes > 0 ? s.at + bytes : s.at, s.len - bytes };
}

/* ... off two runs, one behind the other; bytes <= what both have. */
static inline void span_skip_runs(struct span runs[2], size_t bytes)
{
    size_t of_first = bytes < runs[0].len ? bytes : runs[0].len;
    runs[0] = span_skip(runs[0], of_first);
    runs[1] = span_skip(runs[1], bytes - of_first);
}

/* Moves so many bytes from the front of *rest to *text; false: there are fewer, and nothing changed. */
static inline bool span_take(struct span *rest, size_t bytes, struct span *text)
{
    if (bytes > rest->len)
        return false;
    *text = (struct span){ rest->at, bytes };
    *rest = span_skip(*rest, bytes);
    return true;
}

/* Where `byte` first stands, or s.len when it does not. */
static inline size_t span_find(struct span s, char byte)
{
    const char *hit = s.len > 0 ? memchr(s.at, byte, s.len) : NULL;
    return hit ? (size_t)(hit - s.at) : s.len;
}

/* As memcmp() orders them, a shorter one before what it begins. */
int span_compare(struct span a, struct span b);

/* Without spaces and tabs at both ends (OWS of RFC 9110, section 5.6.3). */
struct span span_trim(struct span s);

/* Decimal digits only, no sign, no blank: 0 and *value, or -EBADMSG (empty, other
 * byte), -ERANGE. */
int span_to_u64(struct span s, uint64_t *value);
