/* password.h - is this the password of that hash?  Slow on purpose of the hash: for a helper's thread. */
#pragma once
#include "conf/htpasswd.h"

enum { PASSWORD_BYTES_MAX = 256 };        /* of SHA-crypt every byte costs in every round */

/* 1: it is; 0: it is not, or is longer than that or holds a zero byte, which no hash tells apart;
 * -ENOMEM or -ENOTSUP: this machine cannot say. */
int password_matches(const struct htpasswd_row *row, struct span password);
