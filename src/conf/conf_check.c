/* conf_check.c - the shapes of texts: what is refused here is refused with file and line, before
 * anything starts. */
#include "base/address.h"
#include "conf/access_list.h"
#include "conf/conf_private.h"
#include "conf/header_rule.h"
#include "conf/listen.h"
#include "conf/error_page.h"
#include "conf/rate_rule.h"
#include "conf/redirect_target.h"
#include "conf/visitors.h"
#include "http/field.h"
#include "http/request.h"

static const struct span unix_prefix = SPAN("unix:");

static const char *check_listen(struct span *text)
{
    struct listen_spec spec;
    *text = span_trim(*text);
    return listen_parse(*text, &spec);
}

static const char *check_networks(struct span *text)
{
    struct networks networks = { 0 };
    return networks_add(&networks, *text) == 0
               ? NULL
               : "addresses or networks such as 10.1.2.3, 10.0.0.0/8 or 2001:db8::/32, or the words private, "
                 "loopback and unix";
}

static const char *check_visitors(struct span *text)
{
    struct visitors visitors = { .has_all = false };
    return visitors_add(&visitors, *text) == 0 ? NULL : VISITORS_TAKES;
}

static const char *check_deny_status(struct span *text)
{
    bool is_right = span_eq(*text, SPAN("403")) || span_eq(*text, SPAN("404")) || span_eq(*text, SPAN("close"));
    return is_right ? NULL : "403, 404 or close";
}

static const char *check_stream(struct span *text)
{
    bool is_right = span_eq(*text, SPAN("no")) || span_eq(*text, SPAN("yes")) || span_eq(*text, SPAN("all"));
    return is_right ? NULL : "no, yes or all";
}

static const char *check_methods(struct span *text)
{
    struct span rest = *text, method;
    bool is_right = true;
    while (field_list_next(&rest, &method))
        is_right = is_right && field_name_is_valid(method);
    return is_right ? NULL : "methods, such as GET, POST";
}

static const char *check_redirect(struct span *text)
{
    struct redirect_rule rule;
    return text->len == 0 || redirect_rule_parse(*text, &rule) == 0 ? NULL : REDIRECT_RULE_TAKES;
}

static const char *check_header(struct span *text)
{
    struct field field;
    return header_rule_parse(*text, &field) == 0 ? NULL : HEADER_RULE_TAKES;
}

static const char *check_header_name(struct span *text)
{
    return header_rule_may_name(*text) ? NULL : HEADER_NAME_TAKES;
}

static const char *check_cache_control(struct span *text)
{
    bool is_right = field_value_is_valid(*text) && span_trim(*text).len == text->len;
    return is_right ? NULL : "directives, such as max-age=3600 or no-store";
}

static const char *check_canonical_host(struct span *text)
{
    return text->len == 0 || request_host_is_valid(*text) ? NULL : "a host name, such as example.com";
}

/* What may stand in a quoted-string. */
static const char *check_realm(struct span *text)
{
    return field_value_is_valid(*text) && !memchr(text->at, '\t', text->len) ? NULL : "a text without control characters";
}

static const char *check_field(struct span *text)
{
    bool is_name = true;
    for (size_t i = 0; i < text->len; i++)
        is_name = is_name && (text->at[i] == '-' || (text->at[i] >= '0' && text->at[i] <= '9') ||
                              ((text->at[i] | 0x20) >= 'a' && (text->at[i] | 0x20) <= 'z'));
    return is_name ? NULL : "the name of a header field, such as X-Forwarded-For, Forwarded or X-Real-IP";
}

static const char *check_control(struct span *text)
{
    return span_starts(*text, unix_prefix) && text->len > unix_prefix.len ? NULL : "unix:PATH";
}

static const char *check_static_index(struct span *text)
{
    bool is_right = text->len == 0 || (text->at[0] != '.' && !memchr(text->at, '/', text->len));
    return is_right ? NULL : "the name of a file, such as index.html";
}

static const char *check_static(struct span *text)
{
    size_t url_end = span_find(*text, '=');
    bool is_right = text->at[0] == '/' && url_end + 1 < text->len;
    return is_right ? NULL : "URL=DIR, such as /static/=staticfiles";
}

static const char *check_file(struct span *text)
{
    size_t url_end = span_find(*text, '=');
    bool is_right = text->at[0] == '/' && url_end + 1 < text->len && text->at[url_end - 1] != '/' &&
                    text->at[text->len - 1] != '/';
    return is_right ? NULL : "URL=FILE, such as /robots.txt=robots.txt";
}

