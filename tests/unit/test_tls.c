/* test_tls.c - a server's end against OpenSSL's own client, in memory. */
#include "tls_stage.h"
#include "tls/tls.h"

static struct buf bundle;
static struct tickets tickets;
static const unsigned char random_a[TICKET_RANDOM_BYTES] = "a", random_b[TICKET_RANDOM_BYTES] = "b";

/* Two hosts, a wildcard, tickets. */
static struct tls_setup set_up(void)
{
    struct pair one, two;
    pair_make(&one, "DNS:one.test,DNS:also.one.test");
    pair_make(&two, "DNS:two.test,DNS:*.two.test");
    buf_done(&bundle);
    bundle = (struct buf){ 0 };
    bundle_pair(&bundle, &one, "one.pem");
    bundle_pair(&bundle, &two, "two.pem");
    pair_done(&one);
    pair_done(&two);
    memset(&tickets, 0, sizeof tickets);
    tickets_renew(&tickets, sys_wall_us() / 1000000, random_a);
    return (struct tls_setup){ .bundle = buf_span(&bundle), .tickets = &tickets, .session_s = 3600 };
}

static void tear_down(void)
{
    stage_done();
    buf_done(&bundle);
    bundle = (struct buf){ 0 };
}

static ssize_t send_text(const char *text, size_t bytes, bool has_more)
{
    struct iovec iov = { (char *)(uintptr_t)text, bytes };
    return tls_sendv(stage.tls, &iov, 1, has_more, 1);
}

UNIT_TEST(a_host_gets_its_certificate)
{
    static const struct { const char *host, *first_name; } cases[] = {
        { "one.test", "one.test" },      { "ALSO.one.test", "one.test" },
        { "two.test", "two.test" },      { "www.two.test", "two.test" },
        { "a.b.two.test", "one.test" },  { "other.test", "one.test" },
        { NULL, "one.test" },            { "two.test.", "two.test" },
    };
    struct tls_setup setup = set_up();
    stage_use(&setup);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        stage_connect(cases[i].host);
        assert_int_equal(stage_shake(), 0);
        if (strcmp(stage_name(), cases[i].first_name) != 0)
            fail_msg("%s got the certificate of %s", cases[i].host, stage_name());
        stage_leave();
    }
    tear_down();
}

UNIT_TEST(plain_text_both_ways_however_it_is_cut)
{
    static const size_t most[] = { 1, 7, 1000, SIZE_MAX };
    struct tls_setup setup = set_up();
    stage_use(&setup);
    for (size_t i = 0; i < ARRAY_LEN(most); i++) {
        char got[64];
        stage.most_in = most[i];
        stage_connect("one.test");
        assert_int_equal(stage_shake(), 0);
        assert_string_equal(tls_version(stage.tls), "TLSv1.3");
        assert_int_equal(tls_recv(stage.tls, got, sizeof got), -EAGAIN);
        assert_int_equal(SSL_write(stage.client, "ping", 4), 4);
        stage_carry();
        assert_int_equal(tls_peek(stage.tls), 1);
        assert_int_equal(tls_recv(stage.tls, got, sizeof got), 4);
        assert_memory_equal(got, "ping", 4);
        assert_int_equal(send_text("pong", 4, false), 4);
        stage_carry();
        assert_int_equal(SSL_read(stage.client, got, sizeof got), 4);
        assert_memory_equal(got, "pong", 4);
        stage_leave();
    }
    tear_down();
}

UNIT_TEST(a_full_socket_takes_the_same_record_later)
{
    enum { BYTES = 100000 };
    struct tls_setup setup = set_up();
    char *text = malloc(BYTES), *got = malloc(BYTES);
    size_t sent = 0, came = 0;
    for (size_t i = 0; i < BYTES; i++)
        text[i] = (char)(i * 7 % 251);
    stage_use(&setup);
    stage_connect("one.test");
    assert_int_equal(stage_shake(), 0);
    for (unsigned i = 0; sent < BYTES; i++) {
        stage.most_out = i % 3 == 0 ? 0 : i % 3 == 1 ? 500 : 20000;
        /* In two runs, which are not where they were the last time. */
        char *copy = malloc(BYTES - sent);
        size_t half = (BYTES - sent) / 3;
        memcpy(copy, text + sent, BYTES - sent);
        struct iovec iov[3] = { { copy, half }, { copy, 0 }, { copy + half, BYTES - sent - half } };
        ssize_t n = tls_sendv(stage.tls, iov, 3, false, 1);
        assert_true(n > 0 || n == -EAGAIN);
        sent += n > 0 ? (size_t)n : 0;
        free(copy);
        stage_carry();
        int m;
        while ((m = SSL_read(stage.client, got + came, (int)(BYTES - came))) > 0)
            came += (size_t)m;
    }
    assert_int_equal(came, BYTES);
    assert_memory_equal(got, text, BYTES);
    free(text);
    free(got);
    stage_leave();
    tear_down();
}

