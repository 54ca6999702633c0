/* bio.c - OpenSSL's idea of a socket, over struct tls_io. */
#include <errno.h>
#include "tls/tls_private.h"

static int bio_write(BIO *bio, const char *from, int bytes)
{
    struct tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (bytes <= 0)
        return 0;
    ssize_t sent = t->io->send(t->owner, from, (size_t)bytes, t->has_more);
    if (sent > 0)
        return (int)sent;
    if (sent == -EAGAIN || sent == 0)
        BIO_set_retry_write(bio);
    else
        t->error = (int)sent;
    return -1;
}

static int bio_read(BIO *bio, char *into, int bytes)
{
    struct tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (bytes <= 0 || t->is_ended)
        return 0;
    if (tls_is_flooded(t)) {
        t->error = -EPROTO;
        return -1;
    }
    ssize_t got = t->io->recv(t->owner, into, (size_t)bytes);
    if (got > 0 && !t->has_come) {
        t->has_come = true;
        t->first_byte = (unsigned char)into[0];
    }
    if (got > 0)
        return (int)got;
    if (got == 0) {
        t->is_ended = true;
        return 0;
    }
    if (got == -EAGAIN)
        BIO_set_retry_read(bio);
    else
        t->error = (int)got;
    return -1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    const struct tls *t = BIO_get_data(bio);
    (void)number, (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF: return t->is_ended;
    default: return 0;
    }
}

BIO_METHOD *tls_bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "slipway");
    if (!method)
        return NULL;
    if (BIO_meth_set_write(method, bio_write) && BIO_meth_set_read(method, bio_read) &&
        BIO_meth_set_ctrl(method, bio_ctrl))
        return method;
    BIO_meth_free(method);
    return NULL;
}
