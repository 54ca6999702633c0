/* manage.h - manage.py, by which a Django project is known: where it is and which settings it
 * names. */
#pragma once
#include "conf/folder.h"

enum { MANAGE_SETTINGS_BYTES = 256 };

/* The folder of the manage.py that belongs to `start` (absolute): in it, else in the nearest folder
 * above, else in one folder below.  Not in dot-folders, node_modules, site-packages and virtual
 * environments, nor above a folder where everybody may write (another user's manage.py in /tmp is
 * code that we would run). 0, -ENOENT: there is none, -EEXIST: several below; `other`
 * (FOLDER_BYTES) then is the second one. */
int manage_find(char folder[FOLDER_BYTES], const char *start, char other[FOLDER_BYTES]);

/* The module in os.environ.setdefault("DJANGO_SETTINGS_MODULE", "x") or os.environ["..."] = "x",
 * read as text: running the file to ask would need its interpreter first.  0, -ENOENT: it names
 * none, -errno. */
int manage_settings(const char *folder, char settings[MANAGE_SETTINGS_BYTES]);
