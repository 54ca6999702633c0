#include "unit.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/sys.h"
#include "master/notify_send.h"
#include "temp_folder.h"

static int hear_at(const char *name)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    size_t len = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(at.sun_path, name, len);
    if (name[0] == '@')
        at.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (const void *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)), 0);
    return fd;
}

static void tell_and_hear(const char *name)
{
    struct notify_to to;
    char heard[100];
    int fd = hear_at(name);
    assert_int_equal(notify_find(&to, name), 0);
    assert_int_equal(notify_send(&to, SPAN("READY=1\nSTATUS=x\n")), 0);
    assert_int_equal(notify_send(&to, SPAN("WATCHDOG=1\n")), 0);
    assert_int_equal(sys_recv(fd, heard, sizeof heard, 0), 17);
    assert_memory_equal(heard, "READY=1\nSTATUS=x\n", 17);
    assert_int_equal(sys_recv(fd, heard, sizeof heard, 0), 11);
    (void)sys_close(fd);
    assert_int_equal(notify_send(&to, SPAN("READY=1\n")), -ECONNREFUSED);
}

UNIT_TEST(by_a_path)
{
    struct temp_folder t;
    temp_make(&t);
    tell_and_hear(temp_path(&t, "notify"));
    temp_done(&t);
}

UNIT_TEST(by_an_abstract_name)
{
    char name[64];
    (void)snprintf(name, sizeof name, "@slipway-test-notify-%d", (int)getpid());
    tell_and_hear(name);
}

UNIT_TEST(a_manager_that_does_not_read_holds_nobody_up)
{
    struct notify_to to;
    char name[64], heard[100];
    int rc = 0;
    (void)snprintf(name, sizeof name, "@slipway-test-full-%d", (int)getpid());
    int fd = hear_at(name);
    assert_int_equal(notify_find(&to, name), 0);
    for (int i = 0; i < 100000 && rc == 0; i++)
        rc = notify_send(&to, SPAN("WATCHDOG=1\n"));
    assert_int_equal(rc, -EAGAIN);
    assert_int_equal(sys_recv(fd, heard, sizeof heard, 0), 11);
    assert_int_equal(notify_send(&to, SPAN("WATCHDOG=1\n")), 0);
    (void)sys_close(fd);
}

UNIT_TEST(what_is_no_socket_of_ours)
{
    static const struct { const char *name; int rc; } cases[] = {
        { NULL, 0 }, { "", 0 }, { "vsock:2:1234", -EAFNOSUPPORT }, { "relative/notify", -EAFNOSUPPORT },
        { "/", -ENAMETOOLONG }, { "@", -ENAMETOOLONG },
        { "/a23456789a23456789a23456789a23456789a23456789a23456789a23456789a23456789a23456789a23456789a23456789a2345678",
          -ENAMETOOLONG },
    };
    struct notify_to to;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(notify_find(&to, cases[i].name), cases[i].rc);
        assert_int_equal(to.len, 0);
        assert_int_equal(notify_send(&to, SPAN("READY=1\n")), 0);
    }
}

UNIT_MAIN(by_a_path, by_an_abstract_name, a_manager_that_does_not_read_holds_nobody_up,
           what_is_no_socket_of_ours)
