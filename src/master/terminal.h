/* terminal.h - breakpoint() under `run`: which worker has the terminal.
 *
 * A worker that asks becomes the terminal's foreground process group, so that keys and Ctrl-C are
 * its own; what others print waits in the scribe.  One at a time; the next ones wait.  It has it
 * until it says that it goes on, or dies: then group and modes are what they were before.
 */
#pragma once
#include <stdbool.h>
#include <termios.h>

struct generation;
struct master;
struct worker;

struct terminal {
    struct master *master;
    struct worker *holder;        /* NULL: nobody */
    int fd;                       /* -1 while nobody has it */
    struct termios modes;         /* as they were */
};

void terminal_init(struct terminal *t, struct master *m);
/* "breakpoint": answered at once, or when the terminal is free. */
void terminal_ask(struct terminal *t, struct worker *w);
/* "continued", or it died; any worker at any time. */
void terminal_leave(struct terminal *t, struct worker *w);
/* We stop: who has the terminal is killed. */
void terminal_end(struct terminal *t);
/* One of its workers has the terminal or waits for it. */
bool terminal_is_wanted_in(const struct generation *g);
