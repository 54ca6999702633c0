/* listen.c - the one reader of `listen`: conf refuses with it, the master opens by it and the edge
 * takes its words from it, so the three cannot differ.
 */
#include "conf/listen.h"
#include <arpa/inet.h>
#include <errno.h>

enum { PORT_DIGITS_MAX = 5, FD_MAX = 1000000 };

static const char takes_address[] = "ADDR:PORT such as 127.0.0.1:8000, :8000 or [::]:8000, unix:PATH, "
                                    "fd:NUMBER, fd:NAME or systemd";
static const char takes_words[] =
    "after its address only tls, proxy, or mode=0660, owner=NAME and group=NAME (of unix:PATH)";

/* ---- words ---- */

static bool read_mode(struct span value, struct listen_spec *s)
{
    mode_t mode = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '7' || i > 3)
            return false;
        mode = mode * 8 + (mode_t)(value.at[i] - '0');
    }
    s->mode = mode;
    return value.len >= 3 && mode <= 0777;
}

static bool read_account(struct span value, char into[LISTEN_ACCOUNT_BYTES])
{
    if (value.len == 0 || value.len >= LISTEN_ACCOUNT_BYTES)
        return false;
    *(char *)mempcpy(into, value.at, value.len) = '\0';
    return true;
}

static bool read_owner(struct span value, struct listen_spec *s)
{
    return read_account(value, s->owner);
}

static bool read_group(struct span value, struct listen_spec *s)
{
    return read_account(value, s->group);
}

static bool read_tls(struct span value, struct listen_spec *s)
{
    (void)value;
    s->is_tls = true;
    return true;
}

static bool read_proxy(struct span value, struct listen_spec *s)
{
    (void)value;
    s->has_proxy = true;
    return true;
}

static const struct word {
    struct span name;                   /* with '=': a value follows */
    bool (*read)(struct span value, struct listen_spec *s);
    bool is_unix_only;
} words[] = {
    { SPAN("tls"), read_tls, false },
    { SPAN("proxy"), read_proxy, false },
    { SPAN("mode="), read_mode, true },
    { SPAN("owner="), read_owner, true },
    { SPAN("group="), read_group, true },
};

static bool read_word(struct span text, struct listen_spec *s)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const struct word *w = &words[i];
        bool has_value = w->name.at[w->name.len - 1] == '=';
        if (has_value ? span_starts(text, w->name) : span_eq(text, w->name))
            return (!w->is_unix_only || s->kind == LISTEN_UNIX) &&
                   w->read(span_skip(text, w->name.len), s);
    }
    return false;
}

static bool read_words(struct span rest, struct listen_spec *s)
{
    for (rest = span_trim(rest); rest.len > 0; rest = span_trim(rest)) {
        size_t end = 0;
        while (end < rest.len && rest.at[end] != ' ' && rest.at[end] != '\t')
            end++;
        if (!read_word((struct span){ rest.at, end }, s))
            return false;
        rest = span_skip(rest, end);
    }
    return true;
}

/* ---- addresses ---- */

static bool read_path(struct span path, struct listen_spec *s)
{
    bool is_abstract = path.len > 0 && path.at[0] == '@';
    s->kind = is_abstract ? LISTEN_ABSTRACT : LISTEN_UNIX;
    path = span_skip(path, is_abstract);
    if (path.len == 0 || path.len >= sizeof s->path)
        return false;
    *(char *)mempcpy(s->path, path.at, path.len) = '\0';
    return true;
}

static bool read_fd(struct span name, struct listen_spec *s)
{
    uint64_t number = FD_MAX + 1;
    if (span_to_u64(name, &number) != -EBADMSG) {
        s->kind = LISTEN_FD;
        s->fd = number <= FD_MAX ? (int)number : -1;
        return number > 2 && number <= FD_MAX;           /* not the standard ones */
    }
    s->kind = LISTEN_NAMED;
    if (name.len == 0 || name.len >= sizeof s->path)
        return false;
    *(char *)mempcpy(s->path, name.at, name.len) = '\0';
    return true;
}

static bool read_port(struct span text, struct listen_spec *s)
{
    uint64_t port;
    if (text.len > PORT_DIGITS_MAX || span_to_u64(text, &port) < 0 || port > UINT16_MAX)
        return false;                                    /* 0: any free one, for tests */
    s->port = (uint16_t)port;
    return true;
}

/* A name, an IPv4 address or a bracketed IPv6 one; only the form: the master looks names up. */
static bool read_host(struct span host, struct listen_spec *s)
{
    char address[sizeof(struct in6_addr)];
    if (host.len == 0 || span_eq(host, SPAN("*")))        /* '*' is nginx's spelling */
        host = SPAN("0.0.0.0");
    s->is_ipv6 = host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']';
    if (s->is_ipv6)
        host = (struct span){ host.at + 1, host.len - 2 };
    else if (span_find(host, ':') < host.len || span_find(host, '/') < host.len)
        return false;
    if (host.len == 0 || host.len >= sizeof s->host)
        return false;
    *(char *)mempcpy(s->host, host.at, host.len) = '\0';
    return !s->is_ipv6 || inet_pton(AF_INET6, s->host, address) == 1;
}

static bool read_address(struct span text, struct listen_spec *s)
{
    static const struct span unix_prefix = SPAN("unix:"), fd_prefix = SPAN("fd:");
    if (span_starts(text, unix_prefix))
        return read_path(span_skip(text, unix_prefix.len), s);
    if (span_starts(text, fd_prefix))
        return read_fd(span_skip(text, fd_prefix.len), s);
    s->kind = span_eq(text, SPAN("systemd")) ? LISTEN_SYSTEMD : LISTEN_INET;
    if (s->kind == LISTEN_SYSTEMD)
        return true;
    const char *colon = text.len > 0 ? memrchr(text.at, ':', text.len) : NULL;
    if (!colon)                                          /* as Django's runserver takes it */
        return read_port(text, s) && read_host(SPAN("127.0.0.1"), s);
    size_t host_bytes = (size_t)(colon - text.at);
    return read_port(span_skip(text, host_bytes + 1), s) &&
           read_host((struct span){ text.at, host_bytes }, s);
}

const char *listen_parse(struct span text, struct listen_spec *s)
{
    memset(s, 0, sizeof *s);
    s->fd = -1;
    s->mode = LISTEN_MODE;
    text = span_trim(text);
    size_t end = 0;
    while (end < text.len && text.at[end] != ' ' && text.at[end] != '\t')
        end++;
    s->address = (struct span){ text.at, end };
    if (!read_address(s->address, s))
        return takes_address;
    return read_words(span_skip(text, end), s) ? NULL : takes_words;
}

bool listen_any_tls(const struct conf_list *items)
{
    struct listen_spec spec;
    for (size_t i = 0; i < items->count; i++)
        if (!listen_parse(span_of(items->items[i]), &spec) && spec.is_tls)
            return true;
    return false;
}
