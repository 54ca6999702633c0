/* sealing.c - session tickets by the shared keys: AES-256-CBC and HMAC-SHA256 (RFC 5077, section 4). */
#include <openssl/core_names.h>
#include <openssl/rand.h>
#include "base/sys.h"
#include "tls/tls_private.h"

/* What OpenSSL asks for: a negative answer ends the handshake, 0 is a ticket that nobody can open
 * (the handshake is a full one then), 2 one that is to be replaced. */
enum { SEAL_FAILED = -1, SEAL_UNKNOWN = 0, SEAL_DONE = 1, SEAL_OLD = 2 };

static bool set_mac(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac,
                                          sizeof key->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int seal(const struct tls_server *s, unsigned char *name, unsigned char *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const struct ticket_key *key = tickets_newest(s->setup.tickets);
    if (!key)
        return SEAL_UNKNOWN;
    memcpy(name, key->name, sizeof key->name);
    bool is_set = RAND_bytes(iv, EVP_CIPHER_get_iv_length(s->ticket_cipher)) == 1 &&
                  EVP_EncryptInit_ex2(cipher, s->ticket_cipher, key->cipher, iv, NULL) == 1 &&
                  set_mac(mac, key);
    return is_set ? SEAL_DONE : SEAL_FAILED;
}

static int unseal(const struct tls_server *s, const unsigned char *name, const unsigned char *iv,
                  EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const struct ticket_key *key = tickets_find(s->setup.tickets, name, sys_wall_us() / 1000000,
                                                s->setup.session_s);
    if (!key)
        return SEAL_UNKNOWN;
    bool is_set = EVP_DecryptInit_ex2(cipher, s->ticket_cipher, key->cipher, iv, NULL) == 1 &&
                  set_mac(mac, key);
    if (!is_set)
        return SEAL_FAILED;
    return key == tickets_newest(s->setup.tickets) ? SEAL_DONE : SEAL_OLD;
}

int tls_seal(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
             EVP_MAC_CTX *mac, int is_sealing)
{
    const struct tls_server *s = tls_server_of(ssl);
    return is_sealing ? seal(s, name, iv, cipher, mac) : unseal(s, name, iv, cipher, mac);
}
