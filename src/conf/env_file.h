/* env_file.h - the application's environment file: KEY=value lines as python-dotenv reads them (quotes, escapes,
 * export, comments; ${NAME} and ${NAME:-default} look in the file first, then in the process's environment).
 */
#pragma once
#include "base/span.h"

struct env_entry { struct env_entry *next; char *name; char *value; };   /* value NULL: a key without '=' */
/* Heap list in the file's order for env_free.  0, -errno of the file, -EBADMSG with "FILE:LINE: ..." in why. */
int env_read(const char *path, char *const *envp, struct env_entry **entries, char *why);
int env_parse(struct span text, const char *path, char *const *envp, struct env_entry **entries, char *why);
void env_free(struct env_entry *entries);
/* envp with the entries added whose names it lacks: one heap block for sys_free; NULL: no memory. */
char **env_merge(char *const *envp, const struct env_entry *entries);
