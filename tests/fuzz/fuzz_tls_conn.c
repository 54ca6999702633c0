/* fuzz_tls_conn.c - a connection with TLS: bytes of a stranger, or of a true client that are bent on
 * their way, in pieces, in any order.
 *
 * The first byte of the input chooses the client (version, protocols it offers, a session that may
 * be resumed), the rest is a program: a byte says what happens next, those after it with what.  The
 * client is OpenSSL's; loop, conn, handshake and HTTP/1 are the real ones over a socket pair.
 * Must hold: no crash, no leak, and once the client is gone the connection is, too.
 */
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/un.h>
#include <unistd.h>
#include "edge/h1.h"
#include "fuzz.h"
#include "base/log.h"
#include "base/sys.h"
#include "serve/stage.h"
#include "tls/bundle.h"
#include "tls/throwaway.h"
#include "tls/tls.h"

enum { TURNS_TO_END = 200 };

static struct {
    struct edge *edge;
    struct listener listener;
    struct loop_hook hook;
    unsigned turns_left;
    struct tickets tickets;
    SSL_CTX *context;
    SSL_SESSION *session;              /* of an earlier client; NULL */
} stage;

static const char body[40000];

void pool_cancel(struct pool *p, struct call *c) { (void)p, (void)c; }
void pool_resume(struct pool *p, struct call *c) { (void)p, (void)c; }
bool pool_is_waiting(const struct call *c) { return c->tries == 0; }
bool pool_is_ready(const struct pool *p) { return p != NULL; }

/* Answers at once, with more than a socket pair takes. */
enum stage_says stage_app(struct exchange *x)
{
    const struct span runs[2] = { { body, sizeof body }, { body, 0 } };
    if (x->request.body_bytes != 0 && x->body.bytes < 0)
        return STAGE_WANTS_BODY;
    x->response = (struct response){ .status = 200, .body_bytes = (int64_t)sizeof body };
    x->has_head = true;
    if (x->out->head(x, &x->response) == 0)
        (void)x->out->body(x, runs, true);
    return STAGE_ANSWERED;
}

static int64_t count_turn(struct loop_hook *h)
{
    (void)h;
    stage.edge->handshakes_left = EDGE_HANDSHAKES_A_TURN;
    if (stage.turns_left-- == 0)
        loop_stop(stage.edge->loop);
    return 0;
}

static void turns(unsigned count)
{
    stage.turns_left = count - 1;
    must(loop_run(stage.edge->loop) == 0);
    buf_take(&stage.edge->serve.access, buf_len(&stage.edge->serve.access));
}

static struct tls_server *make_server(void)
{
    static const unsigned char random[TICKET_RANDOM_BYTES] = "fuzz";
    struct buf certificate = { 0 }, key = { 0 }, bundle = { 0 };
    char why[CONF_WHY_BYTES];
    must(throwaway_make("DNS:fuzz.test", 3650, &certificate, &key) == 0);
    const struct bundle_item item = { .kind = BUNDLE_PAIR, .certificate = buf_span(&certificate),
                                      .key = buf_span(&key) };
    must(bundle_add(&bundle, &item) == 0);
    tickets_renew(&stage.tickets, sys_wall_us() / 1000000, random);
    const struct tls_setup setup = { .bundle = buf_span(&bundle), .tickets = &stage.tickets, .session_s = 86400 };
    struct tls_server *server = tls_server_new(&setup, why);
    must(server != NULL);
    buf_done(&certificate);
    buf_done(&key);
    buf_done(&bundle);
    return server;
}

static void set_up(void)
{
    struct edge *e = sys_calloc(1, sizeof *e);
    log_set(LOG_ERROR, "fuzz");
    stage.edge = e;
    e->conf = conf_new();
    e->conf->spool_dir = "/tmp";
    e->conf->http2 = false;
    list_init(&e->conns);
    list_init(&e->spare);
    e->loop = loop_new();
    e->helpers = helpers_new(e->loop, 1, 4);
    body_pool_init(&e->bodies, e->loop, e->conf, e->helpers);
    must(peers_init(e) == 0 && serve_init(&e->serve, e->loop, routes_lent(e->conf), NULL, e->helpers, -1) == 0);
    e->serve.access_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    e->tls = make_server();
    stage.listener = (struct listener){ .edge = e, .is_unix = true, .is_tls = true };
    stage.hook.turn_end = count_turn;
    list_init(&stage.hook.node);
    loop_hook_add(e->loop, &stage.hook);
    stage.context = SSL_CTX_new(TLS_client_method());
}

