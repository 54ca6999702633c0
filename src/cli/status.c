/* status.c - `slipway status`: the running site's own answer, as a table or as it is. */
#include <stdio.h>
#include "base/sys.h"
#include "cli/verbs.h"

enum { DURATION_BYTES = 32 };

static const char *duration(char into[DURATION_BYTES], int64_t ms)
{
    int64_t s = ms / 1000;
    if (ms < 0)
        (void)snprintf(into, DURATION_BYTES, "-");
    else if (s < 10)
        (void)snprintf(into, DURATION_BYTES, "%d.%ds", (int)s, (int)(ms % 1000 / 100));
    else if (s < 100)
        (void)snprintf(into, DURATION_BYTES, "%ds", (int)s);
    else if (s < 6000)
        (void)snprintf(into, DURATION_BYTES, "%dm %02ds", (int)(s / 60), (int)(s % 60));
    else if (s < 48 * 3600)
        (void)snprintf(into, DURATION_BYTES, "%dh %02dm", (int)(s / 3600), (int)(s / 60 % 60));
    else
        (void)snprintf(into, DURATION_BYTES, "%lldd %dh", (long long)(s / 86400),
                       (int)(s / 3600 % 24));
    return into;
}

static void print_urls(const json_t *answer)
{
    const json_t *url;
    size_t i;
    json_array_foreach(json_object_get(answer, "url"), i, url)
        (void)printf("  %s\n", json_string_value(url));
}

static void print_head(const json_t *answer)
{
    char up[DURATION_BYTES];
    const char *application = json_text(answer, "application", "");
    (void)printf("%s: %s, %s%s%s, generation %lld, up %s, master %lld\n", json_text(answer, "site", "site"),
                 json_text(answer, "state", "serving"), json_text(answer, "framework", "WSGI"),
                 application[0] != '\0' ? " " : "", application,
                 (long long)json_int(answer, "generation", 0),
                 duration(up, json_int(answer, "uptime_s", 0) * 1000),
                 (long long)json_int(answer, "pid", 0));
    print_urls(answer);
}

static void print_worker(const json_t *w)
{
    char since[DURATION_BYTES];
    (void)printf("%6lld %8lld  %-9s %10lld  %9s %8.1f MiB  %10lld %8lld\n",
                 (long long)json_int(w, "id", 0), (long long)json_int(w, "pid", 0),
                 json_text(w, "state", "-"), (long long)json_int(w, "requests", 0),
                 duration(since, json_int(w, "since_ms", -1)),
                 (double)json_int(w, "rss_kib", 0) / 1024, (long long)json_int(w, "generation", 0),
                 (long long)json_int(w, "restarts", 0));
}

static void print_edge(const json_t *e)
{
    (void)printf("%6lld %8lld  %11lld %9lld %9lld %9lld\n", (long long)json_int(e, "id", 0),
                 (long long)json_int(e, "pid", 0), (long long)json_int(e, "connections", 0),
                 (long long)json_int(e, "requests", 0), (long long)json_int(e, "queued", 0),
                 (long long)json_int(e, "refused", 0));
}

static void print_maintenance(const json_t *row)
{
    if (json_flag(row, "on", false))
        (void)printf("!  maintenance, by the %s%s%s\n", json_text(row, "by", ""), json_text(row, "message", "")[0] ? ": " : "",
                     json_text(row, "message", ""));
}

/* All of them when they are few, else those that end soon. */
static void print_certificates(const json_t *rows)
{
    enum { FEW = 5, SOON_DAYS = 30 };
    const json_t *row;
    size_t i, count = json_array_size(rows);
    json_array_foreach(rows, i, row) {
        long long days = (long long)json_int(row, "days", 0);
        if (count > FEW && days >= SOON_DAYS)
            continue;
        (void)printf("%s  certificate %s (%s): %s %lld day%s\n", days < SOON_DAYS ? "!" : " ",
                     json_text(row, "names", ""), json_text(row, "file", ""),
                     days < 0 ? "expired for" : "for", days < 0 ? -days : days,
                     days == 1 || days == -1 ? "" : "s");
    }
    if (count > FEW)
        (void)printf("   %zu certificates\n", count);
}

