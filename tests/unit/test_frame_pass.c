/* Descriptors over the link: bodies of requests, files of responses, the stash. */
#include "frame_site.h"
#include "link/frame.h"

/* ---- descriptors ---- */

/* A memfd that says who it is. */
static int named(const char *text)
{
    int fd = sys_memfd("named", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static void pass(struct frame_site *s, struct ticket t, const char *text)
{
    int fd = named(text);
    assert_int_equal(sys_send_fds(s->passing[0], &t, sizeof t, &fd, 1, 0), sizeof t);
    (void)close(fd);
}

static struct ticket offer_with_file(struct frame_site *s, uint32_t slot, const char *text)
{
    struct ticket t = offer(s, slot, "vars");
    yard_slot(&s->yard, slot)->body_kind = FRAME_BODY_FD;
    yard_slot(&s->yard, slot)->body_bytes = strlen(text);
    pass(s, t, text);
    return t;
}

static void check_body(struct frame_thread *thread, const char *want)
{
    struct span body;
    char got[32] = "";
    uint64_t bytes = 0;
    int fd = -1;
    assert_int_equal(frame_body(thread, &body, &fd, &bytes), FRAME_BODY_FD);
    assert_int_equal(bytes, strlen(want));
    assert_true(pread(fd, got, sizeof got - 1, 0) >= 0);
    assert_string_equal(got, want);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    (void)close(fd);
}

UNIT_TEST(a_body_comes_by_descriptor)
{
    struct frame_site s;
    unsigned before = open_descriptors();
    site_start(&s, 1, 2);
    struct frame_thread other;
    struct ticket a = offer_with_file(&s, 0, "first"), b = offer_with_file(&s, 1, "second"),
                  c = offer_with_file(&s, 2, "third");
    frame_thread_init(&other, &s.worker, 1);
    send_tickets(&s, 0, &c, 1);
    send_tickets(&s, 0, &a, 1);
    assert_int_equal(frame_take(&s.thread, 0), 0);
    assert_int_equal(frame_take(&other, 0), 0);
    check_body(&s.thread, "third");
    assert_int_equal(s.worker.stashed, 2);
    check_body(&other, "first");
    assert_int_equal(s.worker.stashed, 1);                     /* b's ticket is on its way */
    frame_finish(&other, FRAME_OK);
    send_tickets(&s, 0, &b, 1);
    assert_int_equal(frame_take(&other, 0), 0);
    check_body(&other, "second");
    assert_int_equal(s.worker.stashed, 0);
    site_end(&s);
    assert_int_equal(open_descriptors(), before);
}

UNIT_TEST(stale_descriptors_are_closed)
{
    struct frame_site s;
    site_start(&s, 1, 1);
    struct ticket gone = offer_with_file(&s, 0, "gone");
    assert_true(slot_try(&yard_slot(&s.yard, 0)->word, SLOT_WITHDRAW, 0, 0, NULL));
    (void)offer_with_file(&s, 3, "withdrawn");
    assert_true(slot_try(&yard_slot(&s.yard, 3)->word, SLOT_WITHDRAW, 0, 0, NULL));
    struct ticket early = { 5, slot_unpack(yard_slot(&s.yard, 5)->word).sequence + 1 };
    pass(&s, early, "twice");
    pass(&s, early, "early");                                  /* its offer comes later */
    (void)offer_with_file(&s, 2, "other");
    struct ticket wanted = offer_with_file(&s, 1, "wanted"),
                  again = offer_with_file(&s, 0, "again");
    unsigned before = open_descriptors();
    send_tickets(&s, 0, &gone, 1);
    send_tickets(&s, 0, &wanted, 1);
    assert_int_equal(frame_take(&s.thread, 0), 0);
    check_body(&s.thread, "wanted");
    assert_int_equal(s.worker.stashed, 2);                     /* early and other */
    frame_finish(&s.thread, FRAME_OK);
    send_tickets(&s, 0, &again, 1);
    assert_int_equal(frame_take(&s.thread, 0), 0);
    check_body(&s.thread, "again");
    assert_int_equal(open_descriptors(), before + 2);
    frame_finish(&s.thread, FRAME_OK);
    struct ticket later = offer(&s, 5, "vars");
    yard_slot(&s.yard, 5)->body_kind = FRAME_BODY_FD;
    yard_slot(&s.yard, 5)->body_bytes = 5;
    send_tickets(&s, 0, &later, 1);
    assert_int_equal(frame_take(&s.thread, 0), 0);
    check_body(&s.thread, "early");
    assert_int_equal(open_descriptors(), before + 1);
    site_end(&s);
}

UNIT_TEST(the_stash_has_room_for_every_slot)
{
    struct frame_site s;
    unsigned before = open_descriptors();
    site_start(&s, 1, 1);
    struct ticket tickets[24];
    for (unsigned twice = 0; twice < 2; twice++)            /* what the first round left is stale */
        for (uint32_t i = 0; i < ARRAY_LEN(tickets); i++) {
            (void)slot_try(&yard_slot(&s.yard, i)->word, SLOT_WITHDRAW, 0, 0, NULL);
            tickets[i] = offer_with_file(&s, i, "body");
        }
    send_tickets(&s, 0, &tickets[23], 1);
    assert_int_equal(frame_take(&s.thread, 0), 0);
    check_body(&s.thread, "body");
    assert_int_equal(s.worker.stashed, 23);
    site_end(&s);
    assert_int_equal(open_descriptors(), before);
}

UNIT_TEST(strange_messages_are_skipped)
{
    struct frame_site s;
    int fd = named("x"), two[2] = { fd, fd };
    struct ticket far = { 24, 1 };
    site_start(&s, 1, 1);
    unsigned before = open_descriptors();
    assert_int_equal(sys_send_fds(s.passing[0], "hi", 2, &fd, 1, 0), 2);
    assert_int_equal(sys_send_fds(s.passing[0], "far too long", 12, &fd, 1, 0), 12);
    assert_int_equal(sys_send_fds(s.passing[0], &far, sizeof far, &fd, 1, 0), sizeof far);
    far.slot = 0;
    assert_int_equal(sys_send_fds(s.passing[0], &far, sizeof far, two, 2, 0), sizeof far);
    assert_int_equal(sys_send_fds(s.passing[0], &far, sizeof far, NULL, 0, 0), sizeof far);
    struct ticket t = offer_with_file(&s, 0, "mine");
    send_tickets(&s, 0, &t, 1);
    assert_int_equal(frame_take(&s.thread, 0), 0);
    check_body(&s.thread, "mine");
    assert_int_equal(open_descriptors(), before);
    (void)close(fd);
    site_end(&s);
}

UNIT_TEST(a_file_follows_the_response)
{
    struct frame_site s;
    int fd = named("content"), fds[SYS_FDS_MAX], pipes[2];
    size_t count = 0;
    struct frame_pass pass_;
    site_start(&s, 1, 1);
    struct yard_slot *line = yard_slot(&s.yard, 6);
    take_slot(&s, 6);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(frame_head(&s.thread, 200, SPAN("OK\r\n")), 0);
    assert_int_equal(frame_file(&s.thread, pipes[0], 0, 1), -EINVAL);
    assert_int_equal(line->what, FRAME_HAS_HEAD);
    assert_int_equal(frame_file(&s.thread, fd, 2, 5), 0);
    frame_finish(&s.thread, FRAME_OK);
    assert_int_equal(line->what, FRAME_HAS_HEAD | FRAME_HAS_FILE);
    assert_int_equal(line->file_at, 2);
    assert_int_equal(line->file_bytes, 5);
    assert_int_equal(sys_recv_fds(s.passing[0], &pass_, sizeof pass_, fds, &count, MSG_DONTWAIT),
                     sizeof pass_);
    assert_int_equal(count, 1);
    assert_int_equal(pass_.slot, 6);
    assert_int_equal(pass_.sequence, s.thread.sequence);
    (void)close(fds[0]);
    take_slot(&s, 7);
    int rc = 0;
    for (unsigned i = 0; i < 10000 && rc == 0; i++)          /* nobody receives: it must not hang */
        rc = frame_file(&s.thread, fd, 0, 1);
    assert_int_equal(rc, -EAGAIN);
    (void)close(fd);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    site_end(&s);
}

UNIT_MAIN(a_body_comes_by_descriptor, stale_descriptors_are_closed,
          the_stash_has_room_for_every_slot, strange_messages_are_skipped,
          a_file_follows_the_response)
