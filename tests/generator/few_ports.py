"""``python -m tests.generator.few_ports PORTS CONNECTIONS HOST``: a load in a network of its own that has so few ports.

In a network namespace that the caller has made (``unshare --net``). Prints what the doctor says of it, then the result.
"""

import fcntl
import socket
import struct
import sys
import threading
from pathlib import Path

from harness.doctor import connections
from harness.doctor.demand import LoadDemand
from harness.generator.process import Generator
from harness.generator.spreading import can_spread
from harness.machine.host import Host
from tests.generator.loads import short_load

SIOCSIFFLAGS = 0x8914  # netdevice(7)
IFF_UP = 1
FIRST_PORT = 50_000
BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def raise_loopback() -> None:
    """A new network begins without."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))


def answer(client: socket.socket) -> None:
    """Every request is one segment here."""
    with client:
        while client.recv(4096):
            client.sendall(BODY)


def serve(listener: socket.socket) -> None:
    """A thread for each connection."""
    while True:
        threading.Thread(target=answer, args=listener.accept()[:1], daemon=True).start()


def main(ports: int, wanted: int, host: str) -> None:
    """Offer more connections than there are ports."""
    raise_loopback()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 8080), family=family, backlog=1024) as listener:
        Path("/proc/sys/net/ipv4/ip_local_port_range").write_text(f"{FIRST_PORT} {FIRST_PORT + ports - 1}")
        check = connections.check_ports(Host.here(), LoadDemand(connections=wanted, is_spread=can_spread(host)))
        print(f"{check.status}: {check.what}")
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        with Generator.here() as generator:
            generator.begin(short_load(8080, host=host, connections=wanted))
            print(generator.result().model_dump_json())


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