/* Lines that a log lost: the place was full or gone, or the disk too slow for the edges. */
static void print_dropped(const json_t *answer)
{
    const json_t *edge, *logs = json_object_get(answer, "logs");
    size_t i;
    int64_t access = json_int(logs, "access_dropped", 0), log = json_int(logs, "log_dropped", 0);
    json_array_foreach(json_object_get(answer, "edges"), i, edge)
        access += json_int(edge, "access_dropped", 0);
    if (access > 0)
        (void)printf("!  %lld lines of the access log were dropped (%s)\n", (long long)access,
                     json_text(logs, "access", "-"));
    if (log > 0)
        (void)printf("!  %lld lines of the log were dropped (%s)\n", (long long)log,
                     json_text(logs, "log", "-"));
}

static void print_workers(const json_t *rows)
{
    const json_t *row;
    size_t i;
    (void)printf("\n%6s %8s  %-9s %10s  %9s %12s  %10s %8s\n", "worker", "pid", "state", "requests",
                 "for", "memory", "generation", "restarts");
    json_array_foreach(rows, i, row)
        print_worker(row);
}

static void print_edges(const json_t *rows)
{
    const json_t *row;
    size_t i;
    (void)printf("\n%6s %8s  %11s %9s %9s %9s\n", "edge", "pid", "connections", "requests",
                 "queued", "refused");
    json_array_foreach(rows, i, row)
        print_edge(row);
}

static void print_hosts(const json_t *hosts)
{
    const json_t *host;
    size_t i;
    json_array_foreach(hosts, i, host)
        (void)printf("%s%s", i == 0 ? "  " : ", ", json_string_value(host));
    (void)puts(json_array_size(hosts) == 0 ? "  every other host" : "");
}

/* Of a site without hosts that cannot even be read nobody knows for whom it is. */
static void print_fault(const json_t *site)
{
    const char *error = json_text(site, "error", "");
    bool is_down = json_int(site, "generation", 0) == 0;
    if (json_array_size(json_object_get(site, "hosts")) > 0 || !is_down)
        print_hosts(json_object_get(site, "hosts"));
    if (error[0])
        (void)printf("!  %s: %s\n", is_down ? "cannot be served" : "the last reload was refused", error);
}

/* Of one that has several sites. */
static void print_server(const json_t *answer)
{
    char up[DURATION_BYTES];
    const json_t *site, *sites = json_object_get(answer, "sites");
    size_t i;
    (void)printf("%zu site%s, %s, up %s, master %lld\n", json_array_size(sites), json_array_size(sites) == 1 ? "" : "s",
                 json_text(answer, "state", "serving"), duration(up, json_int(answer, "uptime_s", 0) * 1000),
                 (long long)json_int(answer, "pid", 0));
    print_urls(answer);
    print_certificates(json_object_get(answer, "certificates"));
    json_array_foreach(sites, i, site) {
        (void)printf("\n%s: %s, %s, generation %lld, %s\n", json_text(site, "site", ""), json_text(site, "state", ""),
                     json_text(site, "framework", ""), (long long)json_int(site, "generation", 0),
                     json_text(site, "folder", ""));
        print_fault(site);
        print_maintenance(json_object_get(site, "maintenance"));
        print_workers(json_object_get(site, "workers"));
    }
    print_edges(json_object_get(answer, "edges"));
}

static int print_json(const json_t *answer)
{
    char *line = json_line(answer);
    if (!line)
        return verbs_fail(EXIT_WRONG, "out of memory");
    (void)fputs(line, stdout);
    sys_free(line);
    return EXIT_DONE;
}

int verb_status(int argc, char **argv)
{
    int status;
    bool is_json = verbs_take_flag(&argc, argv, "--json");
    json_t *answer = verbs_ask(argc, argv, "status", &status);
    if (!answer)
        return status;
    if (!json_flag(answer, "ok", false)) {
        status = verbs_refused(answer, "no status");
    } else if (is_json) {
        status = print_json(answer);
    } else if (json_object_get(answer, "sites")) {
        print_server(answer);
    } else {
        print_head(answer);
        print_maintenance(json_object_get(answer, "maintenance"));
        print_certificates(json_object_get(answer, "certificates"));
        print_dropped(answer);
        print_workers(json_object_get(answer, "workers"));
        print_edges(json_object_get(answer, "edges"));
    }
    json_decref(answer);
    return status;
}
