/* conf_value.c - numbers with units: read as people write them, written as people read them. */
#include <errno.h>
#include "conf/conf_private.h"

struct unit {
    struct span name;
    int64_t factor;
};

/* Largest first.  A name matches without case. */
static const struct unit time_units[] = {
    { SPAN("h"), 3600000 }, { SPAN("m"), 60000 }, { SPAN("min"), 60000 },
    { SPAN("s"), 1000 },    { SPAN("ms"), 1 },    { SPAN(""), 1000 }, /* bare numbers are seconds */
};

static const struct unit size_units[] = {
    { SPAN("P"), 1LL << 50 }, { SPAN("T"), 1LL << 40 }, { SPAN("G"), 1LL << 30 },
    { SPAN("M"), 1LL << 20 }, { SPAN("K"), 1LL << 10 }, { SPAN(""), 1 },
};

static const struct { struct span word; bool value; } flag_words[] = {
    { SPAN("yes"), true }, { SPAN("on"), true }, { SPAN("true"), true }, { SPAN("1"), true },
    { SPAN("no"), false }, { SPAN("off"), false }, { SPAN("false"), false }, { SPAN("0"), false },
};

static int parse_flag(struct span text, int64_t *value)
{
    for (size_t i = 0; i < ARRAY_LEN(flag_words); i++) {
        if (span_eq_nocase(text, flag_words[i].word)) {
            *value = flag_words[i].value;
            return 0;
        }
    }
    return -EBADMSG;
}

static int parse_scaled(struct span text, const struct unit *units, size_t count, int64_t *value)
{
    size_t digits = 0;
    uint64_t number;
    while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9')
        digits++;
    int rc = span_to_u64((struct span){ text.at, digits }, &number);
    if (rc < 0)
        return rc;
    struct span unit = span_trim(span_skip(text, digits));
    for (size_t i = 0; i < count; i++)
        if (span_eq_nocase(unit, units[i].name))
            return __builtin_mul_overflow(number, units[i].factor, value) ? -ERANGE : 0;
    return -EBADMSG;
}

/* K, KB and KiB are one thing here: 1024, as in every other server's size options. */
static struct span without_byte_word(struct span text)
{
    static const struct span endings[] = { SPAN("ib"), SPAN("b") };
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        size_t len = endings[i].len;
        if (text.len > len &&
            span_eq_nocase((struct span){ text.at + text.len - len, len }, endings[i]))
            return (struct span){ text.at, text.len - len };
    }
    return text;
}

int conf_parse_number(enum conf_kind kind, struct span text, int64_t *value)
{
    switch (kind) {
    case CONF_KIND_FLAG:
        return parse_flag(text, value);
    case CONF_KIND_COUNT:
        return parse_scaled(text, &size_units[ARRAY_LEN(size_units) - 1], 1, value);
    case CONF_KIND_MS:
        return parse_scaled(text, time_units, ARRAY_LEN(time_units), value);
    case CONF_KIND_BYTES:
        return parse_scaled(without_byte_word(text), size_units, ARRAY_LEN(size_units), value);
    case CONF_KIND_TEXT: case CONF_KIND_LIST:
        break;
    }
    return -EBADMSG;
}

static int add_scaled(const struct unit *units, size_t count, int64_t value, struct buf *out)
{
    size_t i = 0;
    while (i + 1 < count && value % units[i].factor != 0)
        i++;
    return buf_addf(out, "%lld%s", (long long)(value / units[i].factor), units[i].name.at);
}

int conf_number_text(enum conf_kind kind, int64_t value, struct buf *out)
{
    enum {
        MINUTES_FROM_MS = 600000
    }; /* "75s" and "90s" are read more easily than "1m" beside them */
    if (kind == CONF_KIND_FLAG)
        return buf_add(out, value ? SPAN("yes") : SPAN("no"));
    if (kind == CONF_KIND_MS && value == 0)
        return buf_add(out, SPAN("0"));
    if (kind == CONF_KIND_MS && value < MINUTES_FROM_MS)
        return buf_addf(out, value % 1000 == 0 ? "%llds" : "%lldms",
                        (long long)(value % 1000 == 0 ? value / 1000 : value));
    if (kind == CONF_KIND_MS)
        return add_scaled(time_units, ARRAY_LEN(time_units) - 1, value, out);
    if (kind == CONF_KIND_BYTES && value > 0)
        return add_scaled(size_units, ARRAY_LEN(size_units), value, out);
    return buf_addf(out, "%lld", (long long)value);
}
