/* settings_name.h - the settings module that a Python file (manage.py, wsgi.py) names, read as
 * text: running the file to ask would need its interpreter first, and do whatever else the file
 * does.
 */
#pragma once
#include "conf/folder.h"

enum { SETTINGS_NAME_BYTES = 256 };

/* The module in os.environ.setdefault("DJANGO_SETTINGS_MODULE", "x") or os.environ["..."] = "x".
 * Of several the first that does not stand in an `if` or `elif` (a common one is for tests), else
 * the first.  0, -ENOENT: it names none, or computes it; -errno. */
int settings_name_read(const char *path, char settings[SETTINGS_NAME_BYTES]);
