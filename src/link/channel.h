/* channel.h - what master, edges, scribe, zygote and workers say to each other, and by which
 * descriptor.
 *
 * master <-> edge      SOCK_SEQPACKET, struct channel_msg (+ text), descriptors beside it
 * master <-> zygote    SOCK_SEQPACKET, one JSON object a message, descriptors beside "fork"
 * master <-> worker    SOCK_SEQPACKET ("life"), one JSON object a message; when it ends, so
 *                      does the worker
 * master <-> scribe    SOCK_SEQPACKET, a byte a message (enum channel_scribe), and maybe a text; when it ends: write
 *                      what is in the pipes, then leave
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>
#include "base/span.h"

enum {                          /* descriptors of `slipway edge` and `slipway scribe` at exec */
    CHANNEL_CONF_FD = 3,        /* memfd with conf_write()'s text */
    CHANNEL_MASTER_FD = 4,
    CHANNEL_ACCESS_FD = 5,      /* edge: write end of the access pipe; scribe: its read end */
    CHANNEL_OUTPUT_FD = 6,      /* scribe: read end of the pipe that is stdout and stderr of edges,
                                 * zygotes and workers, and the master's log */
    CHANNEL_LISTEN_FD = 6,      /* edge: the first listener, in the order of conf.listen */
};

enum channel_scribe {           /* what the master says to the scribe */
    CHANNEL_SCRIBE_REOPEN = 'r',        /* the files, by their names */
    CHANNEL_SCRIBE_DEVELOPMENT = 'd',   /* at once: we are `run` */
    CHANNEL_SCRIBE_HOLD = 'h',          /* pdb has the terminal: keep lines back */
    CHANNEL_SCRIBE_GO_ON = 'g',         /* ... not any more */
    CHANNEL_SCRIBE_SITE = 's',          /* then "NUMBER WHERE\nSITE": its own access log (scribe/site_logs.h) */
    CHANNEL_SCRIBE_SITE_GONE = 'x',     /* then "NUMBER" */
    CHANNEL_SCRIBE_WILL = 'w',          /* fd: what the scribe before had not written (scribe/will.h) */
};

/* What the scribe says to the master: counts as JSON; and, when a log lies where its sandbox keeps it from, 'w' with
 * its will for the next one.  Then it ends with this status: */
enum { CHANNEL_SCRIBE_LEFT = 76 };

enum channel_kind {
    /* master to edge */
    CHANNEL_WELCOME,            /* edge (own index), a = edges, b = {uid 32, gid 32} to become or 0,
                                 * site = so many CHANNEL_SITE follow next, before any client is met;
                                 * fds: the board, and with TLS listeners certificates: a memfd
                                 * of tls/bundle.h's items */
    CHANNEL_SITE,               /* site; fds: memfd with conf_write()'s text, and where there are
                                 * some, one of conf/annex.h: there is such a one, or from the
                                 * switch to `generation` on it has these options and hosts (0: at
                                 * once); a = generation they are of, 0: none; of several that
                                 * name a host the latest has it */
    CHANNEL_SITE_DOWN,          /* site: it could not be started; nobody is to wait for it */
    CHANNEL_SITE_GONE,          /* site */
    CHANNEL_FILES,              /* generation, just before it: its static files; text: JSON, as is
                                 * below; fds: the folders (O_PATH), in which an edge's user may
                                 * read, but which it may not be able to reach; a: a bit each
                                 * whose content is to be read */
    CHANNEL_GENERATION,         /* generation; fds: yard, bell of edge 0, bell of edge 1, ... */
    CHANNEL_WORKER,             /* generation, worker, pid: it is ready; fds: intake write end, own
                                 * passing socket */
    CHANNEL_WORKER_REST,        /* generation, worker: no more offers (recycled or being killed) */
    CHANNEL_WORKER_DEAD,        /* generation, worker, pid, a = wait status: judge its slots */
    CHANNEL_SWITCH,             /* generation: requests go there now; answered by SWITCHED */
    CHANNEL_RETIRE,             /* generation: no more offers; answered by DRAINED when empty */
    CHANNEL_FORGET,             /* generation: unmap, close */
    CHANNEL_DRAIN,              /* stop: accept what is in the backlog, finish, exit 0; a = 1: another
                                 * edge has taken over */
    CHANNEL_REPORT,             /* answered by STATS */
    CHANNEL_MAINTENANCE,        /* of a site; text: {"on":BOOL,"message":TEXT,"page":HTML,
                                 * "allow":[NETWORK]} (serve/maintenance.h) */
    CHANNEL_CHANGED,            /* generation, a = how often its templates or files changed
                                 * (`run --live`) */
    CHANNEL_CERTIFICATES,       /* fd: as above, instead of those before */
    /* edge to master */
    CHANNEL_SWITCHED, CHANNEL_DRAINED,      /* generation */
    CHANNEL_RENEW,              /* its sandbox keeps it from files it is to serve: another shall follow */
    CHANNEL_LATE,               /* generation, worker, a = thread, b = ms it ran; text: request
                                 * line: harakiri */
    CHANNEL_BROKE,              /* generation, worker; text: which rule: to be killed */
    CHANNEL_STATS,              /* text: JSON {"connections","requests","queued","in_hand",
                                 * "refused",...} */
    CHANNEL_KINDS
};