static SSL *new_client(uint8_t how)
{
    static const unsigned char both[] = "\2h2\10http/1.1", strange[] = "\4imap";
    SSL *client = SSL_new(stage.context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    must(client != NULL && in != NULL && out != NULL);
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(client, in, out);
    SSL_set_connect_state(client);
    (void)SSL_set_max_proto_version(client, how & 1 ? TLS1_2_VERSION : 0);
    if (how & 2)
        (void)SSL_set_alpn_protos(client, both, sizeof both - 1);
    if (how & 4)
        (void)SSL_set_alpn_protos(client, strange, sizeof strange - 1);
    if (how & 8)
        (void)SSL_set_tlsext_host_name(client, "fuzz.test");
    if ((how & 16) && stage.session)
        (void)SSL_set_session(client, stage.session);
    return client;
}

static void take_socket(int peer, SSL *client)
{
    static char into[65536];
    ssize_t n = read(peer, into, sizeof into);
    if (n > 0)
        (void)BIO_write(SSL_get_rbio(client), into, (int)n);
}

/* What the client wrote goes out; `bend`: 0 as it is, else one bit of it is another. */
static void give_socket(int peer, SSL *client, uint8_t bend)
{
    static char out[65536];
    int n = BIO_read(SSL_get_wbio(client), out, sizeof out);
    if (n <= 0)
        return;
    if (bend > 0)
        out[(unsigned)bend * 7u % (unsigned)n] ^= (char)(1 << (bend & 7));
    if (send(peer, out, (size_t)n, MSG_NOSIGNAL) < 0)
        return;
}

/* The client goes on with whatever it is at. */
static void step(int peer, SSL *client)
{
    static char into[65536];
    take_socket(peer, client);
    ERR_clear_error();
    if (!SSL_is_init_finished(client))
        (void)SSL_do_handshake(client);
    else
        (void)SSL_read(client, into, sizeof into);
    if (SSL_is_init_finished(client) && !stage.session)
        stage.session = SSL_get1_session(client);
}

static void ask(SSL *client, uint8_t how)
{
    static const char request[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    if (!SSL_is_init_finished(client))
        return;
    ERR_clear_error();
    switch (how & 7) {
    case 0: (void)SSL_shutdown(client); break;
    case 1: (void)SSL_key_update(client, how & 8 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED); break;
    case 2: (void)SSL_renegotiate(client); (void)SSL_do_handshake(client); break;
    case 3: (void)SSL_write(client, body, 1 + (how >> 3) * 500); break;
    case 4: (void)SSL_write(client, request, 1 + (how >> 3) % (int)(sizeof request - 1)); break;
    default: (void)SSL_write(client, request, sizeof request - 1); break;
    }
}

static void play(int peer, SSL *client, const uint8_t *at, size_t left)
{
    while (left > 0) {
        uint8_t what = *at++, with = left > 1 ? *at : 0;
        size_t bytes = what & 63u;
        left--;
        bytes = bytes < left ? bytes : left;
        switch (what >> 6) {
        case 0:                                   /* bytes of a stranger */
            if (send(peer, at, bytes, MSG_NOSIGNAL) < 0)
                return;
            at += bytes;
            left -= bytes;
            break;
        case 1:                                   /* the client goes on, and is heard */
            step(peer, client);
            give_socket(peer, client, what & 32 ? with : 0);
            break;
        case 2:
            ask(client, with);
            give_socket(peer, client, what & 32 ? with : 0);
            break;
        case 3:
            if ((what & 63) == 63)
                (void)shutdown(peer, SHUT_WR);
            break;
        }
        turns(1 + (what & 1u));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    int fds[2];
    struct sockaddr_un from = { .sun_family = AF_UNIX };
    if (!stage.edge)
        set_up();
    if (bytes == 0)
        return 0;
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    must(h1_conn_new(&stage.listener, fds[0], (struct sockaddr *)&from) == 0);
    SSL *client = new_client(data[0]);
    play(fds[1], client, data + 1, bytes - 1);
    SSL_free(client);
    close(fds[1]);
    for (int i = 0; i < TURNS_TO_END && stage.edge->conns_count > 0; i++)
        turns(2);
    must(stage.edge->conns_count == 0);           /* else nobody is there, and it waits all the same */
    return 0;
}
