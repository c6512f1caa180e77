"""Services and hooks in a scenario: what is accepted, and what is said of everything else."""

from pathlib import Path

import pytest

from harness.scenario.secrets import as_written, redactor_of
from tests.test_scenario import loaded, refusal

TOPOLOGY = """
[[topology]]
name = "raw"
command = ["server", "--port", "{port}"]
env = { DATABASE = "postgres://{service.db.host}:{service.db.port}" }
"""
SERVICES = """
name = "served"

[[service]]
name = "db"
command = ["postgres", "-D", "{folder}", "-p", "{port}"]
prepare = ["initdb", "-D", "{folder}"]
env = { PGPASSWORD = "a-very-secret-word" }
start_timeout = "5s"

[[service]]
name = "pool"
command = ["pgbouncer", "{service.db.port}", "{port}"]
scope = "round"

[[service]]
name = "mail"
address = "127.0.0.1:25"

[hooks]
setup = { command = ["migrate", "{service.db.port}"], timeout = "2m" }
after_trial = { command = ["echo", "{topology}", "{service.pool.port}"] }
"""


def test_services_and_hooks_are_read(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, SERVICES + TOPOLOGY)
    db, pool, mail = scenario.services
    assert (db.start_timeout_s, db.scope, db.place) == (5.0, "run", None)
    assert (pool.scope, mail.place) == ("round", ("127.0.0.1", 25))
    assert list(scenario.hooks.by_name) == ["setup", "after_trial"]
    assert scenario.hooks.by_name["setup"].timeout_s == 120.0
    assert type(scenario).model_validate_json(scenario.model_dump_json(by_alias=True)) == scenario


def test_their_secrets_are_not_written(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, SERVICES + TOPOLOGY)
    redactor = redactor_of(scenario)
    assert "a-very-secret-word" not in as_written(scenario, redactor).model_dump_json()
    assert "a-very-secret-word" not in redactor.redact("initdb: no a-very-secret-word here")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SERVICES.replace('"db"', '"database"') + TOPOLOGY, "expected services that stand before it, got db"),
        (
            SERVICES.replace('name = "pool"', 'name = "db"') + TOPOLOGY,
            "expected different names, got db more than once",
        ),
        (
            SERVICES + TOPOLOGY.replace("{service.db.port}", "{service.db.prt}"),
            "got a single one as character 30: a service has {service.db.host}, .port and .folder; placeholders are",
        ),
        (
            SERVICES.replace("-p", "{service.db.prt}") + TOPOLOGY,
            "a service has {service.db.host}, .port and .folder; placeholders are",
        ),
        (
            SERVICES.replace('scope = "round"', "port = 5433")
            + TOPOLOGY.replace("5432", "5433")
            + '[[service]]\nname = "twin"\ncommand = ["x"]\nport = 5433\n',
            "twin: expected another port than pool has, got 5433",
        ),
        ('name = "none"\n' + TOPOLOGY, "topology[0]: expected a [[service]] called db"),
        (
            SERVICES.replace('address = "127.0.0.1:25"', 'address = "25"') + TOPOLOGY,
            "address: expected HOST:PORT, such as '127.0.0.1:5432', got '25'",
        ),
        (
            SERVICES.replace('address = "127.0.0.1:25"', "") + TOPOLOGY,
            "expected either command, to start it, or address = 'HOST:PORT' of one that is there",
        ),
        (
            SERVICES.replace('address = "127.0.0.1:25"', 'address = "127.0.0.1:25"\nscope = "trial"') + TOPOLOGY,
            "expected no scope with an address: it is there already",
        ),
        (
            SERVICES.replace('start_timeout = "5s"', 'ready_path = "/"\nready_log = "up"') + TOPOLOGY,
            "expected one of ready_path, ready_log and ready_command",
        ),
        (
            SERVICES.replace('start_timeout = "5s"', 'scope = "trial"') + TOPOLOGY,
            "pool: db ends before it: scope = 'trial'",
        ),
        (
            SERVICES.replace('"migrate", "{service.db.port}"', '"migrate", "{service.pool.port}"') + TOPOLOGY,
            "hooks.setup: pool is there for a round alone",
        ),
        (
            SERVICES.replace('"migrate", "{service.db.port}"', '"migrate", "{service.cache.port}"') + TOPOLOGY,
            "hooks.setup: expected a [[service]] called cache",
        ),
        (SERVICES.replace('"migrate",', '"migrate", "{port}",') + TOPOLOGY, "placeholders are {python}"),
        (SERVICES.replace("127.0.0.1:25", "127.0.0.1:99999") + TOPOLOGY, "expected HOST:PORT"),
        (
            SERVICES.replace('scope = "round"', 'host = "nosuch.invalid"') + TOPOLOGY,
            "expected an address of this machine",
        ),
        (SERVICES.replace('scope = "round"', 'ready_path = "/é"') + TOPOLOGY, "ready_path"),
        (
            SERVICES.replace('"migrate", "{service.db.port}"', '"migrate", "{service.mail.folder}"') + TOPOLOGY,
            "hooks.setup: expected no {service.mail.folder}: it is there already",
        ),
        (SERVICES.replace('scope = "round"', 'scope = "day"') + TOPOLOGY, "'run', 'round' or 'trial'"),
        (SERVICES.replace("after_trial", "after_all") + TOPOLOGY, "after_all"),
    ],
)
def test_what_can_not_be_run_is_refused_with_its_reason(tmp_path: Path, text: str, said: str) -> None:
    assert said in "\n".join(refusal(tmp_path, text))
