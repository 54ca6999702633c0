/* One message with text and descriptors, and what is not one of ours. */
#include "unit.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/sys.h"
#include "link/channel.h"

static char text[CHANNEL_TEXT_MAX];
static int fds[SYS_FDS_MAX];
static size_t count;
static struct channel_msg got;

static void open_pair(int ends[2])
{
    assert_int_equal(sys_socketpair(SOCK_SEQPACKET | SOCK_NONBLOCK, ends), 0);
    count = 99;
    memset(&got, 0x5a, sizeof got);
}

static void close_pair(const int ends[2])
{
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static unsigned open_descriptors(void)
{
    unsigned open_count = 0;
    for (int fd = 0; fd < 256; fd++)
        open_count += fcntl(fd, F_GETFD) >= 0;
    return open_count;
}

UNIT_TEST(a_message_arrives_whole)
{
    struct channel_msg msg = { .kind = CHANNEL_WORKER, .generation = 3, .worker = 2, .edge = 1,
                               .pid = -7, .text_bytes = 4711, .a = UINT64_MAX, .b = 1 };
    int ends[2], pipes[2], before = (int)open_descriptors();
    open_pair(ends);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(channel_send(ends[0], &msg, SPAN("{\"a\": 1}"), pipes, 2), 0);
    assert_int_equal(channel_recv(ends[1], &got, text, fds, &count), 1);
    msg.text_bytes = 8;
    assert_memory_equal(&got, &msg, sizeof msg);
    assert_memory_equal(text, "{\"a\": 1}", 8);
    assert_int_equal(count, 2);
    assert_int_equal(write(fds[1], "x", 1), 1);                /* the pipe it was sent from */
    assert_int_equal(read(pipes[0], text, 1), 1);
    for (size_t i = 0; i < count; i++) {
        assert_true((fcntl(fds[i], F_GETFD) & FD_CLOEXEC) != 0);
        (void)close(fds[i]);
    }
    close_pair(pipes);
    close_pair(ends);
    assert_int_equal((int)open_descriptors(), before);
}

UNIT_TEST(the_longest_text_and_one_more)
{
    static char longest[CHANNEL_TEXT_MAX + 1];
    struct channel_msg msg = { .kind = CHANNEL_STATS };
    int ends[2];
    open_pair(ends);
    memset(longest, 'x', sizeof longest);
    struct span all = { longest, CHANNEL_TEXT_MAX }, more = { longest, sizeof longest };
    assert_int_equal(channel_send(ends[0], &msg, more, NULL, 0), -EMSGSIZE);
    assert_int_equal(channel_send(ends[0], &msg, all, NULL, 0), 0);
    assert_int_equal(channel_recv(ends[1], &got, text, fds, &count), 1);
    assert_int_equal(got.text_bytes, CHANNEL_TEXT_MAX);
    assert_memory_equal(text, longest, CHANNEL_TEXT_MAX);
    assert_int_equal(count, 0);
    close_pair(ends);
}

UNIT_TEST(as_many_descriptors_as_fit)
{
    struct channel_msg msg = { .kind = CHANNEL_GENERATION };
    int ends[2], same[SYS_FDS_MAX + 1], before = (int)open_descriptors();
    open_pair(ends);
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        same[i] = ends[0];
    assert_int_equal(channel_send(ends[0], &msg, SPAN(""), same, SYS_FDS_MAX + 1), -EINVAL);
    assert_int_equal(channel_send(ends[0], &msg, SPAN(""), same, SYS_FDS_MAX), 0);
    assert_int_equal(channel_recv(ends[1], &got, text, fds, &count), 1);
    assert_int_equal(count, SYS_FDS_MAX);
    while (count > 0)
        (void)close(fds[--count]);
    close_pair(ends);
    assert_int_equal((int)open_descriptors(), before);
}

UNIT_TEST(nothing_now_and_the_end)
{
    struct channel_msg msg = { .kind = CHANNEL_DRAIN };
    int ends[2], rc = 0;
    open_pair(ends);
    assert_int_equal(channel_recv(ends[1], &got, text, fds, &count), -EAGAIN);
    for (unsigned i = 0; i < 100000 && rc == 0; i++)           /* nobody receives */
        rc = channel_send(ends[0], &msg, SPAN("some text"), NULL, 0);
    assert_int_equal(rc, -EAGAIN);
    (void)close(ends[0]);
    while ((rc = channel_recv(ends[1], &got, text, fds, &count)) == 1)
        assert_int_equal(got.kind, CHANNEL_DRAIN);
    assert_int_equal(rc, 0);
    assert_int_equal(channel_send(ends[1], &msg, SPAN(""), NULL, 0), -EPIPE);
    (void)close(ends[1]);
}

UNIT_TEST(what_is_no_message_is_refused)
{
    struct channel_msg msg = { .kind = CHANNEL_KINDS - 1, .text_bytes = 3 };
    struct { struct channel_msg msg; char text[4]; } sent = { msg, "abc" };
    const struct { const char *why; uint32_t kind, text_bytes; size_t bytes; int got; } cases[] = {
        { "right",               CHANNEL_KINDS - 1, 3,          sizeof msg + 3, 1 },
        { "no text, none said",  CHANNEL_KINDS - 1, 0,          sizeof msg,     1 },
        { "unknown kind",        CHANNEL_KINDS,     3,          sizeof msg + 3, -EBADMSG },
        { "no kind",             UINT32_MAX,        3,          sizeof msg + 3, -EBADMSG },
        { "less text than said", CHANNEL_KINDS - 1, 3,          sizeof msg + 2, -EBADMSG },
        { "more text than said", CHANNEL_KINDS - 1, 2,          sizeof msg + 3, -EBADMSG },
        { "a wrapped length",    CHANNEL_KINDS - 1, UINT32_MAX, sizeof msg + 3, -EBADMSG },
        { "half a head",         CHANNEL_KINDS - 1, 0,          sizeof msg - 1, -EBADMSG },
        { "one byte",            CHANNEL_KINDS - 1, 0,          1,              -EBADMSG },
    };
    int ends[2], before = (int)open_descriptors();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        open_pair(ends);
        sent.msg.kind = cases[i].kind;
        sent.msg.text_bytes = cases[i].text_bytes;
        assert_true(sys_send_fds(ends[0], &sent, cases[i].bytes, ends, 2, 0) > 0);
        if (channel_recv(ends[1], &got, text, fds, &count) != cases[i].got)
            fail_msg("%s", cases[i].why);
        if (cases[i].got != 1 && (count != 99 || got.kind != 0x5a5a5a5a))
            fail_msg("%s: something was written", cases[i].why);
        for (size_t j = 0; cases[i].got == 1 && j < count; j++)
            (void)close(fds[j]);
        close_pair(ends);
        if ((int)open_descriptors() != before)
            fail_msg("%s: a descriptor is left open", cases[i].why);
    }
}

UNIT_TEST(a_message_too_long_is_refused)
{
    static char longest[sizeof(struct channel_msg) + CHANNEL_TEXT_MAX + 1];
    int ends[2], before = (int)open_descriptors();
    open_pair(ends);
    assert_int_equal(sys_send_fds(ends[0], longest, sizeof longest, ends, 1, 0), sizeof longest);
    assert_int_equal(channel_recv(ends[1], &got, text, fds, &count), -EBADMSG);
    close_pair(ends);
    assert_int_equal((int)open_descriptors(), before);
    assert_int_equal(channel_recv(-1, &got, text, fds, &count), -EBADF);
}

UNIT_MAIN(a_message_arrives_whole, the_longest_text_and_one_more, as_many_descriptors_as_fit,
          nothing_now_and_the_end, what_is_no_message_is_refused, a_message_too_long_is_refused)
