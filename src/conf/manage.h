/* manage.h - manage.py, by which a Django project is known, and the folders where none counts. */
#pragma once
#include "conf/folder.h"

/* By its name, what is in the folder is not the user's own: dot-folders, node_modules,
 * site-packages. */
bool manage_is_foreign(const char *name);

/* The folder of the manage.py that belongs to `start` (absolute): in it, else in the nearest folder
 * above, else in one folder below.  Not in folders that are foreign or hold a pyvenv.cfg, nor above
 * a folder where everybody may write (another user's manage.py in /tmp is code that we would run),
 * nor below it one that is another user's.  0, -ENOENT: there is none, -EEXIST: several below;
 * `other` (FOLDER_BYTES) then is the second one. */
int manage_find(char folder[FOLDER_BYTES], const char *start, char other[FOLDER_BYTES]);
