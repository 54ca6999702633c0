#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "unit.h"
#include "no_memory.h"
#include "scribe/site_logs.h"
#include "temp_folder.h"

static struct place *find(const struct site_logs *l, const char *text, struct span *rest)
{
    struct span site;
    *rest = span_of(text);
    return site_logs_find(l, rest, &site);
}

UNIT_TEST(lines_go_to_the_file_of_their_site)
{
    struct temp_folder t;
    struct site_logs l = { 0 };
    struct span rest;
    char text[8300];
    temp_make(&t);
    snprintf(text, sizeof text, "7 %s", temp_path(&t, "seven.log"));
    assert_int_equal(site_logs_add(&l, span_of(text)), 0);
    assert_int_equal(site_logs_add(&l, span_of(text)), 0);
    struct place *seven = find(&l, "\x01" "7 a line", &rest);
    assert_non_null(seven);
    assert_true(span_eq(rest, SPAN("a line")));
    place_access(seven, rest, SPAN(""));
    site_logs_remove(&l, SPAN("7"));
    assert_int_equal(access(temp_path(&t, "seven.log"), R_OK), 0);
    assert_null(find(&l, "\x01" "7 a line", &rest));
    site_logs_done(&l);
    temp_done(&t);
}

/* An edge says the number: what nobody named goes to the log of all, without its mark. */
UNIT_TEST(no_other_file_is_written)
{
    struct site_logs l = { 0 };
    struct span rest;
    static const char *const lines[] = { "a line", "", "\x01", "\x01 x", "\x01/etc/passwd x", "\x01-1 x",
                                         "\x01" "99999999999999999999 x", "\x01" "8 x", "\x01" "8" };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_null(find(&l, lines[i], &rest));
    assert_null(find(&l, "\x01" "8 x", &rest));
    assert_true(span_eq(rest, SPAN("x")));
    assert_int_equal(site_logs_add(&l, SPAN("x /a")), -EBADMSG);
    assert_int_equal(site_logs_add(&l, SPAN("7")), -EBADMSG);
    assert_int_equal(site_logs_add(&l, SPAN("")), -EBADMSG);
    heap_left = 0;
    assert_int_equal(site_logs_add(&l, SPAN("7 /tmp/none")), -ENOMEM);
    heap_left = UINT32_MAX;
    site_logs_remove(&l, SPAN("nonsense"));
    site_logs_done(&l);
}

UNIT_MAIN(lines_go_to_the_file_of_their_site, no_other_file_is_written)
