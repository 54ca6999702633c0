/* main.c - slipway: picks the verb and turns its result into the exit status.
 *
 * Beside the verbs of verbs.def there are hidden ones: `edge` and `scribe` are the master's own
 * processes, which it makes by exec of this program (descriptors in link/channel.h); `options-page`
 * writes docs/options.md.
 */
#include <fcntl.h>
#include <stdio.h>
#include "base/hash.h"
#include "base/sys.h"
#include "cli/help.h"
#include "edge/edge.h"
#include "scribe/scribe.h"

static int run_edge(int argc, char **argv)
{
    (void)argc, (void)argv;
    return edge_main();
}

static int run_scribe(int argc, char **argv)
{
    (void)argc, (void)argv;
    return scribe_main();
}

static int run_options_page(int argc, char **argv)
{
    (void)argc, (void)argv;
    help_print_page(stdout);
    return EXIT_DONE;
}

static const struct { struct span name; int (*run)(int argc, char **argv); } hidden[] = {
    { SPAN("edge"), run_edge },
    { SPAN("scribe"), run_scribe },
    { SPAN("options-page"), run_options_page },
};

static bool is_word(const char *argument, const char *short_form, const char *long_form)
{
    return strcmp(argument, short_form) == 0 || strcmp(argument, long_form) == 0;
}

/* Among the arguments that are slipway's own. */
static bool wants_help(const struct verb *verb, int argc, char **argv)
{
    int own = verb->options == VERB_COMMAND ? conf_options_end(argc, argv) : argc;
    bool is_short = own < argc && is_word(argv[own], "-h", "-h");
    for (int i = 0; i < own + is_short; i++)
        if (is_word(argv[i], "-h", "--help"))
            return true;
    return false;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        help_print(stderr);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
        if (span_eq(span_of(argv[1]), hidden[i].name))
            return hidden[i].run(argc - 2, argv + 2);
    if (is_word(argv[1], "-h", "--help"))
        return verb_help(argc - 2, argv + 2);
    if (is_word(argv[1], "-V", "--version"))
        return verb_version(argc - 2, argv + 2);
    const struct verb *verb = verbs_find(span_of(argv[1]));
    if (!verb)
        return help_unknown_verb(argv[1]);
    if (wants_help(verb, argc - 2, argv + 2)) {
        help_print_verb(stdout, verb);
        return EXIT_DONE;
    }
    return verb->run(argc - 2, argv + 2);
}

/* A closed standard descriptor would become the next socket, and then be written to as if it were a
 * terminal. */
static void open_standard_descriptors(void)
{
    int fd = sys_open("/dev/null", O_RDWR, 0);
    while (fd >= 0 && fd <= 2)
        fd = sys_fcntl(fd, F_DUPFD, 0);
    (void)sys_close(fd);
}

int main(int argc, char **argv)
{
    open_standard_descriptors();
    hash_seed();
    int status = run(argc, argv);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXIT_DONE)
        status = verbs_fail(EXIT_WRONG, "cannot write to standard output");
    return status;
}
