/* media.c - the types that sites serve; IANA's names where there is one (text/javascript: RFC
 * 9239).
 *
 * Sorted by suffix: a search halves the table, and a test sees to the order.
 */
#include "http/media.h"

enum { SUFFIX_BYTES_MAX = 11 };

static const struct row {
    const char *suffix;        /* lower case */
    struct span type;
} rows[] = {
#define TEXT(type) SPAN("text/" type "; charset=utf-8")
    { "3gp", SPAN("video/3gpp") },
    { "7z", SPAN("application/x-7z-compressed") },
    { "aac", SPAN("audio/aac") },
    { "apk", SPAN("application/vnd.android.package-archive") },
    { "apng", SPAN("image/apng") },
    { "atom", SPAN("application/atom+xml") },
    { "avi", SPAN("video/x-msvideo") },
    { "avif", SPAN("image/avif") },
    { "bmp", SPAN("image/bmp") },
    { "br", SPAN("application/x-brotli") },
    { "bz2", SPAN("application/x-bzip2") },
    { "css", TEXT("css") },
    { "csv", TEXT("csv") },
    { "deb", SPAN("application/vnd.debian.binary-package") },
    { "doc", SPAN("application/msword") },
    { "docx", SPAN("application/vnd.openxmlformats-officedocument.wordprocessingml.document") },
    { "eot", SPAN("application/vnd.ms-fontobject") },
    { "epub", SPAN("application/epub+zip") },
    { "flac", SPAN("audio/flac") },
    { "geojson", SPAN("application/geo+json") },
    { "gif", SPAN("image/gif") },
    { "glb", SPAN("model/gltf-binary") },
    { "gltf", SPAN("model/gltf+json") },
    { "gpx", SPAN("application/gpx+xml") },
    { "gz", SPAN("application/gzip") },
    { "heic", SPAN("image/heic") },
    { "htm", TEXT("html") },
    { "html", TEXT("html") },
    { "ico", SPAN("image/vnd.microsoft.icon") },
    { "ics", TEXT("calendar") },
    { "jar", SPAN("application/java-archive") },
    { "jpeg", SPAN("image/jpeg") },
    { "jpg", SPAN("image/jpeg") },
    { "js", TEXT("javascript") },
    { "json", SPAN("application/json") },
    { "jsonld", SPAN("application/ld+json") },
    { "jxl", SPAN("image/jxl") },
    { "kml", SPAN("application/vnd.google-earth.kml+xml") },
    { "kmz", SPAN("application/vnd.google-earth.kmz") },
    { "log", TEXT("plain") },
    { "m3u8", SPAN("application/vnd.apple.mpegurl") },
    { "m4a", SPAN("audio/mp4") },
    { "m4v", SPAN("video/mp4") },
    { "map", SPAN("application/json") },
    { "md", TEXT("markdown") },
    { "mid", SPAN("audio/midi") },
    { "mjs", TEXT("javascript") },
    { "mkv", SPAN("video/x-matroska") },
    { "mov", SPAN("video/quicktime") },
    { "mp3", SPAN("audio/mpeg") },
    { "mp4", SPAN("video/mp4") },
    { "mpd", SPAN("application/dash+xml") },
    { "mpeg", SPAN("video/mpeg") },
    { "mpg", SPAN("video/mpeg") },
    { "odp", SPAN("application/vnd.oasis.opendocument.presentation") },
    { "ods", SPAN("application/vnd.oasis.opendocument.spreadsheet") },
    { "odt", SPAN("application/vnd.oasis.opendocument.text") },
    { "oga", SPAN("audio/ogg") },
    { "ogg", SPAN("audio/ogg") },
    { "ogv", SPAN("video/ogg") },
    { "opus", SPAN("audio/ogg") },
    { "otf", SPAN("font/otf") },
    { "pdf", SPAN("application/pdf") },
    { "png", SPAN("image/png") },
    { "po", TEXT("x-gettext-translation") },
    { "ppt", SPAN("application/vnd.ms-powerpoint") },
    { "pptx", SPAN("application/vnd.openxmlformats-officedocument.presentationml.presentation") },
    { "ps", SPAN("application/postscript") },
    { "rar", SPAN("application/vnd.rar") },
    { "rpm", SPAN("application/x-rpm") },
    { "rss", SPAN("application/rss+xml") },
    { "rtf", SPAN("application/rtf") },
    { "srt", TEXT("plain") },
    { "svg", SPAN("image/svg+xml") },
    { "tar", SPAN("application/x-tar") },
    { "tgz", SPAN("application/gzip") },
    { "tif", SPAN("image/tiff") },
    { "tiff", SPAN("image/tiff") },
    { "toml", SPAN("application/toml") },
    { "tsv", TEXT("tab-separated-values") },
    { "ttf", SPAN("font/ttf") },
    { "txt", TEXT("plain") },
    { "vcf", TEXT("vcard") },
    { "vtt", TEXT("vtt") },
    { "wasm", SPAN("application/wasm") },
    { "wav", SPAN("audio/wav") },
    { "weba", SPAN("audio/webm") },
    { "webm", SPAN("video/webm") },
    { "webmanifest", SPAN("application/manifest+json") },
    { "webp", SPAN("image/webp") },
    { "woff", SPAN("font/woff") },
    { "woff2", SPAN("font/woff2") },
    { "xhtml", SPAN("application/xhtml+xml") },
    { "xls", SPAN("application/vnd.ms-excel") },
    { "xlsx", SPAN("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet") },
    { "xml", SPAN("application/xml") },
    { "xz", SPAN("application/x-xz") },
    { "yaml", SPAN("application/yaml") },
    { "yml", SPAN("application/yaml") },
    { "zip", SPAN("application/zip") },
    { "zst", SPAN("application/zstd") },
#undef TEXT
};

/* What follows the last '.', lower-cased and NUL-ended; false when there is none that fits. */
static bool read_suffix(struct span file_name, char suffix[SUFFIX_BYTES_MAX + 1])
{
    const char *dot = file_name.len > 0 ? memrchr(file_name.at, '.', file_name.len) : NULL;
    size_t len = dot ? (size_t)(file_name.at + file_name.len - dot - 1) : 0;
    if (len == 0 || len > SUFFIX_BYTES_MAX || memchr(dot + 1, '\0', len) != NULL)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = dot[1 + i];
        suffix[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    suffix[len] = '\0';
    return true;
}

struct span media_type_of(struct span file_name)
{
    char suffix[SUFFIX_BYTES_MAX + 1];
    size_t low = 0, high = ARRAY_LEN(rows);
    if (!read_suffix(file_name, suffix))
        return SPAN("application/octet-stream");
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(suffix, rows[middle].suffix);
        if (order == 0)
            return rows[middle].type;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return SPAN("application/octet-stream");
}

bool media_type_runs(struct span type)
{
    static const struct span parts[] = { SPAN("html"), SPAN("xml"), SPAN("javascript"),
                                         SPAN("ecmascript"), SPAN("svg") };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (memmem(type.at, type.len, parts[i].at, parts[i].len))
            return true;
    return false;
}
