"""The rooms of src/ and who may include whom: the one list that the build and the checks share."""

# Upper rooms first.  A room may include headers of rooms further down only.
ROOMS = (
    "cli",
    "ops",
    "master",
    "scribe",
    "edge",
    "serve",
    "upstream",
    "link",
    "tls",
    "conf",
    "loop",
    "wire",
    "http",
    "fence",
    "base",
)

# The CPython extension stands beside the order: these sources are compiled a second time into it.
WORKER_SOURCES = (
    "src/worker/*.c",
    "src/link/frame*.c",
    "src/link/slot*.c",
    "src/link/sealed.c",
    "src/wire/uwsgi.c",
    "src/http/*.c",
    "src/base/*.c",
)
WORKER_LEAVES_OUT = ("src/base/json.c",)  # would pull in jansson
WORKER_MAY_INCLUDE = ("link/frame*.h", "link/slot*.h", "wire/uwsgi.h", "http/*.h", "base/*.h")

# Outside headers that only some places may include: (header pattern, path patterns).
ALONE = (
    ("jansson.h", ("src/base/*",)),
    ("ini.h", ("src/conf/*",)),
    ("Python.h", ("src/worker/*",)),
    ("sys/epoll.h", ("src/loop/*", "src/base/sys*.[ch]")),
    ("nghttp2/*", ("src/edge/h2*.[ch]",)),
    ("openssl/*", ("src/tls/*",)),
    ("crypt.h", ("src/serve/*",)),
    ("zlib.h", ("src/serve/*",)),
    ("brotli/*", ("src/serve/*",)),
    ("zstd.h", ("src/serve/*",)),
    ("zstd*.h", ("src/serve/*",)),
    ("seccomp.h", ("src/fence/*",)),
    ("linux/seccomp.h", ("src/fence/*", "src/base/sys_confine.c")),
    ("curl/*", ("src/ops/*",)),
    ("hiredis/*", ("src/ops/*",)),
    ("libpq-fe.h", ("src/ops/*",)),
)
