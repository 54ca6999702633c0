/* pages.c - which page an option means. */
#include "serve/pages.h"
#include "conf/error_page.h"
#include "conf/folder.h"
#include "http/media.h"
#include "serve/named.h"
#include "serve/serve.h"

/* The edge's copy of a route's options has the path as it was typed. */
static bool find_file(const struct named *n, const struct conf *conf, struct span file, struct page *found)
{
    char typed[FOLDER_BYTES], path[FOLDER_BYTES];
    if (file.len >= sizeof typed)
        return false;
    *(char *)mempcpy(typed, file.at, file.len) = '\0';
    if (folder_join(path, conf->chdir, typed) < 0 || !named_text(n, ANNEX_PAGE, path, &found->body))
        return false;
    found->type = media_type_of(span_of(folder_name(path)));
    found->is_html = span_starts(found->type, SPAN("text/html"));
    return true;
}

static bool find_option(const struct named *n, const struct conf *conf, unsigned status, struct page *found)
{
    unsigned best_fit = 0;
    for (size_t i = 0; i < conf->error_page.count; i++) {
        struct error_page one;
        if (error_page_parse(span_of(conf->error_page.items[i]), &one) < 0)
            continue;                   /* conf refuses such a value: it never comes here */
        unsigned fit = error_page_fits(&one, status);
        if (fit > best_fit && find_file(n, conf, one.file, found))
            best_fit = fit;
    }
    return best_fit > 0;
}

/* What a 500.html says is wrong of a site that is only busy. */
static bool find_template(const struct named *n, const struct conf *conf, unsigned status, struct page *found)
{
    bool is_failure = status == 500 || status == 502 || status == 504 || status == 507;
    if (!conf->error_templates || (!is_failure && status != 503))
        return false;
    found->type = SPAN("text/html; charset=utf-8");
    found->is_html = true;
    return named_text(n, ANNEX_TEMPLATE, is_failure ? "500" : "503", &found->body);
}

bool pages_find(const struct exchange *x, unsigned status, struct page *found)
{
    const struct routes *routes = x->routes ? x->routes : x->serve->routes;     /* NULL before serve_begin() */
    const struct named *n = routes ? routes->named : NULL;
    struct page page;
    if (!n || (!find_option(n, x->conf, status, &page) && !find_template(n, x->conf, status, &page)))
        return false;
    *found = page;
    return true;
}
