"""The files with which others start a fleet are what those who read them expect."""

import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parents[2] / "docs" / "fleet"


def test_the_compose_file_is_one_by_its_own_schema() -> None:
    words = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FOLDER / "compose.yaml")]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text(encoding="utf-8")))


def test_the_jobs_mount_what_they_have_and_no_key_of_others() -> None:
    service, leader, agents = documents()
    assert service["spec"]["selector"] == {"job": leader["spec"]["template"]["metadata"]["labels"]["job"]}
    for job, secret in ((leader, "fleet-leader"), (agents, "fleet-agent")):
        pod = job["spec"]["template"]["spec"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
        assert mounted == volumes.keys()
        assert volumes["keys"]["secret"]["secretName"] == secret
        assert pod["restartPolicy"] == "Never"


def test_there_is_an_agent_for_the_server_and_two_generators() -> None:
    _, _, agents = documents()
    assert agents["spec"]["completionMode"] == "Indexed"
    assert agents["spec"]["completions"] == agents["spec"]["parallelism"] == 3
    command = " ".join(agents["spec"]["template"]["spec"]["containers"][0]["command"])
    assert "--name agent-$JOB_COMPLETION_INDEX --listen $POD_IP" in command