UNIT_TEST(first_records_are_small_and_small_again_after_a_rest)
{
    static char text[60000];
    struct tls_setup setup = set_up();
    stage_use(&setup);
    stage_connect("one.test");
    assert_int_equal(stage_shake(), 0);
    unsigned before = stage.sends;
    assert_int_equal(send_text(text, 3000, true), 3000);
    assert_int_equal(stage.sends - before, 3);
    assert_true(stage.has_more);
    assert_int_equal(send_text(text, 11000, false), 11000);
    assert_false(stage.has_more);
    before = stage.sends;
    assert_int_equal(send_text(text, sizeof text, false), sizeof text);
    assert_int_equal(stage.sends - before, 4);
    before = stage.sends;
    struct iovec iov = { text, 3000 };
    assert_int_equal(tls_sendv(stage.tls, &iov, 1, false, 900), 3000);
    assert_int_equal(stage.sends - before, 1);
    assert_int_equal(tls_sendv(stage.tls, &iov, 1, false, 1902), 3000);
    assert_int_equal(stage.sends - before, 4);
    stage_carry();
    stage_leave();
    tear_down();
}

UNIT_TEST(too_few_bytes_after_a_full_socket_are_a_mistake)
{
    struct tls_setup setup = set_up();
    stage_use(&setup);
    stage_connect("one.test");
    assert_int_equal(stage_shake(), 0);
    stage.most_out = 0;
    assert_int_equal(send_text("0123456789", 10, false), -EAGAIN);
    stage.most_out = SIZE_MAX;
    assert_int_equal(send_text("0123", 4, false), -EINVAL);
    assert_int_equal(send_text("0123456789ab", 12, false), 12);
    stage_leave();
    tear_down();
}

UNIT_TEST(the_end_of_the_client_is_an_end)
{
    char byte;
    struct tls_setup setup = set_up();
    stage_use(&setup);
    for (int is_tidy = 0; is_tidy < 2; is_tidy++) {
        stage_connect("one.test");
        assert_int_equal(stage_shake(), 0);
        if (is_tidy)
            (void)SSL_shutdown(stage.client);
        stage_carry();
        stage.is_over = !is_tidy;
        assert_int_equal(tls_peek(stage.tls), 0);
        assert_int_equal(tls_recv(stage.tls, &byte, 1), 0);
        assert_int_equal(send_text("late", 4, false), 4);       /* it may still want its answer */
        tls_shut(stage.tls, false);
        stage_carry();
        char got[8];
        assert_int_equal(SSL_read(stage.client, got, sizeof got), 4);
        assert_int_equal(SSL_read(stage.client, got, sizeof got), 0);
        assert_int_equal(SSL_get_shutdown(stage.client) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
        stage_leave();
    }
    tear_down();
}

/* More than any client needs, then far more than one read of the socket. */
UNIT_TEST(a_flood_of_key_updates_ends_the_connection)
{
    struct tls_setup setup = set_up();
    char got[64];
    stage_use(&setup);
    for (int count = 60; count <= 6000; count += 5940) {
        stage_connect("one.test");
        assert_int_equal(stage_shake(), 0);
        for (int i = 0; i < count; i++) {
            assert_int_equal(SSL_key_update(stage.client, SSL_KEY_UPDATE_REQUESTED), 1);
            assert_int_equal(SSL_do_handshake(stage.client), 1);
        }
        assert_int_equal(SSL_write(stage.client, "ping", 4), 4);
        stage_carry();
        size_t before = buf_len(&stage.to_server);
        assert_int_equal(tls_recv(stage.tls, got, sizeof got), count > 60 ? -EPROTO : 4);
        assert_true(before - buf_len(&stage.to_server) <= 20000);
        if (count > 60)
            assert_int_equal(tls_recv(stage.tls, got, sizeof got), -EPROTO);
        stage_leave();
    }
    tear_down();
}

UNIT_TEST(a_client_that_leaves_within_the_handshake)
{
    struct tls_setup setup = set_up();
    stage_use(&setup);
    stage_connect("one.test");
    assert_int_equal(tls_handshake(stage.tls), -EAGAIN);
    stage.is_over = true;
    assert_int_equal(tls_handshake(stage.tls), -ECONNRESET);
    assert_string_equal(tls_reason(stage.tls), "the client left");
    stage_leave();
    tear_down();
}

UNIT_TEST(what_is_no_tls_is_told_apart)
{
    static const struct { const char *why, *text; int rc; } cases[] = {
        { "GET", "GET / HTTP/1.1\r\n\r\n", -EPROTONOSUPPORT },
        { "a method OpenSSL does not know", "DELETE / HTTP/1.1\r\n\r\n", -EPROTONOSUPPORT },
        { "HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", -EPROTONOSUPPORT },
        { "a record of a version from the future", "\x16\x09\x09\x00\x05hello", -EPROTO },
        { "a record too long", "\x16\x03\x01\xff\xffhello", -EPROTO },
    };
    struct tls_setup setup = set_up();
    stage_use(&setup);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        stage_connect("one.test");
        size_t bytes = i < 3 ? strlen(cases[i].text) : 10;
        assert_int_equal(buf_add(&stage.to_server, (struct span){ cases[i].text, bytes }), 0);
        int rc = tls_handshake(stage.tls);
        if (rc != cases[i].rc)
            fail_msg("%s: %d", cases[i].why, rc);
        assert_int_equal(buf_len(&stage.to_client) > 0, rc == -EPROTO && i == 4);
        assert_true(strlen(tls_reason(stage.tls)) > 5);
        stage_leave();
    }
    tear_down();
}

