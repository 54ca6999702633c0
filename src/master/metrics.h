/* metrics.h - the folder in which prometheus_client's processes leave their numbers.
 *
 * The zygote makes it beside the control socket when the project has prometheus_client, and puts it
 * into PROMETHEUS_MULTIPROC_DIR, unless that names one already.  The client's MultiProcessCollector
 * adds the files up.  What nobody else does is done here: a dead worker's live gauges go with it,
 * and a start begins with nothing.  Where the project runs as another user, the folder is made for it,
 * and what he may have put there in our way is removed with his rights alone.
 */
#pragma once
#include <sys/types.h>
#include "master/worker_user.h"

enum { METRICS_PATH_BYTES = 128 };

/* control: the path of the site's control socket; "" has none. */
void metrics_path(char path[METRICS_PATH_BYTES], const char *control);
/* For another user than ours; what cannot be made, the zygote says. */
void metrics_make(const char *path, const struct worker_user *user);
/* Removes the folder and the files in it; one that is not there or not ours is left alone. */
void metrics_clear(const char *path);
/* What prometheus_client.multiprocess.mark_process_dead() does: removes gauge_live*_PID.db.  The path is
 * the project's word. */
void metrics_forget(const char *path, pid_t pid, const struct worker_user *user);