static const char *check_origin(struct span *text)
{
    static const struct span schemes[] = { SPAN("https://"), SPAN("http://") };
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (span_starts(*text, schemes[i]) && request_host_is_valid(span_skip(*text, schemes[i].len)))
            return NULL;
    return span_eq(*text, SPAN("*")) ? NULL : "an origin without a path, such as https://www.example.org, or *";
}

static const char *check_protected(struct span *text)
{
    bool is_site = span_starts(*text, SPAN("/=")) || span_starts(*text, SPAN("//"));
    if (span_eq(*text, SPAN("front")))
        return NULL;
    return check_static(text) || is_site ? "URL=DIR, such as /protected/=/srv/private, or front" : NULL;
}

static bool is_name_byte(char byte, const char *others)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte & 0x80) || (byte != '\0' && strchr(others, byte));
}

static bool is_dotted(struct span text, const char *others)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_name_byte(text.at[i], others))
            return false;
    return text.len > 0 && text.at[0] != '.' && text.at[text.len - 1] != '.';
}

static const char *check_app(struct span *text)
{
    size_t colon = span_find(*text, ':');
    bool is_right = colon < text->len && is_dotted((struct span){ text->at, colon }, "._") &&
                    is_dotted(span_skip(*text, colon + 1), "._");
    return is_right ? NULL : "MODULE:CALLABLE, such as mysite.wsgi:application";
}

static const char *check_settings(struct span *text)
{
    return is_dotted(*text, "._") ? NULL : "the name of a module, such as mysite.settings";
}

static const char *check_site(struct span *text)
{
    return is_dotted(*text, "._-") && !memchr(text->at, '/', text->len)
               ? NULL
               : "a name of letters, digits, '-', '_' and '.'";
}

/* "*" alone is every name; "*." before one is all below it.  Brackets: an IPv6 address. */
static const char *check_host(struct span *text)
{
    struct span name = *text;
    bool is_right = name.at[0] != '.';
    if (span_starts(name, SPAN("*.")) || span_eq(name, SPAN("*")))
        name = span_skip(name, name.len > 1 ? 2 : 1);
    for (size_t i = 0; i < name.len && is_right; i++)
        is_right = is_name_byte(name.at[i], ".-_:[]") && !(name.at[i] & 0x80);
    return is_right ? NULL : "a host name such as example.org, or *.example.org for all below it; one with other "
                             "letters as it is on the wire (xn--...)";
}

static const char *check_url_path(struct span *text)
{
    if (text->at[0] != '/')
        return "a path that begins with '/'";
    while (text->len > 0 && text->at[text->len - 1] == '/')
        text->len--; /* "/app/" is "/app", and "/" is no prefix at all */
    return NULL;
}

static const char *check_health_path(struct span *text)
{
    const char *takes = check_url_path(text);
    return takes || text->len > 0 ? takes : "a path below '/', such as /.slipway";
}

static const char *check_access_format(struct span *text)
{
    bool is_right = span_eq(*text, SPAN("text")) || span_eq(*text, SPAN("combined")) ||
                    span_eq(*text, SPAN("json"));
    return is_right ? NULL : "text, combined or json";
}

static const char *check_access_fields(struct span *text)
{
    struct access_item items[ACCESS_ITEMS_MAX];
    return access_list_read(*text, items) >= 0
               ? NULL
               : "a list of "
#define ACCESS_FIELD(name, form, meaning) #name ", "
#include "conf/access_fields.def"
                 "request:HEADER, response:HEADER or -";
}

static const char *check_access_only(struct span *text)
{
    bool is_right = span_eq(*text, SPAN("all")) || span_eq(*text, SPAN("errors")) ||
                    span_eq(*text, SPAN("none"));
    return is_right ? NULL : "all, errors or none";
}

static const char *check_access_quiet(struct span *text)
{
    struct span rest = *text, one;
    while (field_list_next(&rest, &one))
        if (one.len == 0 || (one.at[0] != '/' && !(span_starts(one, SPAN("agent:")) && one.len > 6)))
            return "paths and agent:NAME, such as /ping, agent:kube-probe";
    return NULL;
}

static const char *check_log(struct span *text)
{
    static const struct span journal = SPAN("journald:");
    bool is_right = !span_starts(*text, journal) || (text->len > journal.len && text->at[journal.len] == '/');
    return is_right ? NULL : "a FILE, -, journald or journald:PATH of its socket";
}

