/* tls_private.h - what the files of tls share: OpenSSL's objects behind our names. */
#pragma once
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include "tls/certificate.h"
#include "tls/names.h"
#include "tls/tickets.h"
#include "tls/tls.h"

struct certificate {
    struct certificate_facts facts;
    struct span *names;           /* facts.names, one block with their bytes */
    X509 *leaf;
    STACK_OF(X509) *chain;
    EVP_PKEY *key;
};

enum { TLS_RECORD_BYTES = 16384 };

struct tls_server {
    unsigned holders;
    struct tls_setup setup;       /* without the bundle, which was borrowed */
    SSL_CTX **contexts;           /* one for each set of certificates that some name has */
    size_t contexts_count;
    SSL_CTX *first;               /* of the first certificate: for clients that name no host of ours */
    struct certificate **certificates;
    size_t certificates_count;
    struct names names;           /* to an index into contexts */
    BIO_METHOD *method;
    EVP_CIPHER *ticket_cipher;
    char gather[TLS_RECORD_BYTES];          /* a record's plain text that came in pieces */
};

struct tls {
    SSL *ssl;
    struct tls_server *server;
    const struct tls_io *io;
    void *owner;                  /* of the socket; io's first argument */
    int64_t moved_ms;             /* when it last sent something */
    uint32_t small_left_bytes;    /* to go out in small records yet */
    uint32_t pending_bytes;       /* of a record that went out in part: these come first again */
    int error;                    /* of io, negative; 0: none */
    bool has_more;                /* what is sent now is followed by something at once */
    bool is_ended;                /* io said that the peer sends no more */
    bool is_done;                 /* the handshake is */
    bool is_failed;               /* OpenSSL refuses to go on with it */
    uint32_t idle_messages;       /* since the handshake: of the handshake protocol that came, alerts that went */
    unsigned char first_byte;     /* that came; a TLS record begins with 22 */
    bool has_come;                /* something came at all */
    char *client;                 /* heap: what tls_client() gives; NULL */
    uint32_t client_bytes;
    const char *reason;           /* static text of OpenSSL's: why it failed; NULL */
};

/* What a peer may send that is no plain text, and have us answer by an alert.  True: too much came. */
enum { TLS_IDLE_MESSAGES_MAX = 64 };
static inline bool tls_is_flooded(const struct tls *t)
{
    return t->idle_messages > TLS_IDLE_MESSAGES_MAX;
}

/* "certificate has expired": OpenSSL's last word, or a general one; empties its queue. */
const char *tls_last_error(void);
/* The session a BIO belongs to: bio.c. */
BIO_METHOD *tls_bio_method(void);            /* NULL: no memory */
/* SSL_CTX callbacks for tickets: sealing.c. */
int tls_seal(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
             EVP_MAC_CTX *mac, int is_sealing);
/* The server behind an SSL: its contexts carry it. */
struct tls_server *tls_server_of(SSL *ssl);
