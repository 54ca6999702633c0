/* env_file.h - the application's environment file, in the language of python-dotenv (1.2).
 *
 * UTF-8, a BOM is dropped, CR LF and CR are LF.  A statement is  [export] NAME[=VALUE] [# comment]:
 *   NAME       '...' or a run without '=', '#' and white space (Unicode's)
 *   'VALUE'    over lines; \\ and \' are one byte, every other backslash stays
 *   "VALUE"    over lines; \\ \' \" \a \b \f \n \r \t \v
 *   VALUE      to the end of the line or " #", white space at its end cut off
 * Then ${NAME} and ${NAME:-default} (default: when unset, not when empty) are replaced in every
 * value, quoted or not, by a value further up in the file, else of the process's environment, else
 * "".  A name that is set again keeps its first place and has the last value.
 *
 * Where python-dotenv warns and goes on (a statement that is none), this refuses the file with its
 * line: a secret that is silently not there is the worse start.
 */
#pragma once
#include "base/span.h"

enum {
    ENV_ENTRIES_MAX = 4096,
    ENV_VALUE_BYTES_MAX = 128 * 1024 - 1,
    ENV_BYTES_MAX = 2 * 1024 * 1024
};

struct env_entry {
    struct env_entry *next;
    char *name;
    char *value;                  /* NULL: a name without '=', which sets nothing */
};

/* Heap list in the file's order for env_free.  `why` has CONF_WHY_BYTES.
 * 0, -ENOMEM, -errno of the file, -EBADMSG or -EMSGSIZE (the bounds above) with "FILE:LINE: ..." in
 * why. */
int env_read(const char *path, char *const *envp, struct env_entry **entries, char *why);
int env_parse(struct span text, const char *path, char *const *envp, struct env_entry **entries,
              char *why);
void env_free(struct env_entry *entries);

/* The value of NAME in an environment, borrowed; NULL when it is not set. */
const char *env_value(char *const *envp, const char *name);

/* envp with the entries added whose names it lacks (the process's environment is the stronger one):
 * one heap block for sys_free, which borrows the strings of envp; NULL: no memory.  Names with '='
 * cannot be in an environment and are left out. */
char **env_merge(char *const *envp, const struct env_entry *entries);
