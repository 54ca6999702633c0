/* mac.c - by OpenSSL, without its configuration file: it would look for that at the first use, which in an
 * edge comes after the sandbox.  A process that speaks TLS has read it already. */
#include "tls/mac.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

int mac_sign(const unsigned char key[MAC_KEY_BYTES], struct span text, unsigned char mac[MAC_BYTES])
{
    unsigned len = MAC_BYTES;
    const unsigned char *at = (const unsigned char *)text.at;
    if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL))
        return -ENOMEM;
    return HMAC(EVP_sha256(), key, MAC_KEY_BYTES, at, text.len, mac, &len) ? 0 : -ENOMEM;
}

bool mac_is_equal(const unsigned char a[MAC_BYTES], const unsigned char b[MAC_BYTES])
{
    return CRYPTO_memcmp(a, b, MAC_BYTES) == 0;
}
