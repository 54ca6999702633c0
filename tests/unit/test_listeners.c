#include "unit.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/sys.h"
#include "master/listeners.h"

static int open_conf(struct listeners *l, const char *first, const char *second, char *why)
{
    struct conf conf = { .listen = { .count = second ? 2 : 1, .items = { first, second } } };
    return listeners_open(l, &conf, (char *const[]){ NULL }, why);
}

UNIT_TEST(the_url_has_the_port_that_was_found)
{
    char why[CONF_WHY_BYTES];
    struct listeners l = { 0 };
    unsigned port = 0;
    assert_int_equal(open_conf(&l, "127.0.0.1:0", NULL, why), 0);
    assert_int_equal(sscanf(l.all[0].url, "http://127.0.0.1:%u", &port), 1);
    assert_true(port > 0);
    listeners_close(&l);
    assert_int_equal(l.count, 0);
}

static void assert_keeps_no_pace(const char *address, bool expected)
{
    char why[CONF_WHY_BYTES], has[16] = "", usual[16] = "";
    socklen_t has_bytes = sizeof has - 1, usual_bytes = sizeof usual - 1;
    struct listeners l = { 0 };
    assert_int_equal(open_conf(&l, address, NULL, why), 0);
    int plain = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(getsockopt(plain, IPPROTO_TCP, TCP_CONGESTION, usual, &usual_bytes), 0);
    assert_int_equal(getsockopt(l.all[0].fd, IPPROTO_TCP, TCP_CONGESTION, has, &has_bytes), 0);
    assert_string_equal(has, expected ? "reno" : usual);
    (void)close(plain);
    listeners_close(&l);
}

UNIT_TEST(no_pace_is_kept_on_this_machine_itself)
{
    assert_keeps_no_pace("127.0.0.1:0", true);
    assert_keeps_no_pace("127.1.2.3:0", true);
    assert_keeps_no_pace("[::1]:0", true);
    assert_keeps_no_pace("0.0.0.0:0", false);
}

UNIT_TEST(a_port_in_use_says_by_whom)
{
    char why[CONF_WHY_BYTES], again[64], me[32];
    struct listeners l = { 0 }, second = { 0 };
    assert_int_equal(open_conf(&l, "127.0.0.1:0", NULL, why), 0);
    memcpy(again, l.all[0].url + strlen("http://"), sizeof again);
    (void)snprintf(me, sizeof me, "by pid %d ", (int)getpid());
    assert_int_equal(open_conf(&second, "127.0.0.1:0", again, why), -EADDRINUSE);
    assert_non_null(strstr(why, "the address is in use"));
    assert_non_null(strstr(why, me));
    assert_int_equal(second.count, 0);            /* all or none */
    listeners_close(&l);
}

static char folder[64], text[160], path[128];

static void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/slipway-listen-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/s", folder);
    (void)snprintf(text, sizeof text, "unix:%s", path);
}

UNIT_TEST(a_stale_socket_is_replaced_a_live_one_is_not)
{
    char why[CONF_WHY_BYTES], me[32];
    struct listeners l = { 0 }, second = { 0 };
    make_folder();
    assert_int_equal(open_conf(&l, text, NULL, why), 0);
    (void)snprintf(me, sizeof me, "process %d answers", (int)getpid());
    assert_int_equal(open_conf(&second, text, NULL, why), -EADDRINUSE);
    assert_non_null(strstr(why, me));
    (void)close(l.all[0].fd);                     /* its owner was killed: the file stays */
    assert_int_equal(open_conf(&second, text, NULL, why), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(open_conf(&l, text, NULL, why), 0);
    listeners_close(&second);                     /* the file is another's by now */
    assert_int_equal(access(path, F_OK), 0);
    listeners_close(&l);
    assert_int_equal(access(path, F_OK), -1);
    (void)rmdir(folder);
}

UNIT_TEST(a_file_that_is_no_socket_is_left_alone)
{
    char why[CONF_WHY_BYTES];
    struct listeners l = { 0 };
    make_folder();
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
    assert_int_equal(open_conf(&l, text, NULL, why), -EEXIST);
    assert_non_null(strstr(why, "no socket"));
    assert_int_equal(unlink(path), 0);
    (void)rmdir(folder);
    assert_int_equal(open_conf(&l, text, NULL, why), -ENOENT);
    assert_non_null(strstr(why, "folder does not exist"));
}

UNIT_MAIN(the_url_has_the_port_that_was_found, no_pace_is_kept_on_this_machine_itself,
          a_port_in_use_says_by_whom, a_stale_socket_is_replaced_a_live_one_is_not,
          a_file_that_is_no_socket_is_left_alone)
