"""lookover.py's checks of databases and of what visitors send."""

import getpass
import os
from typing import Any
from urllib.parse import quote

Row = dict[str, Any]
CONNECT_S = 5.0
MIGRATE = "slipway exec manage migrate"
SQLITE = ("sqlite3", "spatialite")
NETWORK_MOUNTS = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs")
MEMORY_MOUNTS = ("tmpfs", "ramfs")
TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/")
CONNECTIONS_MANY = 80  # PostgreSQL allows 100 as it comes, MySQL 151
MIB = 1024 * 1024
MEMORY_MANY_BYTES = 64 * MIB


def databases() -> dict[str, dict[str, Any]]:
    from django.db import connections

    return {
        alias: database
        for alias, database in connections.databases.items()  # with Django's defaults filled in
        if database.get("ENGINE") and not database["ENGINE"].endswith(".dummy")
    }


def is_sqlite(database: dict[str, Any]) -> bool:
    return str(database["ENGINE"]).endswith(SQLITE)


def server_of(database: dict[str, Any]) -> str:
    """ "postgresql at db:5432", without user and password."""
    engine = str(database["ENGINE"]).rpartition(".")[2]
    host = str(database.get("HOST") or "localhost")
    port = database.get("PORT")
    return f"{engine} at {host}{f':{port}' if port else ''}"


# ---- where SQLite lies ----


def mount_type(path: str) -> str:
    """The file system of a path, by the longest mount point above it; "" when not known."""
    best, found = "", ""
    with open("/proc/self/mounts", encoding="utf-8", errors="replace") as mounts:
        for line in mounts:
            _, point, kind, *_ = line.split(" ")
            point = point.replace("\\040", " ").rstrip("/") + "/"
            if (path + "/").startswith(point) and len(point) >= len(best):
                best, found = point, kind
    return found


def sqlite_trouble(path: str) -> str:
    folder = os.path.dirname(os.path.realpath(path))
    kind = mount_type(folder)
    if kind in NETWORK_MOUNTS:
        return f"{path} is on a network folder ({kind}), where SQLite's locks do not hold"
    if os.path.isdir(folder) and not os.access(folder, os.W_OK):
        return f"{folder} cannot be written by this user, and SQLite keeps its journal there"
    if os.path.exists(path) and not os.access(path, os.W_OK):
        return f"{path} cannot be written by this user"
    if (folder + "/").startswith(os.getcwd().rstrip("/") + "/"):
        return ""  # as lasting as the project
    if kind in MEMORY_MOUNTS or (folder + "/").startswith(TEMPORARY):
        return f"{path} is in a temporary folder: it is gone some day"
    return ""


def remedy_of(trouble: str, path: str) -> str:
    if "by this user" not in trouble:
        return "keep the file on a disk of this machine"
    folder = os.path.dirname(os.path.realpath(path))
    return f"chown {getpass.getuser()} {folder} {path}"


def database(look: Any) -> Row | None:
    all_of_them = databases()
    if not all_of_them:
        return None
    for entry in all_of_them.values():
        name = str(entry.get("NAME") or "")
        if not is_sqlite(entry):
            continue
        if not name or ":memory:" in name or "mode=memory" in name:
            return look.warn(
                "SQLite in memory: every worker has a database of its own, and loses it"
            )
        if trouble := sqlite_trouble(name):
            return look.warn(trouble, remedy_of(trouble, name))
    return look.ok(
        ", ".join(
            f"SQLite {entry['NAME']}" if is_sqlite(entry) else server_of(entry)
            for entry in all_of_them.values()
        )
    )


def connections(look: Any) -> Row | None:
    remote = {a: d for a, d in databases().items() if not is_sqlite(d)}
    kept = [alias for alias, entry in remote.items() if entry.get("CONN_MAX_AGE", 0) != 0]
    if not remote:
        return None
    for alias, entry in remote.items():
        if (entry.get("OPTIONS") or {}).get("pool"):
            continue
        setting = f'DATABASES["{alias}"]'
        if alias not in kept:
            return look.warn(
                f"CONN_MAX_AGE is 0: every request connects to {server_of(entry)} anew",
                f'{setting}["CONN_MAX_AGE"] = 60; {setting}["CONN_HEALTH_CHECKS"] = True',
            )
        if not entry.get("CONN_HEALTH_CHECKS") and "CONN_HEALTH_CHECKS" in entry:
            return look.warn(
                f"CONN_HEALTH_CHECKS is off: after a restart of {server_of(entry)} the first "
                "request of each worker fails",
                f'{setting}["CONN_HEALTH_CHECKS"] = True',
            )
    return connection_count(look, len(remote))


