/* control_server.h - the control socket: one JSON object a line in and out, several clients at once
 * (master/control.h has the verbs).
 */
#pragma once
#include "base/buf.h"
#include "base/json.h"
#include "loop/loop.h"
#include "master/listeners.h"

struct master;

enum control_verb {
    CONTROL_NONE, CONTROL_MAINTENANCE, CONTROL_STATUS, CONTROL_RELOAD, CONTROL_STOP, CONTROL_SITES,
    CONTROL_AWAIT,
};

struct control_client {
    struct list node;             /* in control_server.clients */
    struct list waiting;          /* in the list of what it waits for, or in none */
    struct control_server *server;
    int fd;
    struct watch watch;
    struct buf in, out;
    bool has_ended;               /* it says nothing more */
    enum control_verb under_way;  /* its next line is looked at when this is answered */
    struct loop_garbage garbage;
};

struct control_server {
    struct master *master;
    struct listener listener;     /* .fd is -1 while it does not listen */
    struct watch watch;
    unsigned clients_count;
    struct list clients, asking, stopping;      /* asking: for status, until the edges answered */
    struct timer timer;           /* how long status waits for the edges */
};

/* Takes the path, or says in one sentence (CONF_WHY_BYTES) who has it. */
int control_server_open(struct control_server *s, struct master *m, const char *path, char *why);
int control_server_start(struct control_server *s);       /* once there is a loop */
void control_server_step(struct control_server *s);       /* an edge answered, or ended */
void control_server_close(struct control_server *s);      /* no new clients; removes the file */
void control_server_finish(struct control_server *s);     /* tells who asked: everything ended */
void control_server_done(struct control_server *s);

/* reply NULL: no memory was left to make it. */
void control_answer(struct control_client *c, const json_t *reply);
