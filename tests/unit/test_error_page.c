#include "unit.h"
#include <errno.h>
#include "conf/error_page.h"

static const struct { const char *why, *text, *file; } forms[] = {     /* file NULL: refused */
    { "one status", "404 a.html", "a.html" },
    { "several", "404,410 a.html", "a.html" },
    { "a class", "5xx a.html", "a.html" },
    { "part of a class", "50x  pages/a b.html ", "pages/a b.html" },
    { "mixed", "404,50x\ta", "a" },
    { "no file", "404", NULL },
    { "no file, but a blank", "404 ", NULL },
    { "no status", "a.html", NULL },
    { "no error", "200 a.html", NULL },
    { "an unknown class", "600 a.html", NULL },
    { "a digit behind the x", "4x4 a.html", NULL },
    { "too short", "40 a.html", NULL },
    { "too long", "4040 a.html", NULL },
    { "any class", "xxx a.html", NULL },
    { "an empty one between", "404,,410 a.html", NULL },
    { "an empty one at the end", "404, a.html", NULL },
    { "an empty one at the start", ",404 a.html", NULL },
    { "nothing", "", NULL },
    { "capitals", "50X a.html", NULL },
};

static const struct { const char *statuses; unsigned status, fit; } fits[] = {
    { "404", 404, 3 }, { "404", 403, 0 },     { "50x", 503, 2 },     { "50x", 510, 0 },
    { "5xx", 510, 1 }, { "5xx", 404, 0 },     { "404,50x", 500, 2 }, { "5xx,503", 503, 3 },
    { "503,5xx", 503, 3 }, { "4xx,5xx", 511, 1 },
};

UNIT_TEST(every_form)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct error_page page = { SPAN(""), SPAN("untouched") };
        int rc = error_page_parse(span_of(forms[i].text), &page);
        const char *file = forms[i].file ? forms[i].file : "untouched";
        if (rc != (forms[i].file ? 0 : -EBADMSG) || !span_eq(page.file, span_of(file)))
            fail_msg("%s: %d", forms[i].why, rc);
    }
}

UNIT_TEST(the_number_fits_best)
{
    for (size_t i = 0; i < ARRAY_LEN(fits); i++) {
        struct error_page page = { span_of(fits[i].statuses), SPAN("a") };
        if (error_page_fits(&page, fits[i].status) != fits[i].fit)
            fail_msg("%s for %u", fits[i].statuses, fits[i].status);
    }
}

UNIT_MAIN(every_form, the_number_fits_best)
