#include <errno.h>
#include <unistd.h>
#include "unit.h"
#include "base/sys.h"
#include "scribe/will.h"

static const struct will_item items[] = {
    { WILL_ACCESS, { "", 0 }, { "a line\nand one\n", 15 } },
    { WILL_SITE, { "/var/log/a b.log", 16 }, { "s 3 /x\nabc", 10 } },
    { WILL_LOG_PART, { "", 0 }, { "half", 4 } },
};

UNIT_TEST(what_is_left_is_found)
{
    struct buf will = { 0 }, read = { 0 };
    struct will_item item;
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        assert_int_equal(will_add(&will, &items[i]), 0);
    assert_int_equal(will_add(&will, &(struct will_item){ .kind = WILL_LOG }), 0);     /* nothing to say */
    int fd = sys_memfd_with("slipway-lines", buf_span(&will));
    assert_true(fd >= 0);
    assert_int_equal(will_read(fd, &read), 0);
    struct span text = buf_span(&read);
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        assert_int_equal(will_next(&text, &item), 1);
        assert_int_equal(item.kind, items[i].kind);
        assert_true(span_eq(item.where, items[i].where));
        assert_true(span_eq(item.bytes, items[i].bytes));
    }
    assert_int_equal(will_next(&text, &item), 0);
    for (size_t cut = 1; cut < buf_len(&read); cut++) {     /* one that is cut is read to where it is */
        struct span part = { buf_span(&read).at, cut };
        int rc = 1;
        while (rc > 0)
            rc = will_next(&part, &item);
        assert_true(rc == 0 || rc == -EBADMSG);
    }
    buf_done(&will);
    buf_done(&read);
    (void)close(fd);
}

UNIT_TEST(what_is_none)
{
    static const char *const texts[] = { "a", "a\n", "a 1\n", "a  \nx", "a 2 \nx", "a -1 \nx", "a1 \nx",
                                         "a 18446744073709551615 \nx", "a 99999999999999999999 \nx" };
    struct will_item item;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct span text = span_of(texts[i]);
        assert_int_equal(will_next(&text, &item), -EBADMSG);
    }
}

UNIT_MAIN(what_is_left_is_found, what_is_none)
