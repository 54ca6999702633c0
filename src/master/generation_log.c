/* generation_log.c - what the log says of an import, from the zygote's report. */
#include "master/generation.h"
#include "base/log.h"
#include "master/site.h"
#include "master/supervise.h"

const char *generation_why_alone(const struct generation *g)
{
    const char *why = json_text(json_object_get(g->report, "preload"), "why", "");
    return strcmp(generation_start(g)->conf->preload, "auto") == 0 ? why : "";
}

/* The first generation's is said before the ready line: where the log goes there too, not twice. */
static void warn_preload(const struct generation *g)
{
    const struct master *m = g->site->master;
    const char *why = generation_why_alone(g);
    const char *module = json_text(json_object_get(g->report, "preload"), "module", "");
    if (why[0] && (m->is_announced || strcmp(generation_start(g)->conf->log, "-") != 0))
        log_warn("each worker imports the project by itself", "site=%s%s%s reason=\"%s\"",
                 g->site->project->name, module[0] ? " module=" : "", module, why);
}

/* Once a start: it is so at each reload. */
static void warn_of_root(const struct generation *g)
{
    if (g->user.is_root_unasked && g->number == 1 && !generation_start(g)->is_development)
        log_warn("the project runs as root",
                 "site=%s risk=\"who breaks into it has the whole machine\" "
                 "remedy=\"user = NAME, or give its folder to a user of its own\"",
                 g->site->project->name);
}

/* Under `run` it comes up all the same, to show the error in the browser. */
static void tell_error(const struct generation *g)
{
    const char *sentence = json_text(g->report, "error", "");
    if (!sentence[0] || g->is_excuse)
        return;
    logs_write(&g->site->master->logs, span_of(json_text(g->report, "traceback", "")));
    log_error("the project cannot be imported", "site=%s error=\"%s\"", g->site->project->name,
              sentence);
}

void generation_log_import(const struct generation *g, const char *note)
{
    size_t i;
    json_t *text;
    warn_of_root(g);
    if (json_flag(g->report, "debug", false) && !generation_start(g)->is_development)
        log_warn("DEBUG is on",
                 "site=%s settings=%s risk=\"visitors see tracebacks and settings\" "
                 "remedy=\"DEBUG = False, or slipway run for development\"",
                 g->site->project->name, json_text(g->report, "settings", ""));
    const json_t *wall = json_object_get(g->report, "wall");
    if (json_text(wall, "why", "")[0])
        log_warn("no auth wall", "site=%s reason=\"%s\"", g->site->project->name,
                 json_text(wall, "why", ""));
    else if (wall)
        log_info("auth wall", "site=%s realm=\"%s\" from=\"%s\"", g->site->project->name,
                 json_text(wall, "realm", ""), json_text(wall, "from", ""));
    if (note[0])
        log_info("uploads", "site=%s decision=\"%s\"", g->site->project->name, note);
    warn_preload(g);
    json_array_foreach(json_object_get(g->report, "warnings"), i, text)
        log_warn("the project", "site=%s warning=\"%s\"", g->site->project->name,
                 json_string_value(text));
    tell_error(g);
}
