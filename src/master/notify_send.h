/* notify_send.h - one datagram to a service manager, as sd_notify(3) sends it, without its library.
 */
#pragma once
#include <sys/socket.h>
#include <sys/un.h>
#include "base/span.h"

struct notify_to {
    struct sockaddr_un at;
    socklen_t len;                /* 0: nobody wants to hear */
};

/* Of $NOTIFY_SOCKET: "/path", or "@name" for an abstract one.  0; -EAFNOSUPPORT for anything else (vsock),
 * -ENAMETOOLONG. */
int notify_find(struct notify_to *to, const char *socket);
/* Never waits: -EAGAIN when the manager has too many unread.  0 where nobody wants to hear. */
int notify_send(const struct notify_to *to, struct span text);
