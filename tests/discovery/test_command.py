"""A command as it is typed becomes topologies as a scenario has them."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.discovery import command
from harness.discovery.command import typed_topology
from harness.load.spec import Target, Tls
from harness.scenario import Topology
from harness.scenario.placeholders import escape_braces, fill
from harness.scenario.topology import TopologyTable

VALUES = {"python": "python3", "host": "127.0.0.1", "port": 1, "unix_socket": "/s", "workers": 2, "root": "/srv"}
text = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(
    st.sampled_from(["{", "}", "port", "x", "{port}", "{{port}}", "!r", ":>9"])
).map("".join)


def as_written(typed: Topology, port: int) -> Iterator[TopologyTable]:
    """The ways to write down what listens on a port of 127.0.0.1."""
    return command.topology_candidates(typed, Target(host="127.0.0.1", port=port))


@given(text)
def test_of_all_braces_only_placeholders_mean_anything(typed: str) -> None:
    meant = typed
    for name, value in VALUES.items():
        meant = meant.replace(f"{{{name}}}", str(value))
    assert fill(escape_braces(typed), VALUES) == meant


def test_what_names_its_port_is_written_with_it_open_or_else_fixed() -> None:
    typed = typed_topology(["serve", '{"x":1}', ":8000"], {"PORT": "8000"}, ["HOME"])
    told, fixed = as_written(typed, 8000)
    assert (told.command, told.env, told.port) == (("serve", '{{"x":1}}', ":{port}"), {"PORT": "{port}"}, None)
    assert (fixed.command, fixed.env, fixed.port) == (("serve", '{{"x":1}}', ":8000"), {"PORT": "8000"}, 8000)
    assert told.pass_env == fixed.pass_env == ("HOME",)
    assert told.baseline
    assert fixed.baseline


def test_what_does_not_name_its_port_is_written_with_it_fixed() -> None:
    assert [table.port for table in as_written(typed_topology(["serve"], {}, []), 8000)] == [8000]


def test_a_port_that_was_left_open_is_never_fixed() -> None:
    assert [table.port for table in as_written(typed_topology(["serve", "{port}"], {}, []), 8000)] == [None]


@pytest.mark.parametrize(
    ("typed", "compared"), [("1", (1, 2, 4)), ("3", (1, 2, 3, 4)), ("8", (1, 2, 4, 8)), ("0", (1, 2, 4))]
)
def test_a_cluster_is_compared_with_others_of_its_kind(typed: str, compared: tuple[int, ...]) -> None:
    (table,) = as_written(typed_topology(["gunicorn", "app:app", "-w", typed, "-b", "{host}:{port}"], {}, []), 8000)
    assert (table.name, table.workers) == ("cluster-{workers}", compared)
    assert not table.baseline


def test_a_number_of_workers_that_was_left_open_makes_a_cluster_of_anything() -> None:
    typed = typed_topology(["node", "server.js", "{workers}", "{port}"], {}, [])
    assert typed.workers == 1
    assert [table.workers for table in as_written(typed, 8000)] == [(1, 2, 4)]


def test_where_it_listens_is_written_down() -> None:
    secured = Target(host="::1", port=8000, tls=Tls(verify=False))
    told, fixed = command.topology_candidates(typed_topology(["serve", "[::1]:8000"], {}, []), secured)
    assert (told.command, told.host, told.port, told.scheme) == (("serve", "[::1]:{port}"), "::1", None, "https")
    assert (fixed.host, fixed.port, fixed.scheme) == ("::1", 8000, "https")
    at_socket = Target(host="localhost", port=80, unix_socket="/run/app.sock")
    told, fixed = command.topology_candidates(typed_topology(["serve", "unix:/run/app.sock"], {}, []), at_socket)
    assert (told.command, told.unix_socket, told.port) == (("serve", "unix:{unix_socket}"), None, None)
    assert (fixed.command, fixed.unix_socket) == (("serve", "unix:/run/app.sock"), "/run/app.sock")
