"""A PostgreSQL server of the tests' own: a private cluster in a temporary folder, run by a user without privileges."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import closing
from itertools import count
from pathlib import Path

import psycopg

LONGEST_START = 60  # seconds; it takes one or two
GUARDED, PASSWORD = "guarded", "s3cret-w0rd"
NUMBERS = count(1)


class NoServer(Exception):
    """Why there can be no server on this machine."""


class Server:
    """A running server; its default for commits is not to wait for the disk, which a log must not rely on."""

    def __init__(self) -> None:
        programs = found_programs()
        self._user = unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix="rulecap-pg-"))
        self._postgres = programs / "postgres"
        self._process: subprocess.Popen[bytes] | None = None
        try:
            if self._user is not None:
                os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
            self._run(programs / "initdb", "--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8",
                      "--locale=C", "--pgdata", self.folder / "cluster")  # fmt: skip
            self._configure()
            self.start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _configure(self) -> None:
        self.port = free_port()
        settings = {
            "port": self.port,
            "listen_addresses": "'127.0.0.1'",
            "unix_socket_directories": f"'{self.folder}'",
            "fsync": "on",
            "synchronous_commit": "off",
            "max_connections": 60,
            "shared_buffers": "32MB",
            "log_min_messages": "fatal",
        }
        cluster = self.folder / "cluster"
        with (cluster / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        hosts = (cluster / "pg_hba.conf").read_text()
        (cluster / "pg_hba.conf").write_text(f"host all {GUARDED} 127.0.0.1/32 scram-sha-256\n{hosts}")

    def _as_user(self) -> dict[str, object]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def _run(self, *command: object) -> None:
        done = subprocess.run(
            [*map(str, command)], cwd=self.folder, capture_output=True, text=True, check=False, **self._as_user()
        )
        if done.returncode:
            raise NoServer(f"{Path(str(command[0])).name} failed: {done.stderr.strip()[-300:]}")

    def start(self) -> None:
        """Start, where it does not run, and wait until it answers."""
        if self._process is not None and self._process.poll() is None:
            return
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._postgres), "-D", str(self.folder / "cluster")],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                **self._as_user(),
            )  # fmt: skip
        end = time.monotonic() + LONGEST_START
        while True:
            try:
                self.admin().close()
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise NoServer(f"postgres did not start: {self._last_words() or error}") from error
                time.sleep(0.05)
            else:
                return

    def _last_words(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace").strip()[-300:]

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop: SIGINT ends every session and tidies up, SIGQUIT leaves everything as a crash does."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(LONGEST_START)

    def remove(self) -> None:
        """Stop at once and leave nothing behind."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def admin(self, database: str = "postgres") -> psycopg.Connection:
        """Return a connection of the superuser, over the socket in the server's folder."""
        return psycopg.connect(
            host=str(self.folder), port=self.port, user="postgres", dbname=database, autocommit=True, connect_timeout=10
        )

    def new_database(self) -> str:
        """Make an empty database that is nobody else's; return its name."""
        name = f"log{next(NUMBERS)}"
        with closing(self.admin()) as admin:
            admin.execute(f"CREATE DATABASE {name}")
        return name

    def empty(self, database: str) -> None:
        """Take a log out of its database."""
        with closing(self.admin(database)) as admin:
            admin.execute("SET client_min_messages = error")
            admin.execute("DROP SCHEMA IF EXISTS rulecap CASCADE")

    def url(self, database: str, user: str = "postgres") -> str:
        """Return a database's address over TCP."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"


def found_programs() -> Path:
    """Return the folder with the server's programs: the newest of Debian's, else where PATH has them."""

    def version(folder: Path) -> int:
        return int(folder.parent.name) if folder.parent.name.isdigit() else 0

    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version, reverse=True)
    path = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    for folder in (*debian, *path):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NoServer("PostgreSQL's programs initdb and postgres are not on this machine")


def unprivileged() -> pwd.struct_passwd | None:
    """Return whom to run the server as; nobody else unless this is root, as whom it refuses to run."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoServer("a PostgreSQL server does not run as root, and this machine has neither user postgres nor nobody")


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
