/* test_certificate.c - what is read of a file, and each sentence about a wrong one. */
#include "tls_stage.h"
#include "tls/certificate.h"

static char why[CONF_WHY_BYTES];

static struct certificate *read_pair(const struct buf *certificate, const struct buf *key)
{
    const struct bundle_item item = { .kind = BUNDLE_PAIR, .file = SPAN("site.pem"), .key_file = SPAN("site.key"),
                                      .certificate = buf_span(certificate), .key = buf_span(key) };
    why[0] = '\0';
    return certificate_read(&item, why);
}

UNIT_TEST(what_a_certificate_says)
{
    struct pair p;
    pair_make(&p, "DNS:Example.org,DNS:*.example.org,IP:127.0.0.1,email:a@b.c,DNS:*.*.bad");
    struct certificate *c = read_pair(&p.certificate, &p.key);
    assert_non_null(c);
    const struct certificate_facts *f = certificate_facts(c);
    assert_int_equal(f->names_count, 2);
    assert_span_equal(f->names[0], SPAN("example.org"));
    assert_span_equal(f->names[1], SPAN("*.example.org"));
    assert_int_equal(f->kind, CERTIFICATE_ECDSA);
    assert_string_equal(certificate_kind_name(f->kind), "ECDSA");
    assert_int_equal(f->key_bits, 256);
    int64_t now_s = sys_wall_us() / 1000000;
    assert_true(f->from_s < now_s);
    assert_int_equal(certificate_days(f, now_s + 10), 89);
    assert_int_equal(certificate_days(f, f->until_s), 0);
    assert_int_equal(certificate_days(f, f->until_s + 1), -1);
    assert_int_equal(certificate_days(f, f->until_s + 86401), -2);
    certificate_free(c);
    pair_done(&p);
}

/* The texts of the other certificates before or behind the one with the key. */
UNIT_TEST(the_leaf_is_found_wherever_it_stands)
{
    struct pair p, other;
    pair_make(&p, "DNS:one.test");
    pair_make(&other, "DNS:other.test");
    struct buf text = { 0 };
    assert_int_equal(buf_add(&text, SPAN("a remark\n")), 0);
    assert_int_equal(buf_add(&text, buf_span(&other.certificate)), 0);
    assert_int_equal(buf_add(&text, buf_span(&p.certificate)), 0);
    struct certificate *c = read_pair(&text, &p.key);
    assert_non_null(c);
    assert_span_equal(certificate_facts(c)->names[0], SPAN("one.test"));
    assert_int_equal(certificate_facts(c)->strangers, 1);
    assert_int_equal(certificate_facts(c)->chain_count, 0);
    certificate_free(c);
    /* and the key in the same text */
    assert_int_equal(buf_add(&text, buf_span(&p.key)), 0);
    c = read_pair(&text, &text);
    assert_non_null(c);
    certificate_free(c);
    buf_done(&text);
    pair_done(&p);
    pair_done(&other);
}

static void expect_sentence(const struct buf *certificate, const struct buf *key, const char *sentence)
{
    struct certificate *c = read_pair(certificate, key);
    if (c || !strstr(why, sentence))
        fail_msg("expected \"%s\", got \"%s\"", sentence, why);
}

/* The same key, with a passphrase. */
static void lock(const struct buf *open, struct buf *locked)
{
    char *text;
    BIO *from = BIO_new_mem_buf(buf_span(open).at, (int)buf_len(open)), *to = BIO_new(BIO_s_mem());
    EVP_PKEY *key = PEM_read_bio_PrivateKey(from, NULL, NULL, NULL);
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(to, key, EVP_aes_128_cbc(), "word", 4, NULL, NULL), 1);
    long bytes = BIO_get_mem_data(to, &text);
    assert_int_equal(buf_add(locked, (struct span){ text, (size_t)bytes }), 0);
    EVP_PKEY_free(key);
    BIO_free(from);
    BIO_free(to);
}

UNIT_TEST(what_is_wrong_is_said)
{
    struct pair p, other;
    struct buf empty = { 0 }, nothing = { 0 }, broken = { 0 }, half = { 0 };
    pair_make(&p, "DNS:one.test");
    pair_make(&other, "DNS:other.test");
    assert_int_equal(buf_add(&nothing, SPAN("hello\n")), 0);
    assert_int_equal(buf_add(&broken, SPAN("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")), 0);
    struct span most = buf_span(&p.certificate);
    most.len -= 40;
    assert_int_equal(buf_add(&half, most), 0);
    expect_sentence(&p.certificate, &other.key, "the key in site.key does not fit the certificate in site.pem");
    expect_sentence(&nothing, &p.key, "there is no certificate in site.pem");
    expect_sentence(&empty, &p.key, "there is no certificate in site.pem");
    expect_sentence(&broken, &p.key, "cannot read the certificates in site.pem: ");
    expect_sentence(&half, &p.key, "cannot read the certificates in site.pem: ");
    expect_sentence(&p.certificate, &nothing, "there is no private key in site.key");
    expect_sentence(&p.certificate, &p.certificate, "there is no private key in site.key");
    struct buf secret = { 0 };
    lock(&p.key, &secret);
    expect_sentence(&p.certificate, &secret, "the key in site.key has a passphrase");
    assert_int_equal(certificate_count_authorities(buf_span(&p.certificate), "ca.pem", why), 1);
    assert_int_equal(certificate_count_authorities(buf_span(&nothing), "ca.pem", why), -1);
    assert_non_null(strstr(why, "ca.pem"));
    buf_done(&secret);
    buf_done(&nothing);
    buf_done(&broken);
    buf_done(&half);
    pair_done(&p);
    pair_done(&other);
}

UNIT_MAIN(what_a_certificate_says, the_leaf_is_found_wherever_it_stands, what_is_wrong_is_said)
