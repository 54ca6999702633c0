/* logins.h - are these credentials in a file of htpasswd?  Checked by helpers, since a good hash is slow on
 * purpose; right ones are remembered, so that only the first request of a visitor waits.
 *
 *     login --logins_ask()--> remembered? else a check: a helper's job --done--> the waiting exchanges wake
 *
 * Remembered  a keyed digest of user, password and hash, for ten minutes: it is found no more when the
 *             file has another hash, or the user no more.  1024 of them; the oldest goes.
 * Checks      the same credentials asked for twice are checked once.  One helper is left to files where
 *             there are several; of others CHECKS_MAX wait their turn.
 * Time        an unknown user's password is checked against somebody's hash, so that names cannot be
 *             guessed by how long an answer takes (in a file with hashes of one kind).
 * Owner       struct serve; logins_free() with checks under way lets them end by themselves.
 */
#pragma once
#include "conf/htpasswd.h"
#include "loop/helpers.h"

struct exchange;
struct logins;
struct login_wait;

enum logins_say {
    LOGINS_RIGHT, LOGINS_WRONG,
    LOGINS_LATER,             /* this client guessed too often: x->login_wait_s */
    LOGINS_WAIT,              /* x->login_wait is set; the exchange is woken and x->login_say is set */
    LOGINS_FAILED,            /* no memory, or too many wait */
};

struct logins *logins_new(struct loop *loop, struct helpers *helpers);       /* NULL: no memory */
void logins_free(struct logins *l);       /* takes NULL */
/* May be asked at any time; what is wrong counts as a guess of x's client. */
enum logins_say logins_ask(struct logins *l, struct exchange *x, const struct htpasswd *people,
                           struct span user, struct span password);
/* Credentials that cannot be read: WRONG or LATER. */
enum logins_say logins_refuse(struct logins *l, struct exchange *x);
void logins_leave(struct exchange *x);    /* it does not wait any more */