static void offer(const char *alpn, size_t bytes)
{
    assert_int_equal(SSL_set_alpn_protos(stage.client, (const unsigned char *)alpn, (unsigned)bytes), 0);
}

UNIT_TEST(the_protocol_both_speak)
{
    struct tls_setup setup = set_up();
    for (int has_h2 = 0; has_h2 < 2; has_h2++) {
        setup.has_h2 = has_h2;
        stage_use(&setup);
        stage_connect("one.test");
        assert_int_equal(stage_shake(), 0);
        assert_int_equal(tls_protocol(stage.tls), TLS_HTTP1);
        stage_leave();
        stage_connect("one.test");
        offer("\x08http/1.1\x02h2", 12);
        assert_int_equal(stage_shake(), 0);
        assert_int_equal(tls_protocol(stage.tls), has_h2 ? TLS_HTTP2 : TLS_HTTP1);
        stage_leave();
        stage_connect("one.test");
        offer("\x04imap", 5);
        assert_int_equal(stage_shake(), -EPROTO);
        stage_leave();
        stage_done();
    }
    buf_done(&bundle);
    bundle = (struct buf){ 0 };
}

UNIT_TEST(old_versions_and_weak_ciphers_are_refused)
{
    static const struct { int least, most; const char *ciphers; int rc; } cases[] = {
        { TLS1_VERSION, TLS1_VERSION, "ALL:@SECLEVEL=0", -EPROTO },
        { TLS1_1_VERSION, TLS1_1_VERSION, "ALL:@SECLEVEL=0", -EPROTO },
        { TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", -EPROTO },
        { TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384", 0 },
        { TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", 0 },
        { TLS1_3_VERSION, TLS1_3_VERSION, "ALL", 0 },
    };
    struct tls_setup setup = set_up();
    stage_use(&setup);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        stage_connect("one.test");
        assert_int_equal(SSL_set_cipher_list(stage.client, cases[i].ciphers), 1);
        assert_int_equal(SSL_set_min_proto_version(stage.client, cases[i].least), 1);
        assert_int_equal(SSL_set_max_proto_version(stage.client, cases[i].most), 1);
        int rc = stage_shake();
        if (rc != cases[i].rc)
            fail_msg("case %zu: %d %s", i, rc, tls_reason(stage.tls));
        stage_leave();
    }
    tear_down();
}

/* Connects once and gives the session it got. */
static SSL_SESSION *session_of(int version, bool *is_resumed, SSL_SESSION *with)
{
    char byte;
    stage_connect("one.test");
    (void)SSL_set_min_proto_version(stage.client, version);
    (void)SSL_set_max_proto_version(stage.client, version);
    if (with)
        assert_int_equal(SSL_set_session(stage.client, with), 1);
    assert_int_equal(stage_shake(), 0);
    (void)SSL_read(stage.client, &byte, 1);           /* takes the tickets of 1.3 */
    *is_resumed = tls_is_resumed(stage.tls);
    SSL_SESSION *session = SSL_get1_session(stage.client);
    (void)SSL_shutdown(stage.client);
    stage_leave();
    return session;
}

UNIT_TEST(sessions_resume_until_their_key_is_gone)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        bool is_resumed;
        struct tls_setup setup = set_up();
        stage_use(&setup);
        SSL_SESSION *first = session_of(versions[i], &is_resumed, NULL);
        assert_false(is_resumed);
        SSL_SESSION *second = session_of(versions[i], &is_resumed, first);
        assert_true(is_resumed);
        int64_t now_s = sys_wall_us() / 1000000;
        tickets_renew(&tickets, now_s, random_b);
        SSL_SESSION *third = session_of(versions[i], &is_resumed, second);
        assert_true(is_resumed);                      /* the older key still opens */
        atomic_store(&tickets.keys[0].from_s, now_s - 4 * 1200 - 1);
        SSL_SESSION *fourth = session_of(versions[i], &is_resumed, second);
        assert_false(is_resumed);
        SSL_SESSION *fifth = session_of(versions[i], &is_resumed, third);
        assert_true(is_resumed);                      /* it was sealed with the newer key */
        SSL_SESSION *all[] = { first, second, third, fourth, fifth };
        for (size_t s = 0; s < ARRAY_LEN(all); s++)
            SSL_SESSION_free(all[s]);
        tear_down();
    }
}