static const char *check_log_format(struct span *text)
{
    return span_eq(*text, SPAN("text")) || span_eq(*text, SPAN("json")) ? NULL : "text or json";
}

static const char *check_log_fields(struct span *text)
{
    struct span names[LOG_FIELDS_MAX];
    return access_log_fields_read(*text, names) >= 0 ? NULL
                                                     : "names of response headers, such as X-Log-User";
}

static const char *check_log_level(struct span *text)
{
    static const struct span levels[] = { SPAN("error"), SPAN("warn"), SPAN("info"),
                                          SPAN("debug") };
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (span_eq(*text, levels[i]))
            return NULL;
    return "error, warn, info or debug";
}

static const char *check_auto(struct span *text)
{
    bool is_right = span_eq(*text, SPAN("auto")) || span_eq(*text, SPAN("yes")) ||
                    span_eq(*text, SPAN("no"));
    return is_right ? NULL : "auto, yes or no";
}

static const char *check_rate_limit(struct span *text)
{
    struct rate_rule rule;
    return rate_rule_parse(*text, &rule) == 0 ? NULL : RATE_RULE_TAKES;
}

static const char *check_sandbox(struct span *text)
{
    return span_eq(*text, SPAN("kill")) || !check_auto(text) ? NULL
                                                                       : "auto, yes, kill or no";
}

static const char *check_tls_client(struct span *text)
{
    bool is_right = span_eq(*text, SPAN("required")) || span_eq(*text, SPAN("optional"));
    return is_right ? NULL : "required or optional";
}

static const char *check_umask(struct span *text)
{
    bool is_right = true;
    for (size_t i = 0; i < text->len; i++)
        is_right = is_right && text->at[i] >= '0' && text->at[i] <= '7';
    return is_right && (text->len < 4 || text->at[0] == '0') ? NULL : "an octal number up to 777, such as 027";
}

static const char *check_traceparent(struct span *text)
{
    return span_eq(*text, SPAN("pass")) || span_eq(*text, SPAN("make")) ? NULL : "pass or make";
}

static const char *check_error_page(struct span *text)
{
    struct error_page page;
    return error_page_parse(*text, &page) == 0 ? NULL : ERROR_PAGE_TAKES;
}

const char *conf_check_text(enum conf_option option, struct span *text)
{
    static const struct {
        enum conf_option option;
        const char *(*check)(struct span *);
    } checks[] = {
        { CONF_trusted_peers, check_networks }, { CONF_maintenance_allow, check_networks }, { CONF_trusted_field, check_field },
        { CONF_request_id_field, check_field }, { CONF_traceparent, check_traceparent },
        { CONF_tls_client, check_tls_client }, { CONF_error_page, check_error_page },
        { CONF_hosts, check_host },           { CONF_static_index, check_static_index },
        { CONF_listen, check_listen },       { CONF_control, check_control },
        { CONF_static_map, check_static }, { CONF_protected_map, check_protected },
        { CONF_file_map, check_file }, { CONF_static_cors, check_origin },
         { CONF_app, check_app },
        { CONF_settings, check_settings },   { CONF_site, check_site },
        { CONF_mount, check_url_path },      { CONF_health_path, check_health_path },
        { CONF_log_level, check_log_level }, { CONF_media, check_auto },
        { CONF_preload, check_auto },        { CONF_rate_limit, check_rate_limit },
        { CONF_sandbox, check_sandbox },     { CONF_wall_open, check_health_path },
        { CONF_access_format, check_access_format }, { CONF_umask, check_umask },
        { CONF_redirect, check_redirect },     { CONF_canonical_host, check_canonical_host },
        { CONF_basic_auth_realm, check_realm },
        { CONF_header, check_header },         { CONF_header_remove, check_header_name },
        { CONF_cache_control, check_cache_control },
        { CONF_allow, check_visitors },       { CONF_deny, check_visitors },
        { CONF_stream_request_body, check_stream }, { CONF_deny_status, check_deny_status }, { CONF_methods, check_methods },
        { CONF_access_fields, check_access_fields },
        { CONF_log_fields, check_log_fields },
        { CONF_log_format, check_log_format },
        { CONF_access_log, check_log },
        { CONF_log, check_log },
        { CONF_access_only, check_access_only },
        { CONF_access_quiet, check_access_quiet },
    };
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        if (checks[i].option == option)
            return checks[i].check(text);
    return NULL;
}
