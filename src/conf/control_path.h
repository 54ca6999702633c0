/* control_path.h - where the control socket of a site is: the same answer for who serves and for
 * who asks.
 *
 * BASE/NAME-HASH.sock, HASH being of the project's real folder.  Who asks knows the folder but
 * perhaps not the name (--site), the application or the environment of who serves, and so looks for
 * it.
 */
#pragma once
#include "conf/conf.h"
#include "conf/folder.h"

enum { CONTROL_PATH_BYTES = 108, CONTROL_NAME_BYTES = 64 };

void control_site_name(char name[CONTROL_NAME_BYTES], const struct conf *c, const char *folder);
/* Option control, or the path that a site started in `folder` takes.  Touches nothing. */
int control_path(char path[CONTROL_PATH_BYTES], const struct conf *c, const char *folder,
                 char *why);