UNIT_TEST(without_a_key_or_a_life_nothing_resumes)
{
    for (int is_keyless = 0; is_keyless < 2; is_keyless++) {
        bool is_resumed;
        struct tls_setup setup = set_up();
        if (is_keyless)
            memset(&tickets, 0, sizeof tickets);
        else
            setup.session_s = 0;
        stage_use(&setup);
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            SSL_SESSION *first = session_of(version, &is_resumed, NULL);
            SSL_SESSION *second = session_of(version, &is_resumed, first);
            assert_false(is_resumed);
            SSL_SESSION_free(first);
            SSL_SESSION_free(second);
        }
        tear_down();
    }
}

UNIT_TEST(sessions_of_another_server_with_the_same_keys_resume)
{
    bool is_resumed;
    struct tls_setup setup = set_up();
    stage_use(&setup);
    SSL_SESSION *first = session_of(TLS1_3_VERSION, &is_resumed, NULL);
    stage_done();
    stage_use(&setup);
    SSL_SESSION *second = session_of(TLS1_3_VERSION, &is_resumed, first);
    assert_true(is_resumed);
    SSL_SESSION_free(first);
    SSL_SESSION_free(second);
    tear_down();
}

/* ---- certificates of clients ---- */

static void add_authority(const struct pair *p, enum bundle_kind kind)
{
    const struct bundle_item item = { .kind = kind, .file = SPAN("ca.pem"),
                                      .certificate = buf_span(&p->certificate) };
    assert_int_equal(bundle_add(&bundle, &item), 0);
}

