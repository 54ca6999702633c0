#include "unit.h"
#include "base/sys.h"
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

UNIT_TEST(errors_are_negative_numbers)
{
    struct stat st;
    char byte;
    assert_int_equal(sys_open("/nowhere/at/all", O_RDONLY, 0), -ENOENT);
    assert_int_equal(sys_stat("/nowhere", &st), -ENOENT);
    assert_int_equal(sys_read(-1, &byte, 1), -EBADF);
    assert_int_equal(sys_close(-1), 0);
    assert_int_equal(sys_close(1000000), -EBADF);
}

static void assert_cloexec(int fd)
{
    assert_true(fd >= 0);
    assert_int_equal(sys_fcntl(fd, F_GETFD, 0), FD_CLOEXEC);
    assert_int_equal(sys_close(fd), 0);
}

UNIT_TEST(every_descriptor_closes_on_exec)
{
    int fds[2];
    sigset_t none;
    sigemptyset(&none);
    assert_cloexec(sys_open("/dev/null", O_RDONLY, 0));
    assert_cloexec(sys_open_unlinked("/tmp"));
    assert_cloexec(sys_memfd("test", 0));
    assert_cloexec(sys_socket(AF_UNIX, SOCK_STREAM, 0));
    assert_cloexec(sys_eventfd(0, 0));
    assert_cloexec(sys_signalfd(-1, &none));
    assert_cloexec(sys_epoll_create());
    assert_cloexec(sys_dup_cloexec(2));
    assert_int_equal(sys_pipe(fds, 0), 0);
    assert_cloexec(fds[0]);
    assert_cloexec(fds[1]);
    assert_int_equal(sys_socketpair(SOCK_STREAM, fds), 0);
    assert_cloexec(fds[0]);
    assert_cloexec(fds[1]);
    int beneath = sys_openat2(AT_FDCWD, "/dev/null", O_RDONLY, 0, 0);
    if (beneath != -ENOSYS)
        assert_cloexec(beneath);
}

