/* browser.c - which browser there is, Python's module `webbrowser` knows best ($BROWSER, xdg-open,
 * ...): the project's interpreter runs browse.py.
 */
#include "master/browser.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include "base/log.h"
#include "base/sys.h"
#include "master/spawn.h"
#include "master/supervise.h"
#include "master/zygote.h"

enum { URL_BYTES = 512 };

/* The first address that a browser can reach: "any address" is this machine.  False: only sockets. */
static bool find_url(const struct master *m, char into[URL_BYTES])
{
    static const struct span any4 = SPAN("http://0.0.0.0:"), any6 = SPAN("http://[::]:");
    for (size_t i = 0; i < m->listeners.count; i++) {
        struct span url = span_of(m->listeners.all[i].url);
        bool is4 = span_starts(url, any4), is6 = span_starts(url, any6);
        if (!span_starts(url, SPAN("http")))
            continue;
        struct span rest = span_skip(url, is4 ? any4.len : is6 ? any6.len : 0);
        (void)snprintf(into, URL_BYTES, "%s%.*s%s/", is4 ? "http://127.0.0.1:"
                                                         : is6 ? "http://[::1]:" : "",
                       (int)rest.len, rest.at, m->conf->mount);
        return true;
    }
    return false;
}

void browser_open(const struct master *m)
{
    char script[PATH_MAX], url[URL_BYTES], isolated[] = "-I", why[CONF_WHY_BYTES];
    char *python = (char *)(uintptr_t)m->start->project->python;
    char *argv[] = { python, isolated, script, url, NULL };
    struct spawn s = { .path = python, .argv = argv, .envp = m->start->envp,
                       .output_fd = m->logs.output_fds[1], .error_fd = m->logs.output_fds[1] };
    int rc = find_url(m, url) ? zygote_file("browse.py", script, why) : -EADDRNOTAVAIL;
    pid_t pid = rc == 0 ? spawn_start(&s) : rc;
    if (pid < 0)
        log_warn("no browser was opened", "error=%d", -pid);
}
