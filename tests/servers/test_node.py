"""What is special to Node: the mirrored page without a server, and the manners of the cluster."""

import hashlib
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from servers.cart.render import render_cart
from tests.servers.processes import (
    NODE,
    NODE_CLUSTER,
    PATIENCE_S,
    ROOT,
    is_alive,
    needs_node,
    serving,
    wait_until,
)

pytestmark = needs_node

PAGES = [
    *((cart_id, coupons) for cart_id in (1, 2, 17, 4_096, 999_983, 1_000_000) for coupons in (0, 1, 2, 6, 9)),
    *((cart_id, 3) for cart_id in range(100, 140)),
    (5, 12),
    (1, 16),
]

DIGESTS_SCRIPT = """
const { createHash } = require('node:crypto');
const { renderCart } = require('./servers/node_cart/render.js');
const digest = (body) => createHash('sha256').update(body).digest('hex');
const pages = JSON.parse(process.argv[1]);
console.log(JSON.stringify(pages.map(([cartId, coupons]) => digest(renderCart(cartId, coupons)))));
"""


def test_node_renders_the_same_bytes() -> None:
    command = ["node", "-e", DIGESTS_SCRIPT, json.dumps(PAGES)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=PATIENCE_S)

    expected = [hashlib.sha256(render_cart(*wanted)).hexdigest() for wanted in PAGES]
    assert json.loads(run.stdout) == expected


def test_a_dead_worker_is_reported_and_not_replaced(tmp_path: Path) -> None:
    with serving(NODE_CLUSTER, 2, tmp_path / "log") as server:
        victim, survivor = server.workers(2)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: f"worker {victim} died (SIGKILL)" in server.log.read_text(), "the report")

        assert {server.ask("GET", "/cart").worker for _ in range(8)} == {survivor}


def test_a_cluster_without_workers_ends_in_failure(tmp_path: Path) -> None:
    with serving(NODE_CLUSTER, 2, tmp_path / "log") as server:
        for worker in server.workers(2):
            os.kill(worker, signal.SIGKILL)

        assert server.process.wait(PATIENCE_S) == 1


def test_workers_do_not_outlive_their_primary(tmp_path: Path) -> None:
    with serving(NODE_CLUSTER, 2, tmp_path / "log") as server:
        workers = server.workers(2)
        server.process.kill()

        wait_until(lambda: not any(map(is_alive, workers)), "the workers to go")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--port", "80x"], '--port must be a whole number from 1 to 65535, not "80x"'),
        (["--port", "0"], '--port must be a whole number from 1 to 65535, not "0"'),
        (["--prot", "8080"], "Unknown option '--prot'"),
        (["--workers", "2"], "Unknown option '--workers'"),
    ],
)
def test_a_bad_command_line_is_refused_in_one_line(arguments: list[str], complaint: str) -> None:
    command = [*NODE.command[:2], *arguments]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)

    assert run.returncode == 2
    assert run.stderr.startswith(complaint)
    assert len(run.stderr.splitlines()) == 1
