"""The fleet file is read whole, and what is wrong with it is said all at once."""

from pathlib import Path
from typing import Final

import pytest

from harness.fleet.address import FleetError
from harness.fleet.file import Fleet

WHOLE: Final = """
keys = "keys"

[leader]
address = "10.0.0.5"
port = 8786

[[host]]
name = "staging"
address = "10.0.0.9"
ssh = "bench@10.0.0.9"
root = "/opt/shop"

[[host]]
name = "gen-1"
address = "10.0.0.11"
cpus = "2-5"

[[host]]
name = "gen-2"
address = "10.0.0.12"

[[rig]]
server = "staging"
generators = ["gen-1", "gen-2"]
"""


def read(folder: Path, text: str) -> Fleet:
    (folder / "fleet.toml").write_text(text, encoding="utf-8")
    return Fleet.read(folder / "fleet.toml")


def why_not(folder: Path, text: str) -> str:
    with pytest.raises(FleetError) as raised:
        read(folder, text)
    return str(raised.value).removeprefix(f"{folder / 'fleet.toml'}: ")


def test_a_rig_has_its_server_first(tmp_path: Path) -> None:
    fleet = read(tmp_path, WHOLE)
    assert fleet.rigs[0].hosts == ("staging", "gen-1", "gen-2")
    assert fleet.rigs[0].others == ("gen-1", "gen-2")
    assert fleet.host("gen-1").cpus == "2-5"


@pytest.mark.parametrize("generators", ["", 'generators = ["gen-1"]'])
def test_a_server_that_generates_its_own_load_has_no_others(tmp_path: Path, generators: str) -> None:
    text = '[leader]\naddress = "127.0.0.1"\n[[host]]\nname = "gen-1"\naddress = "127.0.0.2"\n'
    fleet = read(tmp_path, f'{text}[[rig]]\nserver = "gen-1"\n{generators}\n')
    assert fleet.rigs[0].others == ()


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ('keys = "keys"', "", "expected keys = 'FOLDER', since 10.0.0.5 is not this machine"),
        ('generators = ["gen-1", "gen-2"]', 'generators = ["gen-1", "gen-3"]', "no host is called gen-3; there are"),
        ('generators = ["gen-1", "gen-2"]', 'generators = ["gen-1"]', "host: gen-2 is in no rig"),
        ('name = "gen-2"', 'name = "gen-1"', "host: expected different names, got gen-1 more than once"),
        ('"gen-1", "gen-2"]', '"gen-1", "gen-2", "staging"]', "expected generators apart from staging, or it alone"),
        ('cpus = "2-5"', 'cpus = "5-2"', "host[1].cpus: expected CPUs such as '2,3' or '0-3', got '5-2'"),
        ("port = 8786", "port = 99999", "leader.port: expected less than or equal to 65535, got 99999"),
        ("[leader]", "[leader", "Expected ']' at the end"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, written: str, instead: str, said: str) -> None:
    assert said in why_not(tmp_path, WHOLE.replace(written, instead))


def test_a_host_is_in_one_rig(tmp_path: Path) -> None:
    again = WHOLE + '\n[[rig]]\nserver = "gen-1"\n'
    assert "expected each host in one rig, got gen-1 in several" in why_not(tmp_path, again)


def test_rigs_have_as_many_generators(tmp_path: Path) -> None:
    another = '\n[[host]]\nname = "box"\naddress = "10.0.0.20"\n\n[[rig]]\nserver = "box"\n'
    assert "expected as many generators in each rig" in why_not(tmp_path, WHOLE + another)


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    said = why_not(tmp_path, WHOLE.replace("port = 8786", "prot = 8786").replace('cpus = "2-5"', "cpus = 3"))
    assert "leader.prot" in said
    assert "host[1].cpus" in said


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"nowhere\.toml: No such file"):
        Fleet.read(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ('cpus = "2-5"', "proceses = 4", "host[1].proceses: unknown key; did you mean processes?"),
        ('cpus = "2-5"', "processes = 0", "host[1].processes: expected a number from 1 to 256 or 'auto', got 0"),
        ("port = 8786", "prot = 8786", "leader.prot: unknown key; did you mean port?"),
        ('server = "staging"', 'server = "staging"\nunlike = true', "rig[0].unlike: unknown key"),
    ],
)
def test_a_key_is_told_from_those_of_its_table_and_nothing_else_is_said(
    tmp_path: Path, written: str, instead: str, said: str
) -> None:
    (line,) = why_not(tmp_path, WHOLE.replace(written, instead)).splitlines()
    assert line.startswith(said)


@pytest.mark.parametrize("address", ["localhost.example.com", "127.evil.org", "10.0.0.5", "0.0.0.0"])
def test_only_addresses_of_this_machine_need_no_keys(tmp_path: Path, address: str) -> None:
    text = f'[leader]\naddress = "{address}"\n[[host]]\nname = "a"\naddress = "127.0.0.2"\n[[rig]]\nserver = "a"\n'
    assert f"since {address} is not this machine" in why_not(tmp_path, text)
