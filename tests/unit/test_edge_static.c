/* test_edge_static.c - static files that are cold, cannot be opened, or whose roots are replaced. */
#include <linux/openat2.h>
#include "edge/h1.h"
#include "edge_stage.h"
#include "serve/files_private.h"

static int cold_error, warm_error;         /* of openat2 with and without RESOLVE_CACHED; 0: works */
static unsigned opens_left = UINT32_MAX;   /* then both work */

int sys_openat2(int dir_fd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
    (void)mode;
    int error = resolve & RESOLVE_CACHED ? cold_error : warm_error;
    if (error < 0 && opens_left > 0) {
        opens_left--;
        return error;
    }
    int fd = openat(dir_fd, path, (int)flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static char one[4096], other[4096];
static bool is_written_meanwhile;          /* a.txt, whenever somebody has read some of it */

int64_t sys_wall_us(void)                  /* later: what is made here was not changed just now */
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (now.tv_sec + 10) * 1000000 + now.tv_nsec / 1000;
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[8192];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* Never shorter than it was: a response that is under way is whole. */
static void write_in_place(void)
{
    char path[8192];
    snprintf(path, sizeof path, "%s/a.txt", one);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "others\n", 7, 0), 7);
    close(fd);
}

ssize_t sys_pread(int fd, void *into, size_t bytes, off_t at)
{
    ssize_t got = pread(fd, into, bytes, at);
    if (is_written_meanwhile)
        write_in_place();
    return got < 0 ? -errno : got;
}

/* Beside it: two functions of one file find each other without a linker. */
int sys_pread_all(int fd, void *into, size_t bytes, off_t at)
{
    ssize_t got = sys_pread(fd, into, bytes, at);
    return got == (ssize_t)bytes ? 0 : got < 0 ? (int)got : -EIO;
}

static void set_roots(const char *folder)
{
    json_t *roots = json_pack("[{ss ss}]", "url", "/s/", "root", folder);
    assert_int_equal(files_set_roots(stage.edge->serve.files, roots, NULL, 0), 0);
    json_decref(roots);
}

static void open_all(void)
{
    stage_open();
    stage.answer = answer_ok;
    opens_left = UINT32_MAX;
    cold_error = warm_error = 0;
    snprintf(one, sizeof one, "%s/one-XXXXXX", "/tmp");
    snprintf(other, sizeof other, "%s/other-XXXXXX", "/tmp");
    assert_non_null(mkdtemp(one));
    assert_non_null(mkdtemp(other));
    put(one, "a.txt", "first\n");
    put(other, "a.txt", "second\n");
    set_roots(one);
}

static void close_all(int peer)
{
    close(peer);
    stage_close();
    for (int i = 0; i < 2; i++) {
        char path[8192];
        snprintf(path, sizeof path, "%s/a.txt", i ? other : one);
        unlink(path);
        rmdir(i ? other : one);
    }
}

/* Until an answer came, which may need helpers. */
static const char *ask(int peer, const char *request)
{
    static char got[8192];
    say(peer, request);
    ssize_t n = hear_some(peer, got, sizeof got - 1);
    settle();
    ssize_t more = n > 0 ? read(peer, got + n, sizeof got - 1 - (size_t)n) : 0;
    got[n < 0 ? 0 : n + (more > 0 ? more : 0)] = '\0';
    return got;
}

UNIT_TEST(a_cold_file)
{
    int peer;
    open_all();
    cold_error = -EAGAIN;
    client_open(&peer);
    assert_non_null(strstr(ask(peer, "GET /s/a.txt HTTP/1.1\r\nHost: a\r\n\r\n"), "\r\n\r\nfirst\n"));
    assert_int_equal(stage.asked, 0);
    close_all(peer);
}

