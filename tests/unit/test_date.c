#include "unit.h"
#include <time.h>
#include "http/date.h"

static const int64_t now_s = 1763967600;        /* 24 Nov 2025 */

static const struct {
    const char *why, *text;
    int64_t want;
} cases[] = {        /* INT64_MIN: refused */
    { "IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
    { "RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
    { "asctime", "Sun Nov  6 08:49:37 1994", 784111777 },
    { "asctime with two digits of day", "Wed Nov 16 08:49:37 1994", 784975777 },
    { "the beginning", "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
    { "before it", "Wed, 31 Dec 1969 23:59:59 GMT", -1 },
    { "a leap day", "Thu, 29 Feb 2024 00:00:00 GMT", 1709164800 },
    { "a leap day of a century", "Tue, 29 Feb 2000 12:00:00 GMT", 951825600 },
    { "a leap second", "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 },
    { "the first second", "Sat, 01 Jan 0000 00:00:00 GMT", -62167219200 },
    { "the last second", "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
    { "two digits, 50 years ahead", "Monday, 24-Nov-75 00:00:00 GMT", 3341779200 },
    { "two digits, 51 years ahead", "Wednesday, 24-Nov-76 00:00:00 GMT", 217641600 },
    { "a wrong week day is not looked at", "Mon, 06 Nov 1994 08:49:37 GMT", 784111777 },
    { "no leap day", "Wed, 29 Feb 2023 00:00:00 GMT", INT64_MIN },
    { "no leap day of a century", "Thu, 29 Feb 2100 00:00:00 GMT", INT64_MIN },
    { "31 April", "Tue, 31 Apr 2024 00:00:00 GMT", INT64_MIN },
    { "day 0", "Tue, 00 Apr 2024 00:00:00 GMT", INT64_MIN },
    { "hour 24", "Tue, 01 Apr 2024 24:00:00 GMT", INT64_MIN },
    { "minute 60", "Tue, 01 Apr 2024 00:60:00 GMT", INT64_MIN },
    { "second 61", "Tue, 01 Apr 2024 00:00:61 GMT", INT64_MIN },
    { "another zone", "Sun, 06 Nov 1994 08:49:37 CET", INT64_MIN },
    { "UTC is not the word", "Sun, 06 Nov 1994 08:49:37 UTC", INT64_MIN },
    { "lower case", "sun, 06 nov 1994 08:49:37 gmt", INT64_MIN },
    { "no week day", "06 Nov 1994 08:49:37 GMT", INT64_MIN },
    { "an unknown week day", "Foo, 06 Nov 1994 08:49:37 GMT", INT64_MIN },
    { "an unknown month", "Sun, 06 Foo 1994 08:49:37 GMT", INT64_MIN },
    { "one digit of day", "Sun, 6 Nov 1994 08:49:37 GMT", INT64_MIN },
    { "a blank for the first digit", "Sun,  6 Nov 1994 08:49:37 GMT", INT64_MIN },
    { "a blank for the hour", "Sun Nov  6  8:49:37 1994", INT64_MIN },
    { "a sign", "Sun, 06 Nov 1994 -8:49:37 GMT", INT64_MIN },
    { "letters in the year", "Sun, 06 Nov 19x4 08:49:37 GMT", INT64_MIN },
    { "five digits of year", "Sun, 06 Nov 19940 08:49:37 GMT", INT64_MIN },
    { "something after it", "Sun, 06 Nov 1994 08:49:37 GMT ", INT64_MIN },
    { "RFC 850 with a short day", "Sun, 06-Nov-94 08:49:37 GMT", INT64_MIN },
    { "a number", "784111777", INT64_MIN },
    { "nothing", "", INT64_MIN },
};

UNIT_TEST(every_case)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t got = INT64_MIN;
        int rc = date_read(span_of(cases[i].text), now_s, &got);
        if (got != cases[i].want || rc != (got == INT64_MIN ? -EBADMSG : 0))
            fail_msg("%s: %d, %lld", cases[i].why, rc, (long long)got);
    }
}

UNIT_TEST(no_month_is_a_day_too_long)
{
    static const struct { const char *name; int days; } months_of[] = {
        { "Jan", 31 }, { "Feb", 28 }, { "Mar", 31 }, { "Apr", 30 }, { "May", 31 }, { "Jun", 30 },
        { "Jul", 31 }, { "Aug", 31 }, { "Sep", 30 }, { "Oct", 31 }, { "Nov", 30 }, { "Dec", 31 },
    };
    for (size_t i = 0; i < ARRAY_LEN(months_of); i++) {
        for (int day = 0; day <= 99; day++) {
            char text[64];
            int64_t got;
            snprintf(text, sizeof(text), "Sun, %02d %s 2023 00:00:00 GMT", day, months_of[i].name);
            bool is_real = day >= 1 && day <= months_of[i].days;
            if ((date_read(span_of(text), now_s, &got) == 0) != is_real)
                fail_msg("%s", text);
        }
    }
}

UNIT_TEST(a_date_cut_short_is_none)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t len = 0; len < strlen(cases[i].text); len++) {
            char *piece = memcpy(malloc(len + 1), cases[i].text, len);
            int64_t got = 7;
            piece = realloc(piece, len > 0 ? len : 1);
            int rc = date_read((struct span){ piece, len }, now_s, &got);
            bool is_whole = strcmp(cases[i].why, "something after it") == 0 && len == DATE_BYTES;
            assert_int_equal(rc, is_whole ? 0 : -EBADMSG);
            assert_true(is_whole || got == 7);
            free(piece);
        }
    }
}

static void write_like_libc(char *text, int64_t unix_s)
{
    struct tm tm;
    time_t t = (time_t)unix_s;
    gmtime_r(&t, &tm);
    strftime(text, DATE_BYTES + 1, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

UNIT_TEST(the_calendar_agrees_with_libc_and_with_itself)
{
    /* A step of 40 days less a bit meets every month, week day, hour and second; 1000 to 9999
     * because libc writes earlier years with fewer digits. */
    for (int64_t s = -30610224000; s <= 253402300799; s += 40 * 86400 - 12347) {
        char text[DATE_BYTES + 1] = "", want[DATE_BYTES + 1];
        int64_t back = 0;
        date_write(text, s);
        write_like_libc(want, s);
        assert_string_equal(text, want);
        assert_int_equal(date_read((struct span){ text, DATE_BYTES }, now_s, &back), 0);
        assert_true(back == s);
    }
}

UNIT_TEST(seconds_beyond_the_calendar_are_moved_to_its_ends)
{
    char *text = malloc(DATE_BYTES);               /* own block: overruns are caught */
    date_write(text, INT64_MAX);
    assert_memory_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT", DATE_BYTES);
    date_write(text, INT64_MIN);
    assert_memory_equal(text, "Sat, 01 Jan 0000 00:00:00 GMT", DATE_BYTES);
    free(text);
}

UNIT_MAIN(every_case, no_month_is_a_day_too_long, a_date_cut_short_is_none,
          the_calendar_agrees_with_libc_and_with_itself,
          seconds_beyond_the_calendar_are_moved_to_its_ends)
