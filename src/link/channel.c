/* channel.c - one SOCK_SEQPACKET message: a struct channel_msg, its text, its descriptors.
 *
 * Both ends are ours, but an edge parses what strangers send: what came is checked before it is
 * used.
 */
#include "link/channel.h"
#include <errno.h>
#include "base/sys.h"

enum { MESSAGE_MAX = sizeof(struct channel_msg) + CHANNEL_TEXT_MAX };

int channel_send(int fd, const struct channel_msg *msg, struct span text, const int *fds,
                 size_t fds_count)
{
    char whole[MESSAGE_MAX];
    struct channel_msg head = *msg;
    if (text.len > CHANNEL_TEXT_MAX)
        return -EMSGSIZE;
    head.text_bytes = (uint32_t)text.len;
    memcpy(whole, &head, sizeof head);
    if (text.len > 0)
        memcpy(whole + sizeof head, text.at, text.len);
    ssize_t sent = sys_send_fds(fd, whole, sizeof head + text.len, fds, fds_count, 0);
    return sent < 0 ? (int)sent : 0;
}

int channel_recv(int fd, struct channel_msg *msg, char *text, int *fds, size_t *fds_count)
{
    char whole[MESSAGE_MAX];
    struct channel_msg head = { 0 };
    size_t count = 0;
    ssize_t got = sys_recv_fds(fd, whole, sizeof whole, fds, &count, 0);
    if (got < 0)
        return got == -EMSGSIZE ? -EBADMSG : (int)got;
    if ((size_t)got >= sizeof head)
        memcpy(&head, whole, sizeof head);
    if ((size_t)got < sizeof head || head.kind >= CHANNEL_KINDS ||
        head.text_bytes != (size_t)got - sizeof head) {
        while (count > 0)
            (void)sys_close(fds[--count]);
        return got == 0 ? 0 : -EBADMSG;
    }
    memcpy(text, whole + sizeof head, head.text_bytes);
    *msg = head;
    *fds_count = count;
    return 1;
}