static void use_certificate(const struct pair *p)
{
    struct span c = buf_span(&p->certificate), k = buf_span(&p->key);
    BIO *of_c = BIO_new_mem_buf(c.at, (int)c.len), *of_k = BIO_new_mem_buf(k.at, (int)k.len);
    X509 *one = PEM_read_bio_X509(of_c, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(of_k, NULL, NULL, NULL);
    assert_int_equal(SSL_use_certificate(stage.client, one), 1);
    assert_int_equal(SSL_use_PrivateKey(stage.client, key), 1);
    X509_free(one);
    EVP_PKEY_free(key);
    BIO_free(of_c);
    BIO_free(of_k);
}

static const char *variable(const char *name)
{
    size_t bytes;
    const char *at = tls_client(stage.tls, &bytes), *end = at + bytes;
    while (at && at < end) {
        const char *value = at + strlen(at) + 1;
        if (strcmp(at, name) == 0)
            return value;
        at = value + strlen(value) + 1;
    }
    return "";
}

UNIT_TEST(clients_show_certificates)
{
    struct pair known, stranger;
    pair_make(&known, "DNS:ann");
    pair_make(&stranger, "DNS:eve");
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        for (int is_required = 0; is_required < 2; is_required++) {
            struct tls_setup setup = set_up();
            add_authority(&known, is_required ? BUNDLE_CLIENT_CA_REQUIRED : BUNDLE_CLIENT_CA);
            setup.bundle = buf_span(&bundle);
            stage_use(&setup);
            (void)SSL_CTX_set_max_proto_version(stage.context, version);
            stage_connect("one.test");
            use_certificate(&known);
            assert_int_equal(stage_shake(), 0);
            assert_string_equal(variable("SSL_CLIENT_VERIFY"), "SUCCESS");
            assert_string_equal(variable("SSL_CLIENT_S_DN"), "CN=slipway\\, for trying out");
            assert_int_equal(strlen(variable("SSL_CLIENT_FINGERPRINT")), 40);
            stage_leave();
            stage_connect("one.test");
            assert_int_equal(stage_shake(), is_required ? -EPROTO : 0);
            if (!is_required)
                assert_string_equal(variable("SSL_CLIENT_VERIFY"), "NONE");
            stage_leave();
            stage_connect("one.test");
            use_certificate(&stranger);
            assert_int_equal(stage_shake(), -EPROTO);
            stage_leave();
            tear_down();
        }
    }
    pair_done(&known);
    pair_done(&stranger);
}

UNIT_TEST(nobody_is_asked_without_authorities)
{
    size_t bytes;
    struct tls_setup setup = set_up();
    stage_use(&setup);
    stage_connect("one.test");
    assert_int_equal(stage_shake(), 0);
    assert_null(tls_client(stage.tls, &bytes));
    stage_leave();
    tear_down();
}

/* ---- what a server is made of ---- */

UNIT_TEST(a_thousand_certificates)
{
    enum { COUNT = 1000 };
    char name[64], why[CONF_WHY_BYTES];
    struct buf all = { 0 };
    struct pair one;
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof name, "DNS:host%d.test,DNS:*.host%d.test", i, i);
        pair_make(&one, name);
        bundle_pair(&all, &one, "one.pem");
        pair_done(&one);
    }
    struct tls_setup setup = { .bundle = buf_span(&all) };
    stage_use(&setup);
    static const struct { const char *host, *first_name; } cases[] = {
        { "host0.test", "host0.test" }, { "host999.test", "host999.test" },
        { "www.host500.test", "host500.test" }, { "nobody.test", "host0.test" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        stage_connect(cases[i].host);
        assert_int_equal(stage_shake(), 0);
        assert_string_equal(stage_name(), cases[i].first_name);
        stage_leave();
    }
    stage_done();
    assert_null(tls_server_new(&(struct tls_setup){ .bundle = { all.block, all.end - 5 } }, why));
    assert_null(tls_server_new(&(struct tls_setup){ .bundle = SPAN("") }, why));
    buf_done(&all);
}

UNIT_TEST(a_session_holds_its_server)
{
    struct tls_setup setup = set_up();
    stage_use(&setup);
    stage_connect("one.test");
    struct tls_server *old = stage.server;
    char why[CONF_WHY_BYTES];
    stage.server = tls_server_new(&setup, why);
    assert_non_null(stage.server);
    tls_server_drop(old);
    assert_int_equal(stage_shake(), 0);
    stage_leave();
    tear_down();
}

UNIT_MAIN(a_flood_of_key_updates_ends_the_connection, a_host_gets_its_certificate, plain_text_both_ways_however_it_is_cut,
          a_full_socket_takes_the_same_record_later,
          first_records_are_small_and_small_again_after_a_rest,
          too_few_bytes_after_a_full_socket_are_a_mistake, the_end_of_the_client_is_an_end,
          a_client_that_leaves_within_the_handshake, what_is_no_tls_is_told_apart,
          the_protocol_both_speak, old_versions_and_weak_ciphers_are_refused,
          sessions_resume_until_their_key_is_gone, without_a_key_or_a_life_nothing_resumes,
          sessions_of_another_server_with_the_same_keys_resume, clients_show_certificates,
          nobody_is_asked_without_authorities, a_thousand_certificates, a_session_holds_its_server)
