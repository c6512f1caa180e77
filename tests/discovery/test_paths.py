"""A path is found that is answered well, and what was answered to the others is told."""

import threading
import time
from collections.abc import Iterator, Sequence
from http.server import ThreadingHTTPServer

import pytest

from harness.discovery import paths
from harness.discovery.paths import DEFAULT_PATHS
from harness.load.spec import Expectation, Load, Request, Target
from harness.server.launch import find_free_port
from harness.server.supervised import ServerError
from tests.discovery.server import HOST, Page
from tests.server.polling import PATIENCE_S


def find_path(port: int, tried: Sequence[str], *statuses: int) -> str:
    """The path that is found there."""
    load = Load(target=Target(host=HOST, port=port), expect=Expectation(statuses=statuses))
    return paths.find_path(load, tried, deadline_s=0.0)


@pytest.fixture
def page() -> type[Page]:
    """What a server answers, which a test may change."""

    class Changed(Page):
        page = moved = location = ""

    return Changed


@pytest.fixture
def port(page: type[Page]) -> Iterator[int]:
    """Where it answers."""
    with ThreadingHTTPServer((HOST, 0), page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", DEFAULT_PATHS)
def test_the_first_of_the_usual_ones_that_is_there_is_found(path: str, page: type[Page], port: int) -> None:
    page.page = path
    assert find_path(port, DEFAULT_PATHS) == path


@pytest.mark.parametrize("location", ["home?a=b", "/home?a=b", "http://{here}/home?a=b#part"])
def test_a_redirect_on_the_same_port_is_followed(location: str, page: type[Page], port: int) -> None:
    page.page, page.moved, page.location = "/home?a=b", "/", location.format(here=f"{HOST}:{port}")
    assert find_path(port, DEFAULT_PATHS) == "/home?a=b"


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:1/home", "https://{here}/home", "//else.invalid/home", "/h%zé", "http://[", "?"]
)
def test_a_redirect_to_anywhere_else_is_not_followed(location: str, page: type[Page], port: int) -> None:
    page.page, page.moved, page.location = "/home", "/", location.format(here=f"{HOST}:{port}")
    with pytest.raises(ServerError, match=r"^no path is answered with 2xx: / 302 to .*--path /PATH"):
        find_path(port, ["/"])


def test_a_redirect_is_followed_once(page: type[Page], port: int) -> None:
    page.moved, page.location = "/", "/"
    with pytest.raises(ServerError, match="/ 302 to / 302; say"):
        find_path(port, ["/"])


def test_every_answer_is_told_where_none_is_good(port: int) -> None:
    with pytest.raises(ServerError, match="with 2xx: /a 404, /b 404; say with --path /PATH"):
        find_path(port, ["/a", "/b"])


def test_a_server_that_is_gone_gives_no_answer() -> None:
    with pytest.raises(ServerError, match=r"/ no answer \(.*Connection refused\)"):
        find_path(find_free_port(), ["/"])


def test_an_expected_status_is_a_good_one_and_leads_nowhere(page: type[Page], port: int) -> None:
    page.page, page.moved, page.location = "/home", "/", "/home"
    assert find_path(port, DEFAULT_PATHS, 302) == "/"
    assert find_path(port, ["/none"], 302, 404) == "/none"
    with pytest.raises(ServerError, match="no path is answered with 204 or 205: /home 200; say"):
        find_path(port, ["/home"], 204, 205)


def test_what_is_not_safe_is_not_sent_on_to_where_it_leads(page: type[Page], port: int) -> None:
    page.page, page.moved, page.location = "/home", "/", "/home"
    load = Load(target=Target(host=HOST, port=port), requests=(Request(method="POST"),))
    with pytest.raises(ServerError, match="/ 302 to /home; say"):
        paths.find_path(load, ["/"], deadline_s=0.0)


def test_a_server_that_is_not_there_yet_is_asked_again(page: type[Page], port: int) -> None:
    page.page, page.warm_after = "/home", 2
    load = Load(target=Target(host=HOST, port=port))
    with pytest.raises(ServerError, match="/home 503; say"):
        paths.find_path(load, ["/home"], deadline_s=0.0)
    assert paths.find_path(load, ["/home"], deadline_s=time.monotonic() + PATIENCE_S) == "/home"
