/* routes.h - which folders the edge serves by itself, from the options and from what Django said.
 */
#pragma once
#include "base/json.h"
#include "base/sys.h"
#include "master/master.h"
#include "master/worker_user.h"

/* The text of CHANNEL_FILES (link/channel.h), heap for sys_free; NULL: no memory.  `note`
 * (CONF_WHY_BYTES) says what becomes of MEDIA_URL, "" in a project that has no uploads. */
char *routes_text(const struct master_start *start, const json_t *report, char *note);

struct routes_files {
    char *text;                     /* the same with "fd" or "error" in each row; heap */
    int fds[SYS_FDS_MAX];           /* own */
    size_t count;
    uint64_t readable;              /* a bit each of them whose content is served */
};
/* Opens the folders of that text: an edge's user need not reach them by their paths.  Those that the
 * project named are opened with its user's rights, those of the option static with ours.  0 or -ENOMEM. */
int routes_open(const char *text, const struct worker_user *user, struct routes_files *files);
void routes_close(struct routes_files *files);
