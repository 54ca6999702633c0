/* log_folder.h - the folder of a log's file, and with whose rights files in it are touched.
 *
 * Root's scribe writes in folders of others.  Who owns a folder can put a link in the place of a log, or of a
 * folder on the way to it (CVE-2016-1247 of nginx's packages); so nothing that somebody else could have put
 * there is followed with root's rights:
 *
 * - Each folder is used with the rights of its owner, and of none of his groups.
 * - Links are followed with root's rights only where root alone could have made them.  Another one decides for
 *   all that is behind it: that is reached with the rights of who made it.
 * - A file's name is no link, but where the above allows it.
 *
 * From log_folder_open() to log_folder_close() the calling thread has those rights, and everything in the
 * folder is done by its descriptor.  Where we are not root, rights stay as they are, and links are followed.
 */
#pragma once
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

enum { LOG_FOLDER_PATH_BYTES = 4096 + 64 };

struct log_folder {
    int fd;                       /* O_PATH; -1: none */
    char path[LOG_FOLDER_PATH_BYTES];            /* what is left of it: the name in the folder */
    const char *name;             /* in `path` */
    bool follows;                 /* the name may be a link */
    uid_t user;                   /* whose rights we have; 0: our own */
    struct stat st;               /* of the folder */
};

/* 0, or -errno: nothing is open, and the rights are as they were.  log_folder_close() takes both. */
int log_folder_open(struct log_folder *f, const char *path);
void log_folder_close(struct log_folder *f);

/* Opens the log's file for appending; a new one has mode 0640, and the group of a folder that is not ours.
 * A file in somebody's folder that he may not write to is moved away.  A FIFO nobody reads is -ENXIO: nothing
 * waits.  A descriptor, or -errno. */
int log_folder_open_log(const struct log_folder *f);
/* Gives a file that we made in it an owner and group, as far as that is right: in somebody's folder only the
 * group.  0; or -errno, when the rights are not as they were. */
int log_folder_give(const struct log_folder *f, int fd, uid_t owner, gid_t group);
/* All three steps, where we may be in root's groups: can this log be written?  A descriptor, or -errno. */
int log_folder_try(const char *path);
