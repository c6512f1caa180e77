"""The servers that people run, the ways to start them that their documentation names, and the processes these make.

What the processes are was found out with ``ps``, ``ss`` and ``top`` beside a load, not with the harness.

A *worker* works on requests: it accepts connections, holds them, or computes the answers. A *supervisor* starts other
processes and watches them. A *front* takes the requests and hands them to workers that listen somewhere else. A
*helper* is whatever is left.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

AS_FOUND: Final = "as found"

APACHE: Final = ("apache.conf", "index.html")
PHP_FPM: Final = ("nginx-php-fpm.sh", "nginx-php.conf", "php-fpm.conf", "index.php")
NGINX_PORT: Final = 8080  # stands in its configuration, which reads no environment


@dataclass(frozen=True)
class Roles:
    """How many processes of each role there are under load; from ``workers`` to ``most_workers`` in a pool that grows.

    ``threads`` are those of each worker, where they are the point.
    """

    workers: int
    supervisors: int = 0
    fronts: int = 0
    helpers: int = 0
    most_workers: int | None = None
    threads: int | None = None


@dataclass(frozen=True)
class Start:
    """A way to start a server, as a ``[[topology]]`` of a scenario has it, and the processes that this makes."""

    command: str
    roles: Roles
    workers: int | Literal["as found"] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    is_replacing: bool = False  # whether its workers are replaced while they are measured

    @property
    def words(self) -> list[str]:
        """The command, word by word."""
        return shlex.split(self.command)

    @property
    def topology(self) -> str:
        """The name of its topology, as the scenario has it."""
        if self.workers is None:
            return "raw"
        return "cluster" if self.workers == AS_FOUND else "cluster-{workers}"

    @property
    def name(self) -> str:
        """The name of its topology in a run."""
        return self.topology.format(workers=self.workers)


@dataclass(frozen=True)
class RealServer:
    """A server and its ``starts``: raw, with one worker, and as a cluster, of two workers where a number can be said.

    ``needs`` are its programs; the first is what the entry is about. ``files`` are what it takes from ``files/``.
    """

    name: str
    title: str
    needs: Sequence[str]
    files: Sequence[str]
    starts: Sequence[Start]
    remark: str = ""


SERVERS: Final = (
    RealServer(
        name="gunicorn-sync",
        title="gunicorn",
        needs=("gunicorn",),
        files=("app.py",),
        starts=(
            Start("gunicorn app:wsgi -b {host}:{port}", Roles(1, supervisors=1)),
            Start("gunicorn app:wsgi -b {host}:{port} -w {workers}", Roles(2, supervisors=1), 2),
        ),
        remark="Each connection is closed after one answer, and said to be.",
    ),
    RealServer(
        name="gunicorn-gthread",
        title="gunicorn with threads",
        needs=("gunicorn",),
        files=("app.py",),
        starts=(
            Start("gunicorn app:wsgi -b {host}:{port} --threads 4", Roles(1, supervisors=1, threads=5)),
            Start("gunicorn app:wsgi -b {host}:{port} --threads 4 -w {workers}", Roles(2, 1, threads=5), 2),
        ),
        remark="A worker accepts with one thread and answers with the others, of which one runs at a time (GIL).",
    ),
    RealServer(
        name="gunicorn-gevent",
        title="gunicorn with gevent",
        needs=("gunicorn",),
        files=("app.py",),
        starts=(
            Start("gunicorn app:wsgi -b {host}:{port} -k gevent", Roles(1, supervisors=1)),
            # The first worker to wake takes all the connections that wait: one has been seen with all, one with none.
            Start("gunicorn app:wsgi -b {host}:{port} -k gevent -w {workers}", Roles(2, supervisors=1), 2),
        ),
        remark="Few connections may all end up with one worker: offer many.",
    ),
    RealServer(
        name="gunicorn-uvicorn-worker",
        title="gunicorn with uvicorn's worker",
        needs=("gunicorn",),
        files=("app.py",),
        starts=(
            Start("gunicorn app:asgi -b {host}:{port} -k uvicorn_worker.UvicornWorker", Roles(1, supervisors=1)),
            Start(
                "gunicorn app:asgi -b {host}:{port} -k uvicorn_worker.UvicornWorker -w {workers}",
                Roles(2, supervisors=1),
                2,
            ),
        ),
    ),
    RealServer(
        name="gunicorn-preload",
        title="gunicorn, application loaded before the fork",
        needs=("gunicorn",),
        files=("app.py",),
        starts=(
            Start("gunicorn app:wsgi -b {host}:{port} --preload", Roles(1, supervisors=1)),
            Start("gunicorn app:wsgi -b {host}:{port} --preload -w {workers}", Roles(2, supervisors=1), 2),
        ),
        remark="The workers share memory with their supervisor.",
    ),
    RealServer(
        name="gunicorn-max-requests",
        title="gunicorn, workers that are replaced",
        needs=("gunicorn",),
        files=("app.py",),
        starts=(
            Start(
                "gunicorn app:wsgi -b {host}:{port} --max-requests 200 --max-requests-jitter 20",
                Roles(1, supervisors=1),
                is_replacing=True,
            ),
            Start(
                "gunicorn app:wsgi -b {host}:{port} --max-requests 200 --max-requests-jitter 20 -w {workers}",
                Roles(2, supervisors=1),
                2,
                is_replacing=True,
            ),
        ),
        remark="Workers end by themselves, with exit code 0.",
    ),
    RealServer(
        name="uvicorn",
        title="uvicorn",
        needs=("uvicorn",),
        files=("app.py",),
        starts=(
            Start("uvicorn app:asgi --host {host} --port {port} --no-access-log", Roles(1)),
            # The helper is multiprocessing's resource_tracker. One worker of two may be idle, as with gevent.
            Start(
                "uvicorn app:asgi --host {host} --port {port} --no-access-log --workers {workers}",
                Roles(2, supervisors=1, helpers=1),
                2,
            ),
        ),
        remark="Few connections may all end up with one worker: offer many.",
    ),
    RealServer(
        name="uvicorn-limit-max-requests",
        title="uvicorn, workers that are replaced",
        needs=("uvicorn",),
        files=("app.py",),
        starts=(
            Start(
                "uvicorn app:asgi --host {host} --port {port} --no-access-log --workers {workers}"
                " --limit-max-requests 8000 --limit-max-requests-jitter 8000",
                # A successor takes a second to come, in which its place is empty: one worker may be there, or two.
                Roles(1, supervisors=1, helpers=1, most_workers=2),
                2,
            ),
        ),
        remark="Without --workers nobody replaces the one process that ends.",
    ),
    RealServer(
        name="granian",
        title="Granian",
        needs=("granian",),
        files=("app.py",),
        starts=(
            # The workers alone listen, each with a socket of its own (SO_REUSEPORT).
            Start("granian --interface asgi --host {host} --port {port} app:asgi", Roles(1, supervisors=1)),
            Start(
                "granian --interface asgi --host {host} --port {port} --workers {workers} app:asgi",
                Roles(2, supervisors=1),
                2,
            ),
        ),
    ),
    RealServer(
        name="granian-wsgi",
        title="Granian, WSGI",
        needs=("granian",),
        files=("app.py",),
        starts=(
            Start("granian --interface wsgi --host {host} --port {port} app:wsgi", Roles(1, supervisors=1)),
            Start(
                "granian --interface wsgi --host {host} --port {port} --workers {workers} app:wsgi",
                Roles(2, supervisors=1),
                2,
            ),
        ),
        remark="Threads that may block come and go with the load.",
    ),
    RealServer(
        name="hypercorn",
        title="Hypercorn",
        needs=("hypercorn",),
        files=("app.py",),
        starts=(
            Start("hypercorn app:asgi -b {host}:{port} -w 0", Roles(1)),
            # The supervisor holds the listening socket too; the helper is multiprocessing's resource_tracker.
            Start("hypercorn app:asgi -b {host}:{port} -w {workers}", Roles(2, supervisors=1, helpers=1), 2),
        ),
        remark="Only `-w 0` is one process; `-w 1`, the default, is a supervisor and a worker.",
    ),
    RealServer(
        name="daphne",
        title="Daphne",
        needs=("daphne",),
        files=("app.py",),
        starts=(Start("daphne -b {host} -p {port} app:asgi", Roles(1)),),
        remark="Always one process; for more put it behind nginx, as uvicorn below.",
    ),
    RealServer(
        name="waitress",
        title="Waitress",
        needs=("waitress-serve",),
        files=("app.py",),
        starts=(Start("waitress-serve --listen {host}:{port} app:wsgi", Roles(1, threads=5)),),
        remark="Always one process: one thread for the connections, four that answer.",
    ),
    RealServer(
        name="uwsgi",
        title="uWSGI without a master",
        needs=("uwsgi",),
        files=("app.py",),
        starts=(
            Start("uwsgi --http-socket {host}:{port} --wsgi-file app.py --callable wsgi", Roles(1)),
            # The process that was started is worker 1, and the parent of worker 2.
            Start(
                "uwsgi --http-socket {host}:{port} --wsgi-file app.py --callable wsgi --processes {workers}",
                Roles(2),
                2,
            ),
        ),
        remark="Each connection is closed after one answer, and not said to be: `keepalive = false` in `[load]`.",
    ),
    RealServer(
        name="uwsgi-master",
        title="uWSGI with a master",
        needs=("uwsgi",),
        files=("app.py",),
        starts=(
            Start(
                "uwsgi --master --die-on-term --http-socket {host}:{port} --wsgi-file app.py --callable wsgi",
                Roles(1, supervisors=1),
            ),
            # The master waits as the workers do, in epoll_wait, and holds the listening socket.
            Start(
                "uwsgi --master --die-on-term --http-socket {host}:{port} --wsgi-file app.py --callable wsgi"
                " --processes {workers}",
                Roles(2, supervisors=1),
                2,
            ),
        ),
        remark="Each connection is closed after one answer, and not said to be: `keepalive = false` in `[load]`.",
    ),
    RealServer(
        name="uwsgi-http",
        title="uWSGI behind its own router",
        needs=("uwsgi",),
        files=("app.py",),
        starts=(
            # The worker started the router, and still holds the public socket, on which it never accepts.
            Start("uwsgi --http {host}:{port} --wsgi-file app.py --callable wsgi", Roles(1, fronts=1)),
            Start(
                "uwsgi --master --die-on-term --http {host}:{port} --wsgi-file app.py --callable wsgi"
                " --processes {workers}",
                Roles(2, supervisors=1, fronts=1),
                2,
            ),
        ),
        remark="Each connection is closed after one answer, and not said to be; see also `--http-keepalive`.",
    ),
    RealServer(
        name="apache-event",
        title="Apache, event",
        needs=("apache2",),
        files=APACHE,
        starts=(
            Start(
                "apache2 -d {root} -f apache.conf -DFOREGROUND -Devent",
                Roles(1, supervisors=1, threads=10),
                env={"PORT": "{port}", "ROOT": "{root}", "WORKERS": "1", "THREADS": "8"},
            ),
            Start(
                "apache2 -d {root} -f apache.conf -DFOREGROUND -Devent",
                Roles(2, supervisors=1, threads=10),
                2,
                env={"PORT": "{port}", "ROOT": "{root}", "WORKERS": "{workers}", "THREADS": "16"},
            ),
        ),
        remark="`MaxRequestWorkers` counts threads: `ServerLimit` times `ThreadsPerChild`.",
    ),
    RealServer(
        name="apache-event-dynamic",
        title="Apache, event, as many as needed",
        needs=("apache2",),
        files=APACHE,
        starts=(
            Start(
                "apache2 -d {root} -f apache.conf -DFOREGROUND -Devent -Ddynamic",
                Roles(1, supervisors=1, most_workers=4, threads=10),
                AS_FOUND,
                env={"PORT": "{port}", "ROOT": "{root}"},
            ),
        ),
        remark="Grows under load, at the earliest once a second.",
    ),
    RealServer(
        name="apache-prefork",
        title="Apache, prefork",
        needs=("apache2",),
        files=APACHE,
        starts=(
            Start(
                "apache2 -d {root} -f apache.conf -DFOREGROUND -Dprefork",
                Roles(1, supervisors=1),
                env={"PORT": "{port}", "ROOT": "{root}", "WORKERS": "1"},
            ),
            Start(
                "apache2 -d {root} -f apache.conf -DFOREGROUND -Dprefork",
                Roles(2, supervisors=1),
                2,
                env={"PORT": "{port}", "ROOT": "{root}", "WORKERS": "{workers}"},
            ),
        ),
        remark="A process holds a connection until it is closed: more connections than processes wait.",
    ),
    RealServer(
        name="apache-prefork-dynamic",
        title="Apache, prefork, as many as needed",
        needs=("apache2",),
        files=APACHE,
        starts=(
            Start(
                "apache2 -d {root} -f apache.conf -DFOREGROUND -Dprefork -Ddynamic",
                Roles(1, supervisors=1, most_workers=8),
                AS_FOUND,
                env={"PORT": "{port}", "ROOT": "{root}"},
            ),
        ),
        remark="Grows under load: by one, two, four… a second.",
    ),
    RealServer(
        name="apache-prefork-recycled",
        title="Apache, prefork, processes that are replaced",
        needs=("apache2",),
        files=APACHE,
        starts=(
            Start(
                "apache2 -d {root} -f apache.conf -DFOREGROUND -Dprefork -Ddynamic -Drecycle",
                Roles(1, supervisors=1, most_workers=8),
                AS_FOUND,
                env={"PORT": "{port}", "ROOT": "{root}"},
            ),
        ),
        remark="`MaxConnectionsPerChild`: processes end with exit code 0, and are replaced once a second.",
    ),
    RealServer(
        name="php-fpm-static",
        title="PHP-FPM behind nginx, static",
        needs=("php-fpm", "nginx"),
        files=PHP_FPM,
        starts=(
            Start(
                "sh nginx-php-fpm.sh",
                Roles(1, supervisors=3, fronts=1),
                env={"PM": "static", "WORKERS": "1", "MAX_REQUESTS": "0"},
                port=NGINX_PORT,
            ),
            Start(
                "sh nginx-php-fpm.sh",
                Roles(2, supervisors=3, fronts=1),
                2,
                env={"PM": "static", "WORKERS": "{workers}", "MAX_REQUESTS": "0"},
                port=NGINX_PORT,
            ),
        ),
        remark="Debian calls the program `php-fpm8.2` or the like.",
    ),
    RealServer(
        name="php-fpm-dynamic",
        title="PHP-FPM behind nginx, dynamic",
        needs=("php-fpm", "nginx"),
        files=PHP_FPM,
        starts=(
            Start(
                "sh nginx-php-fpm.sh",
                Roles(1, supervisors=3, fronts=1, most_workers=4),
                AS_FOUND,
                env={"PM": "dynamic", "WORKERS": "4", "MAX_REQUESTS": "0"},
                port=NGINX_PORT,
            ),
        ),
        remark="Grows under load, at the earliest once a second.",
    ),
    RealServer(
        name="php-fpm-ondemand",
        title="PHP-FPM behind nginx, ondemand",
        needs=("php-fpm", "nginx"),
        files=PHP_FPM,
        starts=(
            # No worker exists before the first request. The master polls the socket too, for a tenth of a core.
            Start(
                "sh nginx-php-fpm.sh",
                Roles(1, supervisors=3, fronts=1, most_workers=4),
                AS_FOUND,
                env={"PM": "ondemand", "WORKERS": "4", "MAX_REQUESTS": "0"},
                port=NGINX_PORT,
            ),
        ),
        remark="Without load there is no worker.",
    ),
    RealServer(
        name="php-fpm-max-requests",
        title="PHP-FPM behind nginx, children that are replaced",
        needs=("php-fpm", "nginx"),
        files=PHP_FPM,
        starts=(
            Start(
                "sh nginx-php-fpm.sh",
                Roles(2, supervisors=3, fronts=1),
                2,
                env={"PM": "static", "WORKERS": "{workers}", "MAX_REQUESTS": "500"},
                port=NGINX_PORT,
                is_replacing=True,
            ),
        ),
        remark="Children end with exit code 0.",
    ),
    RealServer(
        name="php-builtin",
        title="PHP's own server",
        needs=("php",),
        files=("index.php",),
        starts=(
            Start("php -S {host}:{port}", Roles(1)),
            # The variable counts the children, and their parent serves as they do.
            Start("php -S {host}:{port}", Roles(3), 3, env={"PHP_CLI_SERVER_WORKERS": "2"}),
        ),
        remark="`PHP_CLI_SERVER_WORKERS=2` is three workers: the parent serves too.",
    ),
    RealServer(
        name="puma",
        title="Puma",
        needs=("puma",),
        files=("config.ru",),
        starts=(
            Start("puma -b tcp://{host}:{port} -e production", Roles(1)),
            Start("puma -b tcp://{host}:{port} -e production -w {workers}", Roles(2, supervisors=1), 2),
        ),
        remark="Up to five threads answer, of which one runs at a time (GVL); without a load there are fewer.",
    ),
    RealServer(
        name="puma-threads",
        title="Puma, threads fixed",
        needs=("puma",),
        files=("config.ru",),
        starts=(
            Start("puma -b tcp://{host}:{port} -e production -t 4:4", Roles(1)),
            Start("puma -b tcp://{host}:{port} -e production -t 4:4 -w {workers}", Roles(2, supervisors=1), 2),
        ),
        remark="Beside the four that answer, some threads watch.",
    ),
    RealServer(
        name="puma-fork-worker",
        title="Puma, workers forked from worker 0",
        needs=("puma",),
        files=("config.ru",),
        starts=(
            Start("puma -b tcp://{host}:{port} -e production --fork-worker -w 1", Roles(1, supervisors=1)),
            # Worker 0 is the parent of worker 1, and serves.
            Start("puma -b tcp://{host}:{port} -e production --fork-worker -w {workers}", Roles(2, supervisors=1), 2),
        ),
        remark="After 1,000 requests the other workers are forked anew.",
    ),
    RealServer(
        name="unicorn",
        title="Unicorn",
        needs=("unicorn",),
        files=("config.ru", "unicorn.rb"),
        starts=(
            Start("unicorn -E none -l {host}:{port} -c unicorn.rb", Roles(1, supervisors=1), env={"WORKERS": "1"}),
            Start(
                "unicorn -E none -l {host}:{port} -c unicorn.rb",
                Roles(2, supervisors=1),
                2,
                env={"WORKERS": "{workers}"},
            ),
        ),
        remark="Each connection is closed after one answer, and said to be.",
    ),
    RealServer(
        name="node",
        title="Node.js",
        needs=("node",),
        files=("server.js", "cluster.js"),
        starts=(
            Start("node server.js", Roles(1), env={"HOST": "{host}", "PORT": "{port}"}),
            # The primary alone listens: it accepts, and hands the connections over.
            Start(
                "node cluster.js",
                Roles(2, supervisors=1),
                2,
                env={"HOST": "{host}", "PORT": "{port}", "WORKERS": "{workers}"},
            ),
        ),
        remark="A process has threads for files and names beside the one that answers.",
    ),
    RealServer(
        name="pm2",
        title="PM2",
        needs=("pm2-runtime", "node"),
        files=("server.js",),
        starts=(
            Start("pm2-runtime start server.js", Roles(1, supervisors=1), env={"HOST": "{host}", "PORT": "{port}"}),
            # As with Node's cluster, of which pm2-runtime is the primary.
            Start(
                "pm2-runtime start server.js -i {workers}",
                Roles(2, supervisors=1),
                2,
                env={"HOST": "{host}", "PORT": "{port}"},
            ),
        ),
        remark="`pm2 start` goes to the background and can't be measured; `pm2-runtime` is what containers use.",
    ),
    RealServer(
        name="nginx",
        title="nginx",
        needs=("nginx",),
        files=("nginx.conf", "index.html"),
        starts=(
            Start(
                "nginx -e stderr -p {root} -c nginx.conf -g 'daemon off; worker_processes 1;'",
                Roles(1, supervisors=1),
                port=NGINX_PORT,
            ),
            Start(
                "nginx -e stderr -p {root} -c nginx.conf -g 'daemon off; worker_processes {workers};'",
                Roles(2, supervisors=1),
                2,
                port=NGINX_PORT,
            ),
        ),
        remark="Its workers are workers where it serves files, and fronts where it hands requests on.",
    ),
    RealServer(
        name="nginx-gunicorn",
        title="nginx in front of gunicorn, by TCP",
        needs=("nginx", "gunicorn"),
        files=("nginx-gunicorn.sh", "nginx-proxy.conf", "app.py"),
        starts=(
            Start("sh nginx-gunicorn.sh 127.0.0.1:8081 1", Roles(1, supervisors=3, fronts=1), port=NGINX_PORT),
            Start(
                "sh nginx-gunicorn.sh 127.0.0.1:8081 {workers}", Roles(2, supervisors=3, fronts=1), 2, port=NGINX_PORT
            ),
        ),
    ),
    RealServer(
        name="nginx-gunicorn-unix",
        title="nginx in front of gunicorn, by a Unix socket",
        needs=("nginx", "gunicorn"),
        files=("nginx-gunicorn.sh", "nginx-proxy.conf", "app.py"),
        starts=(
            Start("sh nginx-gunicorn.sh unix:gunicorn.sock 1", Roles(1, supervisors=3, fronts=1), port=NGINX_PORT),
            Start(
                "sh nginx-gunicorn.sh unix:gunicorn.sock {workers}",
                Roles(2, supervisors=3, fronts=1),
                2,
                port=NGINX_PORT,
            ),
        ),
    ),
    RealServer(
        name="nginx-uvicorns",
        title="nginx in front of uvicorns, by TCP",
        needs=("nginx", "uvicorn"),
        files=("nginx-uvicorns.sh", "nginx-proxy.conf", "app.py"),
        starts=(
            Start("sh nginx-uvicorns.sh tcp 1", Roles(1, supervisors=2, fronts=1), port=NGINX_PORT),
            Start("sh nginx-uvicorns.sh tcp {workers}", Roles(2, supervisors=2, fronts=1), 2, port=NGINX_PORT),
        ),
    ),
    RealServer(
        name="nginx-uvicorns-unix",
        title="nginx in front of uvicorns, by Unix sockets",
        needs=("nginx", "uvicorn"),
        files=("nginx-uvicorns.sh", "nginx-proxy.conf", "app.py"),
        starts=(
            Start("sh nginx-uvicorns.sh unix 1", Roles(1, supervisors=2, fronts=1), port=NGINX_PORT),
            Start("sh nginx-uvicorns.sh unix {workers}", Roles(2, supervisors=2, fronts=1), 2, port=NGINX_PORT),
        ),
    ),
    RealServer(
        name="haproxy-uvicorns",
        title="HAProxy in front of uvicorns",
        needs=("haproxy", "uvicorn"),
        files=("haproxy-uvicorns.sh", "haproxy.cfg", "app.py"),
        starts=(
            # Its master, unlike nginx's, does not hold the listening socket.
            Start("sh haproxy-uvicorns.sh 1", Roles(1, supervisors=2, fronts=1), env={"PORT": "{port}"}),
            Start("sh haproxy-uvicorns.sh {workers}", Roles(2, supervisors=2, fronts=1), 2, env={"PORT": "{port}"}),
        ),
    ),
    RealServer(
        name="lighttpd",
        title="lighttpd",
        needs=("lighttpd",),
        files=("lighttpd.conf", "index.html"),
        starts=(
            Start("lighttpd -D -f lighttpd.conf", Roles(1), env={"PORT": "{port}", "ROOT": "{root}", "WORKERS": "0"}),
            Start(
                "lighttpd -D -f lighttpd.conf",
                Roles(2, supervisors=1),
                2,
                env={"PORT": "{port}", "ROOT": "{root}", "WORKERS": "{workers}"},
            ),
        ),
    ),
    RealServer(
        name="caddy",
        title="Caddy",
        needs=("caddy",),
        files=("index.html",),
        starts=(Start("caddy file-server --listen {host}:{port} --root {root}", Roles(1)),),
        remark="Always one process, which uses all cores.",
    ),
)
