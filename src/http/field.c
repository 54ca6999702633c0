/* field.c - names by a table of their lengths, bytes by a table of what they may be in.
 *
 * Both readers of foreign text run over every byte of every head, so they are kept to a few
 * instructions a byte: a token is looked up byte by byte (names are short), text is compared
 * sixteen and eight bytes at a time.  Byte by byte a browser's head of 618 bytes takes a third
 * longer to read.  A tab just ends the fast part.
 */
#include "http/field.h"
#include <endian.h>
#include <errno.h>

enum { NAME_BYTES_MAX = 19, SAME_LENGTH_MAX = 5 };

/* Rows by the length of the name; within a row the first letters differ or are compared whole. */
static const struct known {
    char name[24];            /* lower case */
    enum field_id id;
} known[NAME_BYTES_MAX + 1][SAME_LENGTH_MAX] = {
    [2] = { { "te", FIELD_TE } },
    [4] = { { "host", FIELD_HOST }, { "date", FIELD_DATE }, { "etag", FIELD_ETAG },
            { "vary", FIELD_VARY } },
    [5] = { { "range", FIELD_RANGE }, { "allow", FIELD_ALLOW }, { "proxy", FIELD_PROXY } },
    [6] = { { "cookie", FIELD_COOKIE }, { "expect", FIELD_EXPECT }, { "server", FIELD_SERVER } },
    [7] = { { "referer", FIELD_REFERER }, { "upgrade", FIELD_UPGRADE },
            { "trailer", FIELD_TRAILER } },
    [8] = { { "if-match", FIELD_IF_MATCH }, { "if-range", FIELD_IF_RANGE },
            { "location", FIELD_LOCATION } },
    [9] = { { "x-real-ip", FIELD_X_REAL_IP }, { "forwarded", FIELD_FORWARDED } },
    [10] = { { "user-agent", FIELD_USER_AGENT }, { "connection", FIELD_CONNECTION },
             { "keep-alive", FIELD_KEEP_ALIVE }, { "x-sendfile", FIELD_X_SENDFILE } },
    [11] = { { "traceparent", FIELD_TRACEPARENT } },
    [12] = { { "content-type", FIELD_CONTENT_TYPE }, { "x-request-id", FIELD_X_REQUEST_ID } },
    [13] = { { "cache-control", FIELD_CACHE_CONTROL }, { "if-none-match", FIELD_IF_NONE_MATCH },
             { "authorization", FIELD_AUTHORIZATION }, { "last-modified", FIELD_LAST_MODIFIED } },
    [14] = { { "content-length", FIELD_CONTENT_LENGTH } },
    [15] = { { "accept-encoding", FIELD_ACCEPT_ENCODING },
             { "x-forwarded-for", FIELD_X_FORWARDED_FOR } },
    [16] = { { "content-encoding", FIELD_CONTENT_ENCODING },
             { "x-forwarded-host", FIELD_X_FORWARDED_HOST },
             { "x-forwarded-port", FIELD_X_FORWARDED_PORT },
             { "proxy-connection", FIELD_PROXY_CONNECTION },
             { "x-accel-redirect", FIELD_X_ACCEL_REDIRECT } },
    [17] = { { "if-modified-since", FIELD_IF_MODIFIED_SINCE },
             { "x-forwarded-proto", FIELD_X_FORWARDED_PROTO },
             { "transfer-encoding", FIELD_TRANSFER_ENCODING },
             { "x-accel-buffering", FIELD_X_ACCEL_BUFFERING } },
    [18] = { { "proxy-authenticate", FIELD_PROXY_AUTHENTICATE } },
    [19] = { { "if-unmodified-since", FIELD_IF_UNMODIFIED_SINCE },
             { "proxy-authorization", FIELD_PROXY_AUTHORIZATION } },
};

/* tchar of RFC 9110, section 5.6.2. */
static const bool is_token[256] = {
    ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1,
    ['8'] = 1, ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1,
    ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1,
    ['O'] = 1, ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1,
    ['W'] = 1, ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1,
    ['e'] = 1, ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1,
    ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1,
    ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1, ['!'] = 1, ['#'] = 1,
    ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,
    ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1,
};

static const uint64_t EACH = 0x0101010101010101;         /* one in each byte of a word */

static uint64_t load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return le64toh(word);
}