UNIT_TEST(a_cold_miss_with_a_body_is_the_applications)
{
    int peer;
    open_all();
    cold_error = -EAGAIN;
    client_open(&peer);
    const char *got = ask(peer, "GET /s/none HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    assert_non_null(strstr(got, "\r\n\r\nok\n"));
    assert_int_equal(stage.asked, 1);
    close_all(peer);
}

UNIT_TEST(roots_replaced_while_a_helper_opens)
{
    int peer;
    open_all();
    cold_error = -EAGAIN;
    client_open(&peer);
    say(peer, "GET /s/a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    turns(1);
    assert_non_null(container_of(stage.edge->conns.next, struct h1_conn, base.node)->hx);
    set_roots(other);
    const char *got = ask(peer, "");
    assert_non_null(strstr(got, "\r\n\r\nsecond\n"));
    assert_non_null(strstr(ask(peer, "GET /s/a.txt HTTP/1.1\r\nHost: a\r\n\r\n"), "second\n"));
    close_all(peer);
}

UNIT_TEST(what_changes_while_it_is_read_is_not_kept)
{
    static const char request[] = "GET /s/a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    int peer;
    open_all();
    struct files *f = stage.edge->serve.files;
    struct conf *conf = stage.edge->conf;
    conf->static_cache_ms = 60000;
    conf->static_memory_bytes = conf->static_memory_file_bytes = 4096;
    files_options(f, conf);
    client_open(&peer);
    is_written_meanwhile = true;
    for (int i = 0; i < 4; i++)
        (void)ask(peer, request);
    while (f->memory.reading > 0)
        turns(1);
    assert_int_equal(files_memory_bytes(f), 0);
    is_written_meanwhile = false;
    files_forget_all(f);
    for (int i = 0; i < 3; i++)
        assert_non_null(strstr(ask(peer, request), "\r\n\r\nothers\n"));
    while (f->memory.reading > 0)
        turns(1);
    assert_int_equal(files_memory_bytes(f), 7);
    close_all(peer);
}

UNIT_TEST(without_descriptors_it_is_503_and_not_the_applications)
{
    int peer;
    static const int errors[] = { -EMFILE, -ENFILE, -ENOMEM };
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        open_all();
        cold_error = errors[i];
        client_open(&peer);
        const char *got = ask(peer, "GET /s/a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_memory_equal(got, "HTTP/1.1 503 ", 13);
        cold_error = -EAGAIN;           /* and by way of a helper */
        warm_error = errors[i];
        got = ask(peer, "GET /s/a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_memory_equal(got, "HTTP/1.1 503 ", 13);
        assert_int_equal(stage.asked, 0);
        close_all(peer);
    }
}

UNIT_TEST(kept_files_make_room_when_descriptors_ran_out)
{
    int peer;
    open_all();
    client_open(&peer);
    assert_non_null(strstr(ask(peer, "GET /s/a.txt HTTP/1.1\r\nHost: a\r\n\r\n"), "first\n"));
    assert_int_equal(stage.edge->serve.files->count, 1);
    clock_ahead_us += 5 * 1000000;
    cold_error = -EMFILE;
    opens_left = 1;
    assert_non_null(strstr(ask(peer, "GET /s/a.txt HTTP/1.1\r\nHost: a\r\n\r\n"), "first\n"));
    close_all(peer);
}

/* Neither the folder nor what is in it, by no spelling; what only begins like it is served. */
UNIT_TEST(a_folder_that_is_left_out_is_the_applications)
{
    static const char *const names[] = { "a.txt", "a.txt/", "a.txt/x", "./a.txt", "%61.txt",
                                         "x/../a.txt", "/a.txt" };
    char request[128];
    int peer;
    open_all();
    json_t *roots = json_pack("[{ss ss ss}]", "url", "/s/", "root", one, "without", "a.txt");
    assert_int_equal(files_set_roots(stage.edge->serve.files, roots, NULL, 0), 0);
    json_decref(roots);
    put(one, "a.txt2", "second\n");
    client_open(&peer);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(request, sizeof request, "GET /s/%s HTTP/1.1\r\nHost: a\r\n\r\n", names[i]);
        const char *got = ask(peer, request);
        if (!strstr(got, "\r\n\r\nok\n"))
            fail_msg("%s: %s", names[i], got);
    }
    assert_non_null(strstr(ask(peer, "GET /s/a.txt2 HTTP/1.1\r\nHost: a\r\n\r\n"), "second\n"));
    char path[8192];
    snprintf(path, sizeof path, "%s/a.txt2", one);
    unlink(path);
    close_all(peer);
}

UNIT_TEST(renames_meanwhile_are_tried_again)
{
    int peer;
    open_all();
    cold_error = warm_error = -EAGAIN;
    opens_left = 3;
    client_open(&peer);
    assert_non_null(strstr(ask(peer, "GET /s/a.txt HTTP/1.1\r\nHost: a\r\n\r\n"), "first\n"));
    assert_int_equal(stage.asked, 0);
    close_all(peer);
}

UNIT_TEST(a_client_that_leaves_while_a_helper_opens)
{
    int peer;
    open_all();
    cold_error = -EAGAIN;
    client_open(&peer);
    say(peer, "GET /s/a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    turns(1);
    struct conn *c = container_of(stage.edge->conns.next, struct conn, node);
    c->wire->end(c);
    settle();
    const char *line = logged();
    if (!strstr(line, "\"GET /s/a.txt HTTP/1.1\" 499 0 "))
        fail_msg("%s", line);
    close_all(peer);
}

UNIT_MAIN(a_cold_file, a_cold_miss_with_a_body_is_the_applications,
          roots_replaced_while_a_helper_opens, what_changes_while_it_is_read_is_not_kept,
          without_descriptors_it_is_503_and_not_the_applications,
          kept_files_make_room_when_descriptors_ran_out,
          a_folder_that_is_left_out_is_the_applications, renames_meanwhile_are_tried_again,
          a_client_that_leaves_while_a_helper_opens)
