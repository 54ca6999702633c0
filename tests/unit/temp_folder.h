/* temp_folder.h - a folder of files for one test: temp_write(&t, "a/b/manage.py", "text") makes the
 * folders too. */
#pragma once
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

struct temp_folder {
    char path[64];
    char joined[16][512];          /* what temp_path() gave lately */
    unsigned next;
};

static inline void temp_make(struct temp_folder *t)
{
    memset(t, 0, sizeof *t);
    strcpy(t->path, "/tmp/slipway-unit-XXXXXX");
    assert_non_null(mkdtemp(t->path));
}

static inline char *temp_path(struct temp_folder *t, const char *name)
{
    char *path = t->joined[t->next++ % 16];
    assert_true(strlen(t->path) + strlen(name) + 2 <= sizeof t->joined[0]);
    strcpy(stpcpy(stpcpy(path, t->path), "/"), name);
    return path;
}

static inline char *temp_write_mode(struct temp_folder *t, const char *name, const char *text,
                                    mode_t mode)
{
    char *path = temp_path(t, name);
    for (char *slash = strchr(path + strlen(t->path) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static inline char *temp_write(struct temp_folder *t, const char *name, const char *text)
{
    return temp_write_mode(t, name, text, 0644);
}

static inline int temp_remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static inline void temp_done(struct temp_folder *t)
{
    (void)nftw(t->path, temp_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
