"""A scripted server that looks at what it is asked, for loads of several kinds of request."""

import socket
from collections.abc import Callable, Iterator

from tests.generator.scripted_server import Answer, ScriptedServer, requests_on


class AnsweringServer(ScriptedServer):
    """Answers each request with what ``answer_to`` makes of it; always complete, and the connection is kept."""

    def __init__(self, answer_to: Callable[[bytes], Answer]) -> None:
        self._answer_to = answer_to
        super().__init__(iter(()))

    def _play(self, sock: socket.socket) -> None:
        for request in requests_on(sock, 0.0):
            answer = self._answer_to(request)
            with self._lock:
                self.requests[request] += 1
            sock.sendall(b"".join(answer.pieces))
            with self._lock:
                self.sent[answer] += 1


def paths_of(server: ScriptedServer) -> Iterator[tuple[str, int]]:
    """Each path that was asked for, and how often."""
    for request, count in server.requests.items():
        yield request.split(b" ", 2)[1].decode("ascii"), count
