/* trace.c - four parts at fixed places, so it is looked at there and nowhere else. */
#include "http/trace.h"

static const size_t dashes[] = { 2, 2 + 1 + TRACE_ID_BYTES, TRACE_PARENT_BYTES - 3 };

static bool is_hex(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!(s.at[i] >= '0' && s.at[i] <= '9') && !(s.at[i] >= 'a' && s.at[i] <= 'f'))
            return false;
    return true;
}

static bool is_id(struct span s)
{
    bool is_zero = true;
    for (size_t i = 0; i < s.len; i++)
        is_zero &= s.at[i] == '0';
    return is_hex(s) && !is_zero;
}

bool trace_parent_read(struct span text, struct span *trace_id)
{
    if (text.len < TRACE_PARENT_BYTES)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(dashes); i++)
        if (text.at[dashes[i]] != '-')
            return false;
    struct span version = { text.at, 2 }, trace = { text.at + dashes[0] + 1, TRACE_ID_BYTES };
    struct span parent = { text.at + dashes[1] + 1, TRACE_PARENT_ID_BYTES };
    struct span flags = { text.at + dashes[2] + 1, 2 };
    bool has_more = text.len > TRACE_PARENT_BYTES;
    if (!is_hex(version) || span_eq(version, SPAN("ff")) || !is_id(trace) || !is_id(parent) || !is_hex(flags))
        return false;
    if (has_more && (span_eq(version, SPAN("00")) || text.at[TRACE_PARENT_BYTES] != '-'))
        return false;
    *trace_id = trace;
    return true;
}

void trace_hex(const unsigned char *bytes, size_t count, char *into)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        into[2 * i] = digits[bytes[i] >> 4];
        into[2 * i + 1] = digits[bytes[i] & 15];
    }
}

void trace_parent_write(const unsigned char trace[16], const unsigned char parent[8],
                        char into[TRACE_PARENT_BYTES + 1])
{
    memcpy(into, "00-", 3);
    trace_hex(trace, 16, into + dashes[0] + 1);
    into[dashes[1]] = '-';
    trace_hex(parent, 8, into + dashes[1] + 1);
    memcpy(into + dashes[2], "-01", 4);
}