def connection_count(look: Any, per_thread: int) -> Row:
    workers, threads = int(look.start.get("workers") or 1), int(look.start.get("threads") or 1)
    count = workers * threads * per_thread
    text = f"up to {count} are kept ({workers} workers x {threads} threads)"
    if count > CONNECTIONS_MANY:
        return look.warn(
            f"{text}, twice that at a reload: compare the server's max_connections",
            "fewer workers or threads, a pooler, or a larger max_connections",
        )
    return look.ok(text)


# ---- migrations ----


def is_resting(path: str) -> bool:
    """In WAL mode (its header says so) and nobody has it open.  Even a reader would then make the
    files of that mode, and one that may only read could not remove them."""
    with open(path, "rb") as file:
        return file.read(20)[18:] == b"\2\2" and not os.path.exists(path + "-wal")


def only_reading(connection: Any) -> Any:
    """A connection of its own that writes nothing: a project's init_command may."""
    copy = connection.copy()
    if connection.vendor == "sqlite":
        settings = copy.settings_dict
        path = str(settings["NAME"])
        how = "immutable=1" if is_resting(path) else "mode=ro"
        settings["NAME"] = f"file:{quote(path)}?{how}"
        for name in ("init_command", "transaction_mode"):
            settings["OPTIONS"].pop(name, None)
    return copy


def pending(alias: str) -> list[str]:
    """The migrations that `migrate` would apply; of another database than the default one only
    when it has had any."""
    from django.db import connections as django_connections
    from django.db.migrations.executor import MigrationExecutor

    connection = only_reading(django_connections[alias])
    django_connections[alias] = connection  # of this thread: its queries go by the alias
    try:
        executor = MigrationExecutor(connection)
        if alias != "default" and not executor.recorder.has_table():
            return []
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
    finally:
        connection.close()


def migrations(look: Any) -> list[Row]:
    rows: list[Row] = []
    todo: list[str] = []
    aliases = databases()
    for alias, entry in aliases.items():
        name = str(entry.get("NAME") or "")
        if is_sqlite(entry) and (not name or ":memory:" in name or name.startswith("file:")):
            continue
        if is_sqlite(entry) and not os.path.exists(name):
            rows.append(look.wrong(f"there is no database {name} yet", MIGRATE))
            continue
        try:
            todo += look.bounded(lambda alias=alias: pending(alias), CONNECT_S)
        except Exception as error:
            rows.append(unreachable(look, alias, entry, error))
    if todo:
        rows.append(pending_row(look, todo))
    return rows if rows or not aliases else [look.ok("all applied")]


def pending_row(look: Any, todo: list[str]) -> Row:
    names = ", ".join(todo[:3]) + (", ..." if len(todo) > 3 else "")
    is_one = len(todo) == 1
    return look.wrong(
        f"{len(todo)} migration{' is' if is_one else 's are'} not applied: {names}",
        MIGRATE,
    )


def unreachable(look: Any, alias: str, entry: dict[str, Any], error: Exception) -> Row:
    where = str(entry.get("NAME")) if is_sqlite(entry) else server_of(entry)
    reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
    return look.wrong(
        f"the database '{alias}' ({where}) does not answer: {reason}",
        f'start it, or mend DATABASES["{alias}"]',
    )


# ---- bodies ----


def size(count: int) -> str:
    for unit, scale in (("G", 1024 * MIB), ("M", MIB), ("K", 1024)):
        if count >= scale:
            return f"{count / scale:.4g}{unit}"
    return str(count)


def uploads(look: Any) -> Row:
    limit = int(look.site["body_limit"])
    data = look.settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    file_memory = int(look.settings.FILE_UPLOAD_MAX_MEMORY_SIZE or 0)
    folder = look.settings.FILE_UPLOAD_TEMP_DIR
    if folder and not (os.path.isdir(folder) and os.access(folder, os.W_OK)):
        return look.wrong(
            f"FILE_UPLOAD_TEMP_DIR {folder} is not there or cannot be written: larger uploads fail",
            f"mkdir -p {folder}",
        )
    if data is not None and limit < data:
        return look.warn(
            f"slipway refuses bodies above {size(limit)} with 413, before Django's "
            f"DATA_UPLOAD_MAX_MEMORY_SIZE ({size(data)}) is reached",
            f"body-limit = {size(data)}",
        )
    if data is None and limit > MEMORY_MANY_BYTES:
        return look.warn(
            f"DATA_UPLOAD_MAX_MEMORY_SIZE is None: a form of {size(limit)} (body-limit) fills as "
            "much memory of a worker",
            "DATA_UPLOAD_MAX_MEMORY_SIZE = 2621440",
        )
    if min(file_memory, limit) > MEMORY_MANY_BYTES:
        return look.warn(
            f"FILE_UPLOAD_MAX_MEMORY_SIZE: uploads up to {size(file_memory)} are held in memory",
            "FILE_UPLOAD_MAX_MEMORY_SIZE = 2621440",
        )
    forms = f"400 for forms above {size(data)}" if data is not None else "forms of any size"
    return look.ok(f"413 above {size(limit)}, {forms}")
