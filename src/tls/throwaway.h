/* throwaway.h - a certificate that nobody has to vouch for: signed by itself, for trying HTTPS on
 * one's own machine (`slipway run --tls`).
 */
#pragma once
#include "base/buf.h"

/* ECDSA P-256, valid from an hour ago for so many days.  `names` as OpenSSL writes alternative
 * names: "DNS:localhost,IP:127.0.0.1".  PEM text is added to both.  0, or -ENOMEM. */
int throwaway_make(const char *names, int64_t days, struct buf *certificate, struct buf *key);