static inline bool is_text(unsigned char byte)
{
    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

/* Sixteen bytes at once, in the compiler's own vectors; false also for a tab. */
static inline bool is_plain_block(const char *at)
{
    typedef unsigned char block __attribute__((vector_size(16)));
    typedef uint64_t halves __attribute__((vector_size(16)));
    block bytes;
    memcpy(&bytes, at, sizeof(bytes));
    halves hits = (halves)((bytes < 0x20) | (bytes == 0x7f));
    return (hits[0] | hits[1]) == 0;
}

/* Eight at once, for the ends of lines: the upper bit is set in each byte below 0x20 or 0x7f, and
 * perhaps in one after such. */
static inline bool is_plain_word(const char *at)
{
    uint64_t word = load(at), del = word ^ (EACH * 0x7f);
    return ((((word - EACH * 0x20) & ~word) | ((del - EACH) & ~del)) & (EACH * 0x80)) == 0;
}

size_t field_text_bytes(struct span s)
{
    size_t pos = 0;
    while (s.len - pos >= 16 && is_plain_block(s.at + pos))
        pos += 16;
    if (s.len - pos >= 8 && is_plain_word(s.at + pos))
        pos += 8;
    while (pos < s.len && is_text((unsigned char)s.at[pos]))
        pos++;
    return pos;
}

size_t field_token_bytes(struct span s)
{
    size_t pos = 0;
    while (pos < s.len && is_token[(unsigned char)s.at[pos]])
        pos++;
    return pos;
}

bool field_name_is_valid(struct span name)
{
    return name.len > 0 && field_token_bytes(name) == name.len;
}

bool field_value_is_valid(struct span value)
{
    return field_text_bytes(value) == value.len;
}

/* Lower-case `row` against bytes of any case: only where the row has a letter may bit 0x20 differ.
 */
static bool is_same_word(uint64_t given, uint64_t row)
{
    uint64_t letters = row & (EACH * 0x40);
    return ((given ^ row) & ~(letters >> 1)) == 0;
}

static bool is_same_name(const char *given, const char *row, size_t len)
{
    if (len >= sizeof(uint64_t)) {
        for (size_t pos = 0; pos + sizeof(uint64_t) < len; pos += sizeof(uint64_t))
            if (!is_same_word(load(given + pos), load(row + pos)))
                return false;
        size_t last = len - sizeof(uint64_t);
        return is_same_word(load(given + last), load(row + last));
    }
    for (size_t pos = 0; pos < len; pos++)
        if (!is_same_word((unsigned char)given[pos], (unsigned char)row[pos]))
            return false;
    return true;
}

static enum field_id unknown_id(struct span name)
{
    return span_find(name, '_') < name.len ? FIELD_UNDERSCORED : FIELD_OTHER;
}

enum field_id field_id_of(struct span name)
{
    if (name.len == 0 || name.len > NAME_BYTES_MAX)
        return unknown_id(name);
    const struct known *row = known[name.len];
    for (size_t i = 0; i < SAME_LENGTH_MAX && row[i].id != FIELD_OTHER; i++)
        if ((name.at[0] | 0x20) == row[i].name[0] && is_same_name(name.at, row[i].name, name.len))
            return row[i].id;
    return unknown_id(name);
}

bool field_is_hop_by_hop(enum field_id id)
{
    static const uint64_t mask = 1ull << FIELD_CONNECTION | 1ull << FIELD_KEEP_ALIVE |
        1ull << FIELD_PROXY_AUTHENTICATE | 1ull << FIELD_PROXY_AUTHORIZATION |
        1ull << FIELD_PROXY_CONNECTION | 1ull << FIELD_TE | 1ull << FIELD_TRAILER |
        1ull << FIELD_TRANSFER_ENCODING | 1ull << FIELD_UPGRADE;
    return mask >> id & 1;
}
_Static_assert(FIELD_COUNT <= 64, "sets of field_id are kept in 64 bits");

int field_split(struct span line, struct field *f)
{
    size_t name_bytes = field_token_bytes(line);
    if (name_bytes == 0 || name_bytes == line.len || line.at[name_bytes] != ':')
        return -EBADMSG;
    const char *from = line.at + name_bytes + 1, *end = line.at + line.len;
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    while (end > from && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    f->name = (struct span){ line.at, name_bytes };
    f->value = (struct span){ from, (size_t)(end - from) };
    f->id = field_id_of(f->name);
    return 0;
}

struct field *field_array_grow(struct field *fields, size_t count, struct arena *arena)
{
    size_t room = count > 0 ? count * 2 : FIELD_ARRAY_FIRST;
    struct field *larger = arena_alloc(arena, room * sizeof(*larger));
    if (larger != NULL && count > 0)
        memcpy(larger, fields, count * sizeof(*larger));
    return larger;
}

bool field_list_next(struct span *list, struct span *element)
{
    if (list->len == 0)
        return false;
    size_t comma = span_find(*list, ',');
    *element = span_trim((struct span){ list->at, comma });
    *list = span_skip(*list, comma < list->len ? comma + 1 : comma);
    return true;
}

bool field_list_has(struct span list, struct span token)
{
    struct span element;
    while (field_list_next(&list, &element))
        if (span_eq_nocase(element, token))
            return true;
    return false;
}
