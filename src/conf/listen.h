/* listen.h - one item of the option `listen`: where, and how, as the user spelled it.
 *
 *     ADDR:PORT | [IPV6]:PORT | NAME:PORT | :PORT (all of IPv4) | PORT (of 127.0.0.1)
 *     unix:PATH | unix:@NAME (abstract) | fd:NUMBER | fd:NAME | systemd
 * and after blanks any of the words in listen.c: `tls`, `proxy`, `mode=0660 owner=www-data group=www-data`.
 *
 * fd:NUMBER is a listening socket that whoever started us left open; fd:NAME the sockets of that name
 * among those of LISTEN_FDS (sd_listen_fds(3)), `systemd` all of them.  Pure: nothing is looked up.
 */
#pragma once
#include <sys/types.h>
#include <sys/un.h>
#include "conf/conf.h"

enum listen_kind { LISTEN_INET, LISTEN_UNIX, LISTEN_ABSTRACT, LISTEN_FD, LISTEN_NAMED, LISTEN_SYSTEMD };
enum { LISTEN_MODE = 0660, LISTEN_ACCOUNT_BYTES = 33 };

struct listen_spec {
    enum listen_kind kind;
    bool is_ipv6;
    bool is_tls;            /* clients speak TLS here */
    bool has_proxy;         /* a PROXY header comes first, before any TLS */
    uint16_t port;
    int fd;
    char host[256];         /* without brackets; "0.0.0.0" for :PORT */
    /* of a Unix socket (without '@'), or the name of LISTEN_NAMED */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    struct span address;    /* the item without its words; points into the text */
    mode_t mode;            /* of a socket file: LISTEN_MODE when nothing is said */
    char owner[LISTEN_ACCOUNT_BYTES], group[LISTEN_ACCOUNT_BYTES];     /* names or numbers, "": ours */
};

/* NULL, or what a right one looks like, for "--listen takes ..., not ...". */
const char *listen_parse(struct span text, struct listen_spec *s);
/* Whether one of the items has the word tls. */
bool listen_any_tls(const struct conf_list *items);
