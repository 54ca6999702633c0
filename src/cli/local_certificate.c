/* local_certificate.c - localhost.pem in the user's cache folder: certificate and key, for nobody else's
 * eyes.  It is written beside its place and moved there, so two that start at once do no harm. */
#include "cli/local_certificate.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "base/sys.h"
#include "conf/folder.h"
#include "tls/certificate.h"
#include "tls/throwaway.h"

enum { LIFE_DAYS = 365, RENEW_DAYS = 14, FILE_BYTES_MAX = 65536 };

static const char names[] = "DNS:localhost,IP:127.0.0.1,IP:::1";

/* It is there, can be read, and lasts. */
static bool is_good(const char *file)
{
    char why[CONF_WHY_BYTES];
    struct buf text = { 0 };
    struct certificate *c = NULL;
    if (folder_read_file(file, FILE_BYTES_MAX, &text) == 0) {
        const struct bundle_item item = { .kind = BUNDLE_PAIR, .file = span_of(file), .key_file = span_of(file),
                                          .certificate = buf_span(&text), .key = buf_span(&text) };
        c = certificate_read(&item, why);
    }
    bool lasts = c && certificate_days(certificate_facts(c), sys_wall_us() / 1000000) >= RENEW_DAYS;
    certificate_free(c);
    buf_done(&text);
    return lasts;
}

/* With the folders above it that are missing. */
static int make_folder(char *folder)
{
    for (char *end = strchr(folder + 1, '/'); end; end = strchr(end + 1, '/')) {
        *end = '\0';
        (void)sys_mkdir(folder, 0700);
        *end = '/';
    }
    int rc = sys_mkdir(folder, 0700);      /* what failed above it, it says too */
    return rc == -EEXIST ? 0 : rc;
}

static int write_file(const char *file, struct span text)
{
    char beside[FOLDER_BYTES + 32];
    (void)snprintf(beside, sizeof beside, "%s.%d", file, (int)getpid());
    int fd = sys_open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fd;
    ssize_t put = sys_write(fd, text.at, text.len);
    (void)sys_close(fd);
    int rc = put < 0 ? (int)put : (size_t)put < text.len ? -ENOSPC : sys_rename(beside, file);
    if (rc < 0)
        (void)sys_unlink(beside);
    return rc;
}

int local_certificate_make(const struct conf *c, char *why)
{
    char folder[FOLDER_BYTES];
    struct buf text = { 0 }, key = { 0 };
    if (!c->tls || c->origin[CONF_tls_certificate].source > CONF_BUILT_IN)
        return 0;
    const char *file = c->tls_certificate.items[0];
    if (is_good(file))
        return 0;
    int rc = throwaway_make(names, LIFE_DAYS, &text, &key);
    if (rc == 0)
        rc = buf_add(&text, buf_span(&key));
    if (rc == 0)
        rc = folder_parent(folder, file);
    if (rc == 0)
        rc = make_folder(folder);
    if (rc == 0)
        rc = write_file(file, buf_span(&text));
    if (rc < 0)
        (void)snprintf(why, CONF_WHY_BYTES, "cannot make the certificate of --tls, %.300s: %s", file,
                       strerror(-rc));
    buf_done(&text);
    buf_done(&key);
    return rc;
}
