/* certificate_files.c - paths > files > pairs > the bundle, each pair checked by tls. */
#include "master/certificate_files.h"
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/sys.h"
#include "conf/folder.h"
#include "tls/bundle.h"
#include "tls/certificate.h"

enum { FILE_BYTES_MAX = CONF_FILE_BYTES_MAX, FILES_MAX = 100000 };

struct certificate_text {
    struct certificate_text *next;
    char text[];
};

__attribute__((format(printf, 3, 4)))
static int say(char *why, int rc, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(why, CONF_WHY_BYTES, format, arguments);
    va_end(arguments);
    return rc;
}

/* ---- which files ---- */

static bool ends_with(const char *name, const char *ending)
{
    size_t len = strlen(name), bytes = strlen(ending);
    return len > bytes && strcmp(name + len - bytes, ending) == 0;
}

static bool is_there(const char *path)
{
    struct stat st;
    return sys_stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Where a key may be that no option names: the first that is there; false: nowhere but in the
 * certificate's own file. */
static bool key_beside(const char *file, char key[FOLDER_BYTES])
{
    char folder[FOLDER_BYTES];
    const char *name = folder_name(file);
    const char *dot = strrchr(name, '.');
    if (folder_parent(folder, file) < 0)
        return false;
    if (strcmp(name, "fullchain.pem") == 0 && folder_join(key, folder, "privkey.pem") == 0 && is_there(key))
        return true;
    int stem_bytes = dot ? (int)(dot - file) : (int)strlen(file);
    if (snprintf(key, FOLDER_BYTES, "%.*s.key", stem_bytes, file) < FOLDER_BYTES && is_there(key))
        return true;
    return snprintf(key, FOLDER_BYTES, "%s.key", file) < FOLDER_BYTES && is_there(key);
}

/* ---- reading ---- */

struct reading {
    struct certificate_files *files;
    const char *folder;
    char (*names)[NAME_MAX + 1];      /* of the folder's entries, to be sorted */
    size_t names_count, names_cap;
    char *why;
};

static int read_file(const char *what, const char *path, struct buf *into, char *why)
{
    into->limit_bytes = FILE_BYTES_MAX;
    int rc = folder_read_file(path, FILE_BYTES_MAX, into);
    if (rc < 0)
        return say(why, rc, "cannot read %s %.400s: %s", what, path, strerror(-rc));
    return 0;
}

static const char *keep(struct certificate_files *f, struct span text)
{
    struct certificate_text *kept = sys_malloc(sizeof *kept + text.len + 1);
    if (!kept)
        return NULL;
    *(char *)mempcpy(kept->text, text.at, text.len) = '\0';
    kept->next = f->texts;
    f->texts = kept;
    return kept->text;
}

static const char *keep_names(struct certificate_files *f, const struct certificate_facts *facts)
{
    struct buf text = { 0 };
    int rc = 0;
    for (size_t i = 0; i < facts->names_count && rc == 0; i++)
        rc = buf_addf(&text, "%s%.*s", i > 0 ? ", " : "", (int)facts->names[i].len, facts->names[i].at);
    const char *kept = rc == 0 ? keep(f, buf_len(&text) > 0 ? buf_span(&text) : SPAN("")) : NULL;
    buf_done(&text);
    return kept;
}

static bool grow(struct certificate_files *f)
{
    if (f->count < f->cap)
        return true;
    size_t cap = f->cap > 0 ? 2 * f->cap : 8;
    struct certificate_row *rows = sys_realloc(f->rows, cap * sizeof *rows);
    if (!rows)
        return false;
    f->rows = rows;
    f->cap = cap;
    return true;
}

static int add_row(struct certificate_files *f, const struct bundle_item *item,
                   const struct certificate_facts *facts, char *why)
{
    struct certificate_row row = { .from_s = facts->from_s, .until_s = facts->until_s,
                                   .strangers = facts->strangers };
    (void)snprintf(row.kind, sizeof row.kind, "%s %d", certificate_kind_name(facts->kind), facts->key_bits);
    row.file = keep(f, item->file);
    row.key_file = keep(f, item->key_file);
    row.names = keep_names(f, facts);
    if (!row.file || !row.key_file || !row.names || !grow(f) || bundle_add(&f->bundle, item) < 0)
        return say(why, -ENOMEM, "no memory for the certificates");
    f->rows[f->count++] = row;
    return 0;
}

static int add_pair(struct reading *r, const char *file, struct span text, const char *key_file, struct span key)
{
    const struct bundle_item item = { .kind = BUNDLE_PAIR, .file = span_of(file), .key_file = span_of(key_file),
                                      .certificate = text, .key = key };
    if (r->files->count == FILES_MAX)
        return say(r->why, -E2BIG, "at most %d certificates can be served", FILES_MAX);
    struct certificate *c = certificate_read(&item, r->why);
    if (!c)
        return -EINVAL;
    int rc = add_row(r->files, &item, certificate_facts(c), r->why);
    certificate_free(c);
    return rc;
}

/* The text is a secret as soon as a key may be in it. */
static void wipe(struct buf *b)
{
    if (b->block)
        explicit_bzero(b->block, b->cap_bytes);
    buf_done(b);
}

static bool holds(const struct buf *text, struct span words)
{
    return buf_len(text) > 0 && memmem(buf_span(text).at, buf_len(text), words.at, words.len) != NULL;
}

/* key_file NULL: where it may be.  is_optional: without a certificate and a key it is nothing. */
static int add_file(struct reading *r, const char *file, const char *key_file, bool is_optional)
{
    char beside[FOLDER_BYTES];
    struct buf text = { 0 }, key = { 0 };
    int rc = read_file("the certificate", file, &text, r->why);
    bool has_own = rc == 0 && holds(&text, SPAN("PRIVATE KEY-----"));
    if (!key_file && !has_own && key_beside(file, beside))
        key_file = beside;
    bool is_nothing = !holds(&text, SPAN("CERTIFICATE-----")) || (!key_file && !has_own);
    if (rc == 0 && key_file)
        rc = read_file("the key", key_file, &key, r->why);
    if (rc == 0 && is_optional && is_nothing)
        rc = 0;
    else if (rc == 0 && !key_file && !has_own)
        rc = say(r->why, -ENOENT, "where is the key of %.300s? Name its file: tls-key", file);
    else if (rc == 0)
        rc = add_pair(r, file, buf_span(&text), key_file ? key_file : file,
                      key_file ? buf_span(&key) : buf_span(&text));
    wipe(&text);
    wipe(&key);
    return rc;
}

/* ---- folders ---- */

static int note_name(void *ctx, const char *name)
{
    struct reading *r = ctx;
    if (strlen(name) > NAME_MAX)
        return 0;
    if (r->names_count == r->names_cap) {
        size_t cap = r->names_cap > 0 ? 2 * r->names_cap : 64;
        char(*names)[NAME_MAX + 1] = sys_realloc(r->names, cap * sizeof *names);
        if (!names || cap > FILES_MAX)
            return -ENOMEM;
        r->names = names;
        r->names_cap = cap;
    }
    (void)snprintf(r->names[r->names_count++], NAME_MAX + 1, "%s", name);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int add_entry(struct reading *r, const char *name)
{
    char path[FOLDER_BYTES], file[FOLDER_BYTES];
    if (folder_join(path, r->folder, name) < 0)
        return 0;
    if (folder_exists(path)) {
        bool is_live = folder_has_file(path, "fullchain.pem") && folder_has_file(path, "privkey.pem");
        return is_live && folder_join(file, path, "fullchain.pem") == 0 ? add_file(r, file, NULL, true) : 0;
    }
    bool is_named_so = ends_with(name, ".pem") || ends_with(name, ".crt");
    return is_named_so && is_there(path) ? add_file(r, path, NULL, true) : 0;
}

static int add_entries(struct reading *r)
{
    int rc = folder_each(r->folder, note_name, r);
    if (rc < 0)
        return say(r->why, rc, "cannot read the folder %.300s: %s", r->folder, strerror(-rc));
    if (r->names_count > 0)
        qsort(r->names, r->names_count, sizeof *r->names, by_name);
    for (size_t i = 0; i < r->names_count && rc == 0; i++)
        rc = add_entry(r, r->names[i]);
    return rc;
}

static int add_folder(struct reading *r, const char *folder)
{
    char path[FOLDER_BYTES];
    size_t before = r->files->count;
    if (folder_has_file(folder, "fullchain.pem") && folder_join(path, folder, "fullchain.pem") == 0)
        return add_file(r, path, NULL, false);
    r->folder = folder;
    int rc = add_entries(r);
    sys_free(r->names);
    r->names = NULL;
    r->names_count = r->names_cap = 0;
    if (rc == 0 && r->files->count == before)
        rc = say(r->why, -ENOENT, "there is no certificate with a key in the folder %.300s", folder);
    return rc;
}

/* ---- the whole ---- */

static int add_authorities(struct certificate_files *f, const struct conf *conf, char *why)
{
    struct buf text = { 0 };
    if (conf->tls_client_ca[0] == '\0')
        return 0;
    bool is_required = strcmp(conf->tls_client, "required") == 0;
    int rc = read_file("the authorities of tls-client-ca,", conf->tls_client_ca, &text, why);
    if (rc == 0 && certificate_count_authorities(buf_span(&text), conf->tls_client_ca, why) < 0)
        rc = -EINVAL;
    const struct bundle_item item = { .kind = is_required ? BUNDLE_CLIENT_CA_REQUIRED : BUNDLE_CLIENT_CA,
                                      .file = span_of(conf->tls_client_ca), .certificate = buf_span(&text) };
    if (rc == 0 && bundle_add(&f->bundle, &item) < 0)
        rc = say(why, -ENOMEM, "no memory for the certificates");
    buf_done(&text);
    return rc;
}

int certificate_files_some(size_t count, char *why)
{
    return count > 0 ? 0 : say(why, -ENOENT, "a listener has the word tls, but nothing names a certificate: "
                                             "tls-certificate = FILE");
}

int certificate_files_read(struct certificate_files *f, const struct conf *conf, char *why)
{
    struct reading r = { .files = f, .why = why };
    const struct conf_list *list = &conf->tls_certificate;
    int rc = 0;
    if (conf->tls_key.count > list->count)
        return say(why, -EINVAL, "there are more files in tls-key than in tls-certificate");
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        const char *key_file = i < conf->tls_key.count ? conf->tls_key.items[i] : NULL;
        if (!folder_exists(list->items[i]))
            rc = add_file(&r, list->items[i], key_file, false);
        else if (key_file)
            rc = say(why, -EINVAL, "tls-certificate %.200s is a folder: its keys are in it, not in "
                     "%.200s", list->items[i], key_file);
        else
            rc = add_folder(&r, list->items[i]);
    }
    if (rc == 0)
        rc = add_authorities(f, conf, why);
    if (rc < 0)
        certificate_files_done(f);
    return rc;
}

void certificate_files_done(struct certificate_files *f)
{
    wipe(&f->bundle);
    while (f->texts) {
        struct certificate_text *next = f->texts->next;
        sys_free(f->texts);
        f->texts = next;
    }
    sys_free(f->rows);
    *f = (struct certificate_files){ 0 };
}

/* ---- has anything changed ---- */

struct stamping {
    const char *folder;
    uint64_t sum;                     /* in no order: folders are read as they come */
    unsigned depth;
};

static int stamp_entry(void *ctx, const char *name)
{
    struct stamping *s = ctx;
    char path[FOLDER_BYTES];
    if (folder_join(path, s->folder, name) < 0)
        return 0;
    s->sum += folder_stamp(0, path);
    if (s->depth == 0 && folder_exists(path)) {
        struct stamping below = { .folder = path, .depth = 1 };
        (void)folder_each(path, stamp_entry, &below);
        s->sum += below.sum;
    }
    return 0;
}

static uint64_t stamp(uint64_t before, const char *path)
{
    char beside[FOLDER_BYTES];
    struct stamping s = { .folder = path };
    if (folder_exists(path))
        (void)folder_each(path, stamp_entry, &s);
    else if (key_beside(path, beside))
        s.sum = folder_stamp(0, beside);
    return folder_stamp(before, path) + s.sum;
}

uint64_t certificate_files_stamp(const struct conf *conf)
{
    uint64_t is = 0;
    for (size_t i = 0; i < conf->tls_certificate.count; i++)
        is = stamp(is, conf->tls_certificate.items[i]);
    for (size_t i = 0; i < conf->tls_key.count; i++)
        is = folder_stamp(is, conf->tls_key.items[i]);
    return conf->tls_client_ca[0] ? folder_stamp(is, conf->tls_client_ca) : is;
}