UNIT_TEST(an_unlinked_file_has_no_name_and_is_private)
{
    struct stat st;
    int fd = sys_open_unlinked("/tmp");
    assert_int_equal(sys_fstat(fd, &st), 0);
    assert_int_equal(st.st_nlink, 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(sys_pwrite(fd, "abc", 3, 2), 3);
    char back[3];
    assert_int_equal(sys_pread(fd, back, 3, 2), 3);
    assert_memory_equal(back, "abc", 3);
    (void)sys_close(fd);
    assert_int_equal(sys_open_unlinked("/nowhere"), -ENOENT);
}

UNIT_TEST(readlink_ends_its_text_or_refuses)
{
    char into[64], path[] = "/tmp/slipway-test-XXXXXX", link[64];
    assert_non_null(mkdtemp(path));
    (void)snprintf(link, sizeof link, "%s/link", path);
    assert_int_equal(symlink("abcd", link), 0);
    memset(into, '#', sizeof into);
    assert_int_equal(sys_readlink(link, into, 5), 4);
    assert_string_equal(into, "abcd");
    assert_int_equal(sys_readlink(link, into, 4), -ENAMETOOLONG);
    assert_int_equal(unlink(link) + rmdir(path), 0);
}

UNIT_TEST(descriptors_travel_beside_bytes)
{
    int ends[2], sent[SYS_FDS_MAX], got[SYS_FDS_MAX];
    char bytes[8];
    size_t count = 99;
    assert_int_equal(sys_socketpair(SOCK_SEQPACKET, ends), 0);
    for (int i = 0; i < SYS_FDS_MAX; i++)
        sent[i] = ends[0];
    assert_int_equal(sys_send_fds(ends[0], "hello", 5, sent, SYS_FDS_MAX, 0), 5);
    assert_int_equal(sys_recv_fds(ends[1], bytes, sizeof bytes, got, &count, 0), 5);
    assert_int_equal(count, SYS_FDS_MAX);
    for (int i = 0; i < SYS_FDS_MAX; i++)
        assert_cloexec(got[i]);
    assert_int_equal(sys_send_fds(ends[0], "x", 1, NULL, 0, 0), 1);
    assert_int_equal(sys_recv_fds(ends[1], bytes, sizeof bytes, got, &count, 0), 1);
    assert_int_equal(count, 0);
    assert_int_equal(sys_send_fds(ends[0], "x", 1, sent, SYS_FDS_MAX + 1, 0), -EINVAL);
    assert_int_equal(sys_recv_fds(ends[1], bytes, sizeof bytes, got, &count, MSG_DONTWAIT), -EAGAIN);
    (void)sys_close(ends[0]);
    assert_int_equal(sys_recv_fds(ends[1], bytes, sizeof bytes, got, &count, 0), 0);
    (void)sys_close(ends[1]);
}

UNIT_TEST(a_message_that_was_cut_leaks_no_descriptor)
{
    int ends[2], got[SYS_FDS_MAX];
    char bytes[2];
    size_t count = 99;
    assert_int_equal(sys_socketpair(SOCK_SEQPACKET, ends), 0);
    int next_fd = sys_dup_cloexec(0);
    (void)sys_close(next_fd);
    assert_int_equal(sys_send_fds(ends[0], "hello", 5, ends, 2, 0), 5);
    assert_int_equal(sys_recv_fds(ends[1], bytes, sizeof bytes, got, &count, 0), -EMSGSIZE);
    assert_int_equal(count, 99);
    int after = sys_dup_cloexec(0);
    assert_int_equal(after, next_fd);
    (void)sys_close(after);
    (void)sys_close(ends[0]);
    (void)sys_close(ends[1]);
}

UNIT_TEST(waits_take_microseconds_and_are_never_short)
{
    struct epoll_event event;
    uint32_t word = 7;
    int ep = sys_epoll_create();
    int64_t before_us = sys_now_us();
    assert_int_equal(sys_epoll_wait(ep, &event, 1, 1500), 0);
    assert_true(sys_now_us() - before_us >= 1500);
    assert_int_equal(sys_epoll_wait(ep, &event, 1, 0), 0);
    before_us = sys_now_us();
    assert_int_equal(sys_futex_wait(&word, 7, 1500), -ETIMEDOUT);
    assert_true(sys_now_us() - before_us >= 1500);
    assert_int_equal(sys_futex_wait(&word, 8, -1), -EAGAIN);
    assert_int_equal(sys_futex_wake(&word, 1), 0);
    (void)sys_close(ep);
}

UNIT_TEST(a_child_is_reaped_with_its_status_and_peak)
{
    int status;
    int64_t peak_kib = 0;
    pid_t pid = sys_fork();
    if (pid == 0)
        sys_exit(3);
    assert_int_equal(sys_waitpid(pid, &status, 0, &peak_kib), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    assert_true(peak_kib > 0);
    assert_int_equal(sys_waitpid(pid, &status, 0, NULL), -ECHILD);
}

UNIT_TEST(a_pidfd_signals_its_process_only)
{
    int status;
    pid_t pid = sys_fork();
    if (pid == 0)
        for (;;)
            (void)sys_poll(NULL, 0, -1);
    int pidfd = sys_pidfd_open(pid);
    assert_true(pidfd >= 0);
    assert_int_equal(sys_pidfd_send_signal(pidfd, SIGKILL), 0);
    assert_int_equal(sys_waitpid(pid, &status, 0, NULL), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(sys_pidfd_send_signal(pidfd, SIGKILL), -ESRCH);
    (void)sys_close(pidfd);
}

UNIT_TEST(the_name_is_the_title)
{
    char title[16];
    sys_process_name("edge 1");
    assert_int_equal(sys_prctl(PR_GET_NAME, (unsigned long)title), 0);
    assert_string_equal(title, "slipway: edge 1");
    sys_process_name("a longer one than fits");
    assert_int_equal(sys_prctl(PR_GET_NAME, (unsigned long)title), 0);
    assert_string_equal(title, "slipway: a long");
}

UNIT_TEST(random_bytes_differ)
{
    char a[600] = { 0 }, b[600] = { 0 };              /* more than one getrandom gives at once */
    assert_int_equal(sys_random(a, sizeof a), 0);
    assert_int_equal(sys_random(b, sizeof b), 0);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a + 300, b + 300, 300);
}

UNIT_MAIN(errors_are_negative_numbers, every_descriptor_closes_on_exec,
          an_unlinked_file_has_no_name_and_is_private, readlink_ends_its_text_or_refuses,
          descriptors_travel_beside_bytes, a_message_that_was_cut_leaks_no_descriptor,
          waits_take_microseconds_and_are_never_short, a_child_is_reaped_with_its_status_and_peak,
          a_pidfd_signals_its_process_only, the_name_is_the_title, random_bytes_differ)
