/* throwaway.c - key, certificate, signature. */
#include "tls/throwaway.h"
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include "tls/tls_private.h"

enum { HOUR_S = 3600 };

static bool add_extension(X509 *one, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, one, one, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool is_added = extension && X509_add_ext(one, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

/* A browser that once made an exception for a serial number takes no other certificate with it. */
static bool set_serial(X509 *one)
{
    uint64_t number;
    return RAND_bytes((unsigned char *)&number, sizeof number) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(one), number >> 1 | 1) == 1;
}

static bool fill(X509 *one, EVP_PKEY *key, const char *names, int64_t days)
{
    X509_NAME *subject = X509_get_subject_name(one);
    static const unsigned char who[] = "slipway, for trying out";
    return X509_set_version(one, X509_VERSION_3) == 1 && set_serial(one) &&
           X509_gmtime_adj(X509_getm_notBefore(one), -HOUR_S) != NULL &&
           X509_time_adj_ex(X509_getm_notAfter(one), (int)days, 0, NULL) != NULL &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, who, -1, -1, 0) == 1 &&
           X509_set_issuer_name(one, subject) == 1 && X509_set_pubkey(one, key) == 1 &&
           add_extension(one, NID_subject_alt_name, names) &&
           add_extension(one, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(one, NID_key_usage, "critical,digitalSignature") &&
           add_extension(one, NID_ext_key_usage, "serverAuth,clientAuth") &&
           X509_sign(one, key, EVP_sha256()) > 0;
}

static int write_pem(X509 *one, EVP_PKEY *key, struct buf *certificate, struct buf *key_text)
{
    BIO *to = BIO_new(BIO_s_mem()), *key_to = BIO_new(BIO_s_mem());
    char *text;
    int rc = -ENOMEM;
    if (to && key_to && PEM_write_bio_X509(to, one) == 1 &&
        PEM_write_bio_PKCS8PrivateKey(key_to, key, NULL, NULL, 0, NULL, NULL) == 1) {
        long bytes = BIO_get_mem_data(to, &text);
        rc = buf_add(certificate, (struct span){ text, (size_t)bytes });
        bytes = BIO_get_mem_data(key_to, &text);
        if (rc == 0)
            rc = buf_add(key_text, (struct span){ text, (size_t)bytes });
    }
    BIO_free(to);
    BIO_free(key_to);
    return rc;
}

int throwaway_make(const char *names, int64_t days, struct buf *certificate, struct buf *key_text)
{
    X509 *one = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    int rc = one && key && fill(one, key, names, days) ? write_pem(one, key, certificate, key_text)
                                                      : -ENOMEM;
    X509_free(one);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return rc;
}
