/* date.c - the proleptic Gregorian calendar by arithmetic: no time zone, no locale, no lock of the
 * C library's, so a worker's threads and the edge's loop may call it alike.
 */
#include "http/date.h"
#include <errno.h>

enum { DAY_S = 86400, NAME_BYTES = 3, DAYS_OF_400_YEARS = 146097 };

static const int64_t YEAR_0_S = -62167219200, YEAR_9999_END_S = 253402300799;
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const struct span week_days[] = {             /* 1 January 1970 was a Thursday */
    SPAN("Thursday"), SPAN("Friday"), SPAN("Saturday"), SPAN("Sunday"), SPAN("Monday"),
    SPAN("Tuesday"), SPAN("Wednesday"),
};

struct civil {
    int64_t year;
    int month, day;            /* from 1 */
    int hour, minute, second;
};

/* Years begin on 1 March here, so that the leap day is the last of its year; an era is 400 of
 * them. */
static int64_t days_of(const struct civil *c)
{
    int64_t year = c->month <= 2 ? c->year - 1 : c->year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (c->month + (c->month > 2 ? -3 : 9)) + 2) / 5 + c->day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_OF_400_YEARS + day_of_era - 719468;
}

static void set_day(struct civil *c, int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - (DAYS_OF_400_YEARS - 1)) / DAYS_OF_400_YEARS;
    int64_t day_of_era = days - era * DAYS_OF_400_YEARS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;                     /* 0 is March */
    c->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    c->month = (int)(month < 10 ? month + 3 : month - 9);
    c->year = year_of_era + era * 400 + (c->month <= 2);
}

static char *put_number(char *into, int64_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        into[i] = (char)('0' + value % 10);
    return into + digits;
}

static char *put_name(char *into, const char *name)
{
    return mempcpy(into, name, NAME_BYTES);
}

void date_write(char into[DATE_BYTES], int64_t unix_s)
{
    struct civil c;
    if (unix_s < YEAR_0_S)
        unix_s = YEAR_0_S;
    if (unix_s > YEAR_9999_END_S)
        unix_s = YEAR_9999_END_S;
    int64_t second = (unix_s % DAY_S + DAY_S) % DAY_S;
    int64_t days = (unix_s - second) / DAY_S;
    set_day(&c, days);
    char *at = put_name(into, week_days[(days % 7 + 7) % 7].at);
    *at++ = ',';
    *at++ = ' ';
    at = put_number(at, c.day, 2);
    *at++ = ' ';
    at = put_name(at, months + (size_t)(c.month - 1) * NAME_BYTES);
    *at++ = ' ';
    at = put_number(at, c.year, 4);
    *at++ = ' ';
    at = put_number(at, second / 3600, 2);
    *at++ = ':';
    at = put_number(at, second / 60 % 60, 2);
    *at++ = ':';
    at = put_number(at, second % 60, 2);
    memcpy(at, " GMT", 4);
}

/* A format is matched byte by byte.  Small letters are parts: d, y (twice: four digits), h, m, s two
 * digits each of day, year, hour, minute, second; b the same as d, but a blank may stand for the first;
 * o the name of a month.  All else is itself. */
static const struct {
    const char *pattern;
    bool has_long_day;         /* "Sunday" instead of "Sun" */
} formats[] = {
    { ", d o yy h:m:s GMT", false },
    { ", d-o-y h:m:s GMT", true },
    { " o b h:m:s yy", false },
};

static int read_digits(struct span s, bool may_begin_blank, int *value)
{
    if (s.len < 2)
        return -EBADMSG;
    char tens = s.at[0], ones = s.at[1];
    if (tens == ' ' && may_begin_blank)
        tens = '0';
    if (tens < '0' || tens > '9' || ones < '0' || ones > '9')
        return -EBADMSG;
    *value = (tens - '0') * 10 + ones - '0';
    return 0;
}

static int read_month(struct span s, int *month)
{
    if (s.len < NAME_BYTES)
        return -EBADMSG;
    for (int i = 0; i < 12; i++) {
        if (memcmp(s.at, months + i * NAME_BYTES, NAME_BYTES) == 0) {
            *month = i + 1;
            return 0;
        }
    }
    return -EBADMSG;
}

/* One part of a pattern: how many bytes it took, or -EBADMSG. */
static int read_part(struct civil *c, char part, struct span s)
{
    int two = 0;
    if (part == 'o')
        return read_month(s, &c->month) < 0 ? -EBADMSG : NAME_BYTES;
    if (strchr("bdhmsy", part) == NULL)
        return s.len > 0 && s.at[0] == part ? 1 : -EBADMSG;
    if (read_digits(s, part == 'b', &two) < 0)
        return -EBADMSG;
    switch (part) {
    case 'y':
        c->year = c->year * 100 + two;
        break;
    case 'h':
        c->hour = two;
        break;
    case 'm':
        c->minute = two;
        break;
    case 's':
        c->second = two;
        break;
    default:
        c->day = two;
    }
    return 2;
}

static int read_format(struct civil *c, const char *pattern, struct span s)
{
    for (; *pattern != '\0'; pattern++) {
        int took = read_part(c, *pattern, s);
        if (took < 0)
            return took;
        s = span_skip(s, (size_t)took);
    }
    return s.len == 0 ? 0 : -EBADMSG;
}

/* Bytes of the week day's name at the start, or 0. */
static size_t week_day_bytes(struct span s, bool is_long)
{
    for (size_t i = 0; i < ARRAY_LEN(week_days); i++) {
        struct span name = { week_days[i].at, is_long ? week_days[i].len : NAME_BYTES };
        if (span_starts(s, name))
            return name.len;
    }
    return 0;
}

static bool is_real(const struct civil *c)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool is_leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;
    int last = days[c->month - 1] + (c->month == 2 && is_leap);
    return c->day >= 1 && c->day <= last && c->hour <= 23 && c->minute <= 59 && c->second <= 60;
}

static int64_t full_year(int64_t two_digits, int64_t now_s)
{
    struct civil now;
    set_day(&now, now_s / DAY_S);
    int64_t year = now.year - now.year % 100 + two_digits;
    return year > now.year + 50 ? year - 100 : year;
}

int date_read(struct span text, int64_t now_s, int64_t *unix_s)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        struct civil c = { 0 };
        size_t skip = week_day_bytes(text, formats[i].has_long_day);
        if (skip == 0 || read_format(&c, formats[i].pattern, span_skip(text, skip)) < 0)
            continue;
        if (formats[i].has_long_day)
            c.year = full_year(c.year, now_s);
        if (!is_real(&c))
            return -EBADMSG;
        *unix_s = days_of(&c) * DAY_S + c.hour * 3600 + c.minute * 60 + c.second;
        return 0;
    }
    return -EBADMSG;
}
