/* edge_user.h - whom the edges are to become: option edge-user, where root starts slipway.
 *
 * An edge needs no rights of its own: sockets, pipes and the folders of static files come to it as
 * descriptors.  It must be able to read those files, and to make files in the spool folder.
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>
#include "conf/conf.h"

struct edge_user {
    bool is_other;            /* than who we are: edges change */
    uid_t uid;
    gid_t gid;
};

/* 0; or -EINVAL (no such user, or root) or -errno with a sentence (CONF_WHY_BYTES). */
int edge_user_find(const struct conf *c, struct edge_user *u, char *why);
uint64_t edge_user_word(const struct edge_user *u);      /* of CHANNEL_WELCOME; 0: none */
/* Opens a file that nobody else sees in this folder with that user's rights: a descriptor or
 * -errno. */
int edge_user_spool(const struct edge_user *u, const char *folder);
