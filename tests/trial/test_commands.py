"""Topologies of several commands: a front before workers, workers that share a port, and replicas of one process."""

import os
import shutil
import sys
from pathlib import Path
from typing import Final

import pytest

from harness.record import Role, TrialRecord
from harness.scenario import Scenario, ScenarioError, Topology, load_scenario
from tests.server.topologies import small
from tests.trial.trials import try_out

ROOT: Final = Path(__file__).parents[2]
HEAD: Final = 'name = "commands"\n'
ASGI: Final = (
    '["{harness_python}", "-m", "uvicorn", "tests.server.servers.asgi_page:app", "--host", "{host}",'
    ' "--port", "{port}", "--lifespan", "off"]'
)
BEHIND: Final = f"""
[[topology]]
name = "front-{{workers}}"
workers = [2]
env = {{ PYTHONPATH = "{ROOT}" }}
[[topology.process]]
instances = "{{workers}}"
command = {ASGI}
[[topology.process]]
role = "front"
"""
NGINX: Final = """command = ["nginx", "-e", "stderr", "-p", "{folder}", "-c", "{file.nginx.conf}"]
[[topology.file]]
name = "nginx.conf"
text = '''
daemon off;
worker_processes {{ workers }};
pid {{ folder }}/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path {{ folder }}/body; proxy_temp_path {{ folder }}/proxy; fastcgi_temp_path {{ folder }}/fastcgi;
  uwsgi_temp_path {{ folder }}/uwsgi; scgi_temp_path {{ folder }}/scgi;
  upstream workers { keepalive 16; {% for each in instances %}server {{ each.host }}:{{ each.port }}; {% endfor %} }
  server {
    listen {{ host }}:{{ port }};
    location / { proxy_pass http://workers; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
'''
"""
HAPROXY: Final = """command = ["haproxy", "-W", "-db", "-f", "{file.haproxy.cfg}"]
[[topology.file]]
name = "haproxy.cfg"
text = '''
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
listen shop
  bind {{ host }}:{{ port }}
{% for each in instances %}
  server worker{{ each.number }} {{ each.host }}:{{ each.port }}
{% endfor %}
'''
"""


def only(tmp_path: Path, text: str) -> Topology:
    """The only topology of a scenario."""
    (topology,) = scenario(tmp_path, text).topologies
    return topology


def scenario(tmp_path: Path, text: str) -> Scenario:
    (tmp_path / "scenario.toml").write_text(HEAD + text)
    return load_scenario(tmp_path / "scenario.toml")


def roles(record: TrialRecord) -> dict[Role, int]:
    """How many processes of each role there were."""
    assert (record.status, record.reason) == ("ok", None)
    found = [process.role for process in record.processes]
    return {role: found.count(role) for role in dict.fromkeys(found)}


@pytest.mark.parametrize(("program", "front"), [("nginx", NGINX), ("haproxy", HAPROXY)])
def test_a_front_before_workers_is_one_topology(tmp_path: Path, log: Path, program: str, front: str) -> None:
    assert shutil.which(program), f"apt install {program}"
    record = try_out(only(tmp_path, BEHIND + front), log, warmup_s=0.5)
    found = roles(record)
    assert (found["worker"], found["supervisor"] >= 1) == (2, True)
    assert found["front"] >= 1
    assert record.load is not None
    assert record.load.errors.total == 0


def test_workers_without_a_front_share_the_port(tmp_path: Path, log: Path) -> None:
    text = f"""
[[topology]]
name = "shared-{{workers}}"
workers = [3]
env = {{ PYTHONPATH = "{ROOT}" }}
[[topology.process]]
instances = "{{workers}}"
command = ["{sys.executable}", "-m", "tests.server.servers.shares_port", "--port", "{{port}}"]
"""
    record = try_out(only(tmp_path, text), log, warmup_s=0.3)
    assert roles(record) == {"worker": 3}


@pytest.mark.parametrize("balance", ["round-robin", "least-connections", "random"])
def test_replicas_get_the_connections_that_they_are_dealt(tmp_path: Path, log: Path, balance: str) -> None:
    text = f"""
[[topology]]
name = "pods-{{replicas}}"
replicas = [2]
balance = "{balance}"
command = ["{sys.executable}", "-m", "tests.server.servers.page", "--port", "{{port}}"]
env = {{ PYTHONPATH = "{ROOT}" }}
"""
    record = try_out(only(tmp_path, text), log, warmup_s=0.3)
    assert roles(record) == {"worker": 2}
    assert record.load is not None
    assert sum(record.load.open_by_port.values()) == record.load.connections == 4
    assert len(record.load.open_by_port) == 2
    if balance != "random":
        assert set(record.load.open_by_port.values()) == {2}
        assert len(record.load.workers) == 2


def test_bodies_that_name_their_replica_are_no_reason_against_a_trial(log: Path) -> None:
    pods = small("odd", "--kind", "pid", workers=2).model_copy(update={"replicas": 2})
    record = try_out(pods, log, warmup_s=0.3)
    assert (record.status, record.reason, record.body_sha256) == ("ok", None, None)


def test_one_of_several_commands_that_ends_is_named_with_its_exit_code(tmp_path: Path, log: Path) -> None:
    text = f"""
[[topology]]
name = "one"
env = {{ PYTHONPATH = "{ROOT}" }}
[[topology.process]]
command = ["{sys.executable}", "-m", "tests.server.servers.page", "--port", "{{port}}"]
[[topology.process]]
role = "helper"
command = ["sh", "-c", "sleep 0.2; echo no queue >&2; exit 7"]
"""
    record = try_out(only(tmp_path, text), log, warmup_s=1.0)
    assert record.status == "failed"
    assert record.reason is not None
    assert record.reason.startswith("command 2 of 2, sh: the server exited with 7")
    assert any("no queue" in line for line in record.log_tail)