struct channel_msg {
    uint32_t kind, generation, worker, edge;
    uint32_t site;              /* master to edge: whose generation it is */
    int32_t pid;
    uint32_t text_bytes;        /* set by channel_send, checked by channel_recv */
    uint64_t a, b;
};

enum { CHANNEL_TEXT_MAX = 60 * 1024, CHANNEL_SCRIBE_TEXT_MAX = 4200 };

/* text of CHANNEL_FILES: {"mount":"", "static":[{"url":"/static/","root":"/abs",
 * "manifest":"/abs/staticfiles.json"|"", "without":"folder/in/it"|"", "media":BOOL,
 * "fd":which|"error":errno, "manifest_fd":which, its folder, where it is not beneath
 * root, "protected":true, "real":"/abs" without links, "only":"file in root"}], "front":BOOL,
 * "name":SITE, "framework":"Django 5.2", "hosts":ALLOWED_HOSTS,
 * "wall":{"realm","key":HEX,"accepts":[HEX]}, where there is one (serve/wall.h),
 * "headers":{"plain":[[NAME,VALUE]],"secure":[...]}, where there are some (serve/headers.h)} */

/* One message.  0, -EMSGSIZE (text beyond CHANNEL_TEXT_MAX), -EINVAL (too many descriptors),
 * -EAGAIN (a non-blocking socket that is full) or -errno; the descriptors stay the caller's. */
int channel_send(int fd, const struct channel_msg *msg, struct span text, const int *fds,
                 size_t fds_count);
/* One message: 1; 0: the other end is gone; -EAGAIN: none now (a non-blocking socket); -EBADMSG:
 * not one of ours, its descriptors are closed; or -errno.  `text` has CHANNEL_TEXT_MAX bytes, of
 * which msg->text_bytes are set; `fds` has SYS_FDS_MAX, and those that came are the caller's. */
int channel_recv(int fd, struct channel_msg *msg, char *text, int *fds, size_t *fds_count);

/* zygote: started as `PYTHON boot.py FD` in the project's folder with the site's environment.
 *   zygote > master   {"event":"ready","python":"3.11.2","framework":"Django 5.2.8"|"WSGI",
 *                      "application":"harbour.wsgi:application","settings":"harbour.settings",
 *                      "static":[{"url","root"}],"media":...,"debug":true,"allowed_hosts":[...],
 *                      "preload":{"verdict":"yes"|"no","why":"sentence"|"",
 *                                 "module":"shop.feeds"|""},
 *                      "metrics_dir":"of prometheus_client"|""}
 *                     {"event":"failed","error":"one sentence","traceback":"..."}
 *   master > zygote   {"do":"start","app":"m:c"|"","settings":"m","chdir":"...","threads":N,
 *                      "app_from":"who names it"|"","settings_from":"...",
 *                      "development":true|false,...}   (once, at first; development: `run`)
 *                     "check":{"body_limit":BYTES,"static":[URL],"files":[URL],
 *                     "routes":[PATTERN],"sees_https":false,
 *                     "is_open":false (other machines can connect)} asks for
 *                     "checks":[{"name","group","level","text","fix","later"}] in "ready"
 *                     (only `slipway check` does; lookover.py)
 *                     {"do":"fork","worker":I,"generation":G} fds: yard, intake read end, life,
 *                     then bell and passing of each edge
 *                     {"do":"look"}     `run`: templates changed, nothing else
 *                     ("live": the path of changes.c's script, "" without `--live`)
 *   zygote > master   {"event":"looked","count":N}    so many it has obeyed
 * `run` only, zygote or worker > master, any number, each below 8 KiB (master/watcher.h):
 *                     {"event":"watch","folder":"/abs","names":["a.py",...]}
 *                     {"event":"watch","folder":"/abs","any":"code"|"template"|"file"}
 *                     and a failed import is "ready", with "error" and "traceback" beside the rest:
 *                     its application is a page that shows them.  A start with "error" and
 *                     "traceback" asks for that page without an import.
 * worker > master     {"event":"born","pid":N}   at once after the fork
 *                     {"event":"ready"}          after the fork hooks: it takes offers
 *                     {"event":"failed","error":"one sentence"}   it had to import the project
 * `run` only          {"event":"breakpoint"}     it is the leader of a process group of its own and
 *                                                wants the terminal
 *                     {"event":"continued"}      ... does not need it any more
 * master > worker     {"do":"debug"}             it has the terminal now
 *                     {"do":"pass","why":"..."}  it does not get it
 */
