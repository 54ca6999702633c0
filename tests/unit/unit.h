/* unit.h - cmocka, said shortly: a file of tests is UNIT_TEST(name) { ... } and one
 * UNIT_MAIN(names).
 *
 * A test that UNIT_MAIN forgets does not compile (unused variable).  The process's own time limit
 * is the one of `meson test`; a test that waits for an event uses unit_deadline_ms as its bound.
 */
#pragma once
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <cmocka.h>
#include "base/span.h"

enum { unit_deadline_ms = 10000 };

#define UNIT_TEST(name)                                                                  \
    static void name##_body(void **state);                                               \
    static const struct CMUnitTest name = { #name, name##_body, NULL, NULL, NULL };      \
    static void name##_body(void **state __attribute__((unused)))

#define UNIT_MAIN(...)                                                                   \
    int main(void)                                                                       \
    {                                                                                    \
        const struct CMUnitTest tests[] = { __VA_ARGS__ };                               \
        return cmocka_run_group_tests(tests, NULL, NULL);                                \
    }

/* Fails with both texts shown. */
#define assert_span_equal(got, want)                                                     \
    do {                                                                                 \
        struct span got_ = (got), want_ = (want);                                        \
        if (!span_eq(got_, want_))                                                       \
            fail_msg("%.*s is not %.*s", (int)got_.len, got_.at, (int)want_.len, want_.at); \
    } while (0)
