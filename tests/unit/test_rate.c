/* Rate limits of serve: who is one client, and who is none. */
#include "unit.h"
#include <unistd.h>
#include "base/sys.h"
#include "conf/conf.h"
#include "serve/exchange.h"
#include "serve/rate.h"

static struct conf *conf;
static struct board board;
static struct rate *rate;

static void begin(const char *rule, const char *other)
{
    int fd, rc;
    char why[CONF_WHY_BYTES];
    conf = conf_new();
    assert_int_equal(conf_set(conf, SPAN("rate-limit"), span_of(rule), CONF_ARGUMENT, NULL, why), 0);
    if (other)
        assert_int_equal(conf_set(conf, SPAN("rate-limit"), span_of(other), CONF_ARGUMENT, NULL, why), 0);
    assert_int_equal(board_make(1024, &fd), 0);
    assert_int_equal(board_map(&board, fd), 0);
    close(fd);
    rate = rate_new(conf, &board, &rc);
    assert_non_null(rate);
    assert_int_equal(rc, 0);
}

static void end(void)
{
    rate_free(rate);
    board_done(&board);
    conf_free(conf);
}

static int64_t ask_with(const char *address, const char *path, const char *key)
{
    struct field f = { SPAN("x-key"), span_of(key), FIELD_OTHER };
    struct exchange *x = sys_calloc(1, sizeof *x);
    x->request.from.address = span_of(address);
    x->request.path = span_of(path);
    x->request.fields = &f;
    x->request.fields_count = key ? 1 : 0;
    int64_t wait_s = rate_take(rate, x, 1000000);
    sys_free(x);
    return wait_s;
}

static int64_t ask(const char *address)
{
    return ask_with(address, "/", NULL);
}

UNIT_TEST(an_address_is_a_client_and_a_64_is_one)
{
    begin("1/m", NULL);
    assert_int_equal(ask("192.0.2.1"), 0);
    assert_int_equal(ask("192.0.2.1"), 60);
    assert_int_equal(ask("::ffff:192.0.2.1"), 60);               /* the same one */
    assert_int_equal(ask("192.0.2.2"), 0);
    assert_int_equal(ask("2001:db8::1"), 0);
    assert_int_equal(ask("2001:db8::ffff:1"), 60);
    assert_int_equal(ask("2001:db8:0:1::1"), 0);
    end();
}

UNIT_TEST(a_header_is_a_client_and_leaving_it_out_gains_nothing)
{
    begin("1/m by header X-Key", NULL);
    assert_int_equal(ask_with("192.0.2.1", "/", "alice"), 0);
    assert_int_equal(ask_with("192.0.2.9", "/", "alice"), 60);
    assert_int_equal(ask_with("192.0.2.1", "/", "bob"), 0);
    assert_int_equal(ask("192.0.2.1"), 0);
    assert_int_equal(ask_with("192.0.2.1", "/", ""), 60);
    assert_int_equal(ask("192.0.2.1"), 60);
    end();
}

UNIT_TEST(every_rule_counts_by_itself)
{
    begin("1/m path /login/", "3/m");
    assert_int_equal(ask_with("192.0.2.1", "/login/", NULL), 0);
    assert_int_equal(ask_with("192.0.2.1", "/login/", NULL), 60);      /* of the first: the second is not asked */
    assert_int_equal(ask_with("192.0.2.1", "/", NULL), 0);
    assert_int_equal(ask_with("192.0.2.1", "/", NULL), 0);
    assert_int_equal(ask_with("192.0.2.1", "/", NULL), 20);
    end();
}

UNIT_TEST(who_is_spared)
{
    static const struct { const char *address; bool is_spared; } clients[] = {
        { "", true },           { "127.0.0.1", true },     { "127.8.8.8", true },  { "::1", true },
        { "::ffff:127.0.0.1", true },                      { "192.0.2.1", false }, { "::2", false },
        { "2001:db8::1", false },                          { "10.0.0.1", false },  { "::ffff:10.0.0.1", false },
    };
    struct exchange *x = sys_calloc(1, sizeof *x);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        x->request.from.address = span_of(clients[i].address);
        assert_int_equal(rate_spares(x), clients[i].is_spared);
    }
    sys_free(x);
}

UNIT_TEST(without_rules_there_is_nothing)
{
    int rc = 1;
    conf = conf_new();
    assert_null(rate_new(conf, &board, &rc));
    assert_int_equal(rc, 0);
    rate_free(NULL);
    conf_free(conf);
}

UNIT_MAIN(an_address_is_a_client_and_a_64_is_one, a_header_is_a_client_and_leaving_it_out_gains_nothing,
          every_rule_counts_by_itself, who_is_spared, without_rules_there_is_nothing)
