/* local_certificate.c - `run --tls`: which listeners speak TLS then, and where the certificate of this
 * machine lies.  It stays there, so that a browser is asked about it once. */
#include <errno.h>
#include <stdio.h>
#include "conf/conf_private.h"
#include "conf/env_file.h"
#include "conf/folder.h"
#include "conf/listen.h"

static int place(char into[FOLDER_BYTES], char *const *envp)
{
    const char *cache = env_value(envp, "XDG_CACHE_HOME"), *home = env_value(envp, "HOME");
    if (cache && cache[0] == '/')
        return folder_join(into, cache, "slipway/localhost.pem");
    if (home && home[0] == '/')
        return folder_join(into, home, ".cache/slipway/localhost.pem");
    return -ENOENT;
}

static int add_word(struct conf *c, size_t i)
{
    struct listen_spec s;
    struct buf text = { 0 };
    const char *item = c->listen.items[i];
    if (listen_parse(span_of(item), &s) || s.kind != LISTEN_INET || s.is_tls)
        return 0;
    int rc = buf_addf(&text, "%s tls", item);
    const char *kept = rc == 0 ? conf_keep(c, buf_span(&text)) : NULL;
    buf_done(&text);
    if (!kept)
        return -ENOMEM;
    c->listen.items[i] = kept;
    return 0;
}

int conf_use_local_certificate(struct conf *c, char *const *envp, char *why)
{
    char file[FOLDER_BYTES];
    int rc = 0;
    if (!c->tls)
        return 0;
    for (size_t i = 0; i < c->listen.count && rc == 0; i++)
        rc = add_word(c, i);
    if (rc == 0 && c->tls_certificate.count == 0) {
        if (place(file, envp) < 0) {
            (void)snprintf(why, CONF_WHY_BYTES, "there is no place for the certificate of --tls: set HOME, "
                           "or name one with --tls-certificate");
            return -ENOENT;
        }
        const char *kept = conf_keep(c, span_of(file));
        c->tls_certificate.items[0] = kept;
        c->tls_certificate.count = kept != NULL;
        rc = kept ? 0 : -ENOMEM;
    }
    if (rc < 0)
        (void)snprintf(why, CONF_WHY_BYTES, "out of memory");
    return rc;
}