def test_a_command_that_is_not_there_starts_none_of_the_others(tmp_path: Path, log: Path) -> None:
    text = f"""
[[topology]]
name = "one"
[[topology.process]]
command = ["{sys.executable}", "-m", "http.server", "{{port}}"]
[[topology.process]]
role = "helper"
command = ["./no-such-helper"]
"""
    record = try_out(only(tmp_path, text), log)
    assert (record.status, "no-such-helper" in (record.reason or "")) == ("failed", True)


def test_a_template_that_fails_is_told_with_its_name(tmp_path: Path, log: Path) -> None:
    text = BEHIND + NGINX.replace("{{ host }}:{{ port }};", "{{ 1 / 0 }};")
    record = try_out(only(tmp_path, text), log)
    assert (record.status, record.reason) == ("failed", "file nginx.conf: division by zero")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('role = "front"', ""), "workers"),
        (
            ("{{ folder }}/nginx.pid", "{{ pid }}"),
            "topology[0]: file nginx.conf: expected names of port, ",
        ),
        (("{% for each", "{% four each"), "topology[0]: file nginx.conf: line "),
        (("{file.nginx.conf}", "{file.haproxy.cfg}"), "topology[0]: expected a [[topology.file]] called haproxy.cfg"),
        (
            ('instances = "{workers}"', 'instances = "{pods}"'),
            "topology[0]: expected pods = [N, ...], since instances = ",
        ),
        (
            ('instances = "{workers}"', "instances = 0"),
            "topology[0].process[0].instances: expected a number from 1 to ",
        ),
        (("text = ", 'template = "x.j2"\ntext = '), "topology[0].file[0]: expected either template = 'FILE' or text"),
        (("workers = [2]", "workers = [2]\nreplicas = [2]"), "topology[0]: expected replicas of one command, or "),
        (("workers = [2]", 'workers = [2]\ncommand = ["x"]'), "topology[0].command: expected either this, or "),
        (("workers = [2]", "workers = [2]\ngrid.replicas = [2]"), "topology[0]: expected replicas of one command, or "),
        (
            ("workers = [2]", "workers = [2]\ngrid.keep = [1, 2]"),
            "topology[0]: expected {keep} in command, env or a file, since [topology.grid] has keep",
        ),
        (("workers = [2]", 'workers = [2]\nbalance = "random"'), "topology[0]: expected replicas = [N, ...], to which"),
        (("events {}", "{% include 'x' %}"), "topology[0]: file nginx.conf: expected one template, which"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    text = (BEHIND + NGINX).replace(*change)
    if said == "workers":
        assert not only(tmp_path, text).has_front
        return
    with pytest.raises(ScenarioError) as caught:
        scenario(tmp_path, text)
    assert said in str(caught.value)


def test_an_axis_of_the_grid_may_be_in_a_file_alone(tmp_path: Path) -> None:
    text = BEHIND.replace("front-{workers}", "front-{keep}").replace(
        "workers = [2]", "workers = [2]\ngrid.keep = [8, 9]"
    )
    made = scenario(tmp_path, text + NGINX.replace("keepalive 16", "keepalive {{ keep }}"))
    assert [each.cell.values["keep"] for each in made.topologies if each.cell] == [8, 9]


@pytest.mark.parametrize(
    "given",
    ['replicas = [2]\ncommand = ["x", "unix:{unix_socket}"]', 'grid.replicas = [2]\nport = 80\ncommand = ["x"]'],
)
def test_replicas_that_would_be_at_one_place_are_told(tmp_path: Path, given: str) -> None:
    with pytest.raises(ScenarioError, match="expected no fixed port and no unix_socket, since each of the replicas"):
        scenario(tmp_path, f'[[topology]]\nname = "a-{{replicas}}"\n{given}\n')


def test_a_fixed_number_of_instances_is_the_number_of_workers(tmp_path: Path) -> None:
    text = BEHIND.replace('"{workers}"', "3").replace("workers = [2]\n", "").replace("front-{workers}", "front")
    assert only(tmp_path, text + NGINX).workers == 3
    assert only(tmp_path, text.replace("instances = 3", "instances = 1") + NGINX).workers is None


def test_a_template_is_read_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "front.j2").write_text("listen {{ port }};")
    begin, end = NGINX.index("text = "), NGINX.rindex("'''") + 3
    text = BEHIND + NGINX[:begin] + 'template = "front.j2"' + NGINX[end:]
    assert only(tmp_path, text).files[0].text == "listen {{ port }};"
    with pytest.raises(ScenarioError, match=r"topology\[0\]: file nginx.conf: none.j2: No such file or directory"):
        scenario(tmp_path, text.replace("front.j2", "none.j2"))


def test_nothing_is_left_of_the_folder_of_a_trial(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    try_out(only(tmp_path, BEHIND + NGINX), log)
    assert os.listdir(temporary) == []


def test_a_front_is_started_when_its_workers_listen(tmp_path: Path, log: Path) -> None:
    """nginx would ask a worker that it has found down no more for ten seconds."""
    page = f"{sys.executable} -m tests.server.servers.page --port {{port}}"
    late = f'["sh", "-c", "test {{instance}} = 2 || sleep 1.5; exec {page}"]'
    front = NGINX.replace("worker_processes {{ workers }}", "worker_processes 1")
    record = try_out(only(tmp_path, BEHIND.replace(ASGI, late) + front), log, warmup_s=0.3)
    assert (record.status, record.reason) == ("ok", None)
    assert record.load is not None
    assert record.load.errors.total == 0
    assert len(record.load.workers) == 2
