/* notify_send.c - a socket a message: the manager may have been replaced since the last one. */
#include "master/notify_send.h"
#include <errno.h>
#include <stddef.h>
#include "base/sys.h"

int notify_find(struct notify_to *to, const char *socket)
{
    size_t len = socket ? strlen(socket) : 0;
    *to = (struct notify_to){ .at.sun_family = AF_UNIX };
    if (len == 0)
        return 0;
    if (socket[0] != '/' && socket[0] != '@')
        return -EAFNOSUPPORT;
    if (len < 2 || len >= sizeof to->at.sun_path)
        return -ENAMETOOLONG;
    memcpy(to->at.sun_path, socket, len);
    if (socket[0] == '@')
        to->at.sun_path[0] = '\0';                /* its length says where an abstract name ends */
    to->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (socket[0] == '/'));
    return 0;
}

int notify_send(const struct notify_to *to, struct span text)
{
    if (to->len == 0)
        return 0;
    struct iovec part = { (char *)(uintptr_t)text.at, text.len };
    const struct msghdr message = { .msg_name = (void *)(uintptr_t)&to->at, .msg_namelen = to->len,
                                    .msg_iov = &part, .msg_iovlen = 1 };
    int fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    ssize_t sent = sys_sendmsg(fd, &message, MSG_DONTWAIT);
    (void)sys_close(fd);
    return sent < 0 ? (int)sent : 0;
}
