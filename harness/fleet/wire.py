"""Calls between the machines of a fleet: each is sent at most once, has a time limit, and carries JSON text.

The connections, their encryption and their messages are those of Dask's ``distributed``. Its scheduler is not used: it
runs a task again, without telling, when the worker that ran it is lost.
"""

import asyncio
import contextlib
import json
import logging
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from distributed.core import ConnectionPool, Server
from distributed.security import Security

from harness.errors import HarnessError

CONNECT_S: Final = 2.0
ANSWER_S: Final = 5.0  # after so long without an answer, a host counts as lost
CLOSE_S: Final = 2.0
RESULT: Final = "result"
REFUSED: Final = "refused"
TAKING: Final = "_handle_stream"  # the method of distributed that takes a connection, as tornado names it in its log

Json = dict[str, Any]
Handler = Callable[[Json], Coroutine[Any, Any, Json]]
Given = TypeVar("Given")


class CallError(HarnessError):
    """A call that came to no result: the other side is lost, or it refused. The message says which."""


class RefusedError(CallError):
    """A call that was answered: the other side does not do it. The message says why."""


class Wire:
    """The calls of one process: those that it makes, and with :meth:`listen` those that it takes. All go through one
    thread of their own. Leaving the context ends it."""

    def __init__(self, security: Security) -> None:
        self._security = security
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._thread.start()
        self._endpoint: _Endpoint | None = None
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what is wrong is said by exceptions
        logging.getLogger("tornado.application").addFilter(_describe_strangers)
        self._pool: ConnectionPool = self.run(self._make_pool())

    @property
    def scheme(self) -> str:
        """The scheme of its addresses."""
        return "tls" if self._security.require_encryption else "tcp"

    def listen(self, host: str, port: int, handler: Handler) -> str:
        """Take calls at the address, by the handler, and return the address with its port. Raises CallError."""
        try:
            self._endpoint = self.run(self._make_endpoint(f"{self.scheme}://{_bracket(host)}:{port}", handler))
        except (OSError, RuntimeError, ValueError) as error:
            raise CallError(f"can't listen on {host}: {error}") from error
        return str(self._endpoint.address)

    def call(self, address: str, verb: str, token: str, limit_s: float = ANSWER_S, **arguments: Any) -> Json:
        """Return the answer to a call. It is sent once, whatever happens. Raises CallError."""
        return self.run(self.ask(address, verb, token, limit_s, arguments))

    async def ask(self, address: str, verb: str, token: str, limit_s: float, arguments: Mapping[str, Any]) -> Json:
        """Return the answer to a call, as :meth:`call` does, within the thread of the wire."""
        message = json.dumps({"verb": verb, "token": token, "arguments": arguments})
        try:
            async with asyncio.timeout(limit_s):
                answer: Json = json.loads(await self._pool(address).call(message=message))
        except TimeoutError as error:
            raise CallError(f"not heard for {limit_s:g} s") from error
        except (OSError, RuntimeError, TypeError, ValueError) as error:  # ValueError where the other speaks no TLS
            raise CallError(f"lost: {_describe(error)}") from error
        if REFUSED in answer:
            raise RefusedError(str(answer[REFUSED]))
        result: Json = answer[RESULT]
        return result

    def run(self, what: Coroutine[Any, Any, Given]) -> Given:
        """Wait for a coroutine in the thread of the wire, and return its result."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()

    def start(self, what: Coroutine[Any, Any, Given]) -> "Future[Given]":
        """Start a coroutine in the thread of the wire, and return what cancels it."""
        return asyncio.run_coroutine_threadsafe(what, self._loop)

    async def _make_pool(self) -> ConnectionPool:
        arguments = self._security.get_connection_args("client")
        return await ConnectionPool(connection_args=arguments, timeout=CONNECT_S, deserialize=False)

    async def _make_endpoint(self, address: str, handler: Handler) -> "_Endpoint":
        endpoint = _Endpoint(handler, self._security)
        await endpoint
        await endpoint.listen(address, **self._security.get_listen_args("client"))  # type: ignore[no-untyped-call]
        return endpoint

    async def _close(self) -> None:
        if self._endpoint is not None:
            await self._endpoint.close()
        await self._pool.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(TimeoutError):  # the process ends, and with it all that it has open
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(CLOSE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_S)
        if not self._thread.is_alive():
            self._loop.close()


class _Endpoint(Server):
    """The side that takes calls: of what every server of ``distributed`` offers, only the handler is left."""

    def __init__(self, handler: Handler, security: Security) -> None:
        # It makes a folder for files that others send, and looks there for modules: it gets none.
        with tempfile.TemporaryDirectory(prefix="harness-wire-") as folder:
            super().__init__(  # type: ignore[no-untyped-call]
                {},
                connection_args=security.get_connection_args("client"),
                local_directory=folder,
                needs_workdir=False,
                deserialize=False,
            )
            sys.path[:] = [entry for entry in sys.path if not entry.startswith(folder)]
        self._handler = handler
        self.handlers = {"call": self._take}

    async def _take(self, message: str) -> str:
        given = json.loads(message)
        try:
            return json.dumps({RESULT: await self._handler(given)})
        except HarnessError as error:
            return json.dumps({REFUSED: str(error)})
        except Exception as error:  # a fault of the harness, which the caller is told in words
            traceback.print_exc()
            return json.dumps({REFUSED: f"{type(error).__name__}: {error}"})


def _describe_strangers(record: logging.LogRecord) -> bool:
    """Have a connection that ended in an exception of ``distributed`` be told in one line, instead of its traceback.
    What else went wrong is told as it is."""
    if TAKING not in record.getMessage():
        return True
    record.exc_info, record.args = None, ()
    record.msg = "Somebody connected who does not speak as this fleet does: are keys given on both sides?"
    return True


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _describe(error: BaseException) -> str:
    """Return what was wrong at the bottom: distributed wraps it several times."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__
