/* verbs.h - what a user can tell slipway to do.
 *
 * A verb gets the arguments behind its name, prints to standard output what was asked for and to
 * standard error one sentence for a mistake, and returns the exit status.
 */
#pragma once
#include "base/json.h"
#include "conf/conf.h"

enum { EXIT_DONE = 0, EXIT_WRONG = 1, EXIT_USAGE = 2 };

enum verb_options { VERB_NONE, VERB_SITE, VERB_ALL, VERB_COMMAND /* ALL, then a command */ };

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    enum verb_options options;
    const char *arguments, *help;
};

extern const struct verb verbs[];
extern const size_t verbs_count;
const struct verb *verbs_find(struct span name);          /* NULL: there is none */
const struct verb *verbs_guess(struct span name); /* the one that was probably meant, or NULL */
#define VERB(name, function, ...) int function(int argc, char **argv);
#include "cli/verbs.def"

/* Prints "slipway: SENTENCE" to standard error and returns `status`. */
__attribute__((format(printf, 2, 3))) int verbs_fail(int status, const char *sentence, ...);

/* Takes a word such as "--json" out of the arguments: whether it was there. */
bool verbs_take_flag(int *argc, char **argv, const char *flag);
/* Takes "--name VALUE" or "--name=VALUE" out of them: the last value, NULL when it was not there. */
const char *verbs_take_value(int *argc, char **argv, const char *name);
/* The options for a verb, new; NULL after a sentence, and *status is the exit status.  takes_app: a
 * MODULE:CALLABLE may be among the arguments. */
struct conf *verbs_load(int argc, char **argv, bool takes_app, int *status);

/* The same without printing: NULL and the sentence in `why`. */
struct conf *verbs_load_quietly(int argc, char **argv, int *status, char *why);

/* The answer of the running site to one word of control.h, new; NULL after a sentence and with
 * *status. */
/* The answer of who serves by these options to one word about a site ("": the only one), new; NULL after
 * a sentence. */
json_t *verbs_ask_with(struct conf *c, const json_t *request);         /* ... to any request */
json_t *verbs_ask_site(struct conf *c, const char *verb, const char *site);
json_t *verbs_ask(int argc, char **argv, const char *verb, int *status);
/* Says why an answer is not ok, with its traceback: EXIT_WRONG. */
int verbs_refused(const json_t *answer, const char *what);
