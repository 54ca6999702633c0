/* test_app.c - the application's stage with a pool that is the test: who may still read the body. */
#include "unit.h"
#include <unistd.h>
#include "serve/stage.h"
#include "base/log.h"

static struct call *submitted;

void pool_submit(struct pool *p, struct call *c)
{
    (void)p;
    submitted = c;
}

static unsigned status;
static bool is_cut;

static int on_head(struct exchange *x, const struct response *res)
{
    (void)x;
    status = res->status;
    return 0;
}

static ssize_t on_body(struct exchange *x, const struct span runs[2], bool is_last)
{
    (void)x, (void)is_last;
    return (ssize_t)(runs[0].len + runs[1].len);
}

static void on_file(struct exchange *x, struct file *file, int fd, uint64_t at, uint64_t bytes)
{
    (void)x, (void)file, (void)at, (void)bytes;
    close(fd);
}

static void on_cut(struct exchange *x)
{
    (void)x;
    is_cut = true;
}

static const struct answer_out out = { on_head, on_body, on_file, NULL, on_cut, NULL, NULL };
static const struct span hello[2] = { { "hello", 5 }, { NULL, 0 } };

struct one {
    struct conf *conf;
    struct serve serve;
    struct exchange x;
};

static struct exchange *begin(struct one *o, int64_t body_bytes)
{
    *o = (struct one){ .conf = conf_new() };
    log_set(LOG_ERROR, "test");
    o->serve.conf = o->conf;
    o->x = (struct exchange){ .out = &out, .serve = &o->serve, .conf = o->conf };
    arena_init(&o->x.arena, 1 << 20);
    o->x.request = (struct request){
        .method = METHOD_POST, .method_name = SPAN("POST"), .target = SPAN("/"), .path = SPAN("/"),
        .version = 11, .body_bytes = body_bytes,
    };
    o->x.body = (struct call_body){ .fd = 7, .bytes = body_bytes };
    status = 0;
    is_cut = false;
    assert_int_equal(stage_app(&o->x), STAGE_WAITS);
    assert_ptr_equal(submitted, &o->x.call);
    return &o->x;
}

static void done(struct one *o)
{
    arena_done(&o->x.arena);
    conf_free(o->conf);
}

UNIT_TEST(a_whole_answer_gives_the_body_back)
{
    struct one o;
    struct exchange *x = begin(&o, 5);
    assert_true(x->is_body_lent);
    assert_int_equal(submitted->to->head(submitted, 200, SPAN("OK\r\n"), false, -1), 0);
    assert_true(x->is_body_lent);
    assert_int_equal(submitted->to->body(submitted, hello, false), 5);
    assert_true(x->is_body_lent);
    assert_int_equal(submitted->to->body(submitted, hello, true), 5);
    assert_false(x->is_body_lent);
    done(&o);
}

UNIT_TEST(a_file_gives_the_body_back)
{
    struct one o;
    struct exchange *x = begin(&o, 5);
    assert_int_equal(submitted->to->head(submitted, 200, SPAN("OK\r\n"), false, -1), 0);
    submitted->to->file(submitted, -1, 0, 0);
    assert_false(x->is_body_lent);
    done(&o);
}

UNIT_TEST(a_worker_that_is_late_may_still_read_the_body)
{
    static const enum call_failure whys[] = { CALL_LATE, CALL_WORKER_DIED, CALL_BROKEN, CALL_CUT };
    for (size_t i = 0; i < ARRAY_LEN(whys); i++) {
        struct one o;
        struct exchange *x = begin(&o, 5);
        (submitted->to->fail)(submitted, whys[i]);
        assert_true(status >= 502);
        assert_true(x->is_body_lent);
        done(&o);
    }
}

UNIT_TEST(a_refused_head_does_not_mean_that_the_worker_is_done)
{
    struct one o;
    struct exchange *x = begin(&o, 5);
    assert_true(submitted->to->head(submitted, 200, SPAN("OK\r\nbad line\r\n"), false, -1) < 0);
    assert_int_equal(status, 502);
    assert_true(x->is_body_lent);
    assert_false(x->is_with_pool);
    done(&o);
}

UNIT_TEST(without_a_body_nothing_is_lent)
{
    struct one o;
    assert_false(begin(&o, 0)->is_body_lent);
    done(&o);
}

UNIT_TEST(cut_after_the_head)
{
    struct one o;
    begin(&o, 0);
    assert_int_equal(submitted->to->head(submitted, 200, SPAN("OK\r\n"), false, -1), 0);
    (submitted->to->fail)(submitted, CALL_CUT);
    assert_true(is_cut);
    assert_int_equal(status, 200);
    done(&o);
}

UNIT_MAIN(a_whole_answer_gives_the_body_back, a_file_gives_the_body_back,
          a_worker_that_is_late_may_still_read_the_body,
          a_refused_head_does_not_mean_that_the_worker_is_done, without_a_body_nothing_is_lent,
          cut_after_the_head)
