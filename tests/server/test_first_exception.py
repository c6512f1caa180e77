"""Of what a server wrote that failed, the first exception is told, with where it was raised."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.server.first_exception import find_first_exception
from harness.server.launch import LOG_HEAD_BYTES, read_failure
from tests.server.topologies import topology
from tests.trial.trials import try_out

PYTHON = """\
INFO: starting
Traceback (most recent call last):
  File "/srv/shop.py", line 3, in <module>
    open_shop()
  File "/srv/shop.py", line 9, in open_shop
    raise ValueError("no goods")
ValueError: no goods

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/shop.py", line 5, in <module>
    close()
RuntimeError: can't close
"""
NODE = """\
node:internal/modules/cjs/loader:1080
  throw err;
  ^

Error: Cannot find module 'expresso'
Require stack:
- /srv/app.js
    at Module._resolveFilename (node:internal/modules/cjs/loader:1077:15)
    at require (node:internal/modules/helpers:119:18)
    at Object.<anonymous> (/srv/app.js:1:1) {
  code: 'MODULE_NOT_FOUND'
}
"""
JAVA = """\
12:00:01 INFO  Shop - starting
Exception in thread "main" java.lang.IllegalStateException: no goods
\tat shop.Main.open(Main.java:12)
\tat shop.Main.main(Main.java:5)
Caused by: java.io.IOException: gone
\tat shop.Store.read(Store.java:7)
"""
RUBY = """\
shop.rb:2:in 'Object#open_shop': no goods (ArgumentError)
\tfrom shop.rb:5:in '<main>'
"""
GO = """\
2026/01/02 starting
panic: no goods

goroutine 1 [running]:
main.open(...)
\t/srv/shop.go:6
main.main()
\t/srv/shop.go:10 +0x1d
"""
RUST = "thread 'main' panicked at src/main.rs:2:5:\nno goods\nnote: run with `RUST_BACKTRACE=1`\n"
NONE = "starting\nError: no goods\nnothing caught it, and no Exception either\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PYTHON, ['  File "/srv/shop.py", line 9, in open_shop', "ValueError: no goods"]),
        (
            NODE,
            ["Error: Cannot find module 'expresso'", "    at Object.<anonymous> (/srv/app.js:1:1) {"],
        ),
        (
            JAVA,
            [
                'Exception in thread "main" java.lang.IllegalStateException: no goods',
                "\tat shop.Main.open(Main.java:12)",
            ],
        ),
        (RUBY, ["shop.rb:2:in 'Object#open_shop': no goods (ArgumentError)"]),
        (GO, ["panic: no goods", "\t/srv/shop.go:6"]),
        (RUST, ["thread 'main' panicked at src/main.rs:2:5:", "no goods"]),
        (NONE, []),
        (RUBY + PYTHON, ["shop.rb:2:in 'Object#open_shop': no goods (ArgumentError)"]),
    ],
    ids=["Python", "Node.js", "Java", "Ruby", "Go", "Rust", "none", "two"],
)
def test_the_first_exception_and_its_place(text: str, told: list[str]) -> None:
    assert find_first_exception(text.splitlines()) == told


@given(st.lists(st.sampled_from((PYTHON + NODE + JAVA + RUBY + GO + RUST + NONE).splitlines()), max_size=30))
def test_whatever_is_in_a_log_a_few_of_its_lines_are_told(lines: list[str]) -> None:
    found = find_first_exception(lines)
    assert len(found) <= 2
    assert set(found) <= set(lines)


def test_a_failed_record_has_the_exception_and_not_what_came_after_it(log: Path) -> None:
    code = "import atexit; atexit.register(lambda: print('over\\n' * 30, flush=True)); raise ValueError('no goods')"
    record = try_out(topology("{harness_python}", "-c", code, "{port}"), log)
    assert record.log_tail == ['  File "<string>", line 1, in <module>', "ValueError: no goods"]


@pytest.mark.parametrize(
    ("program", "name", "code", "told"),
    [
        ("node", "shop.js", "function open() { throw new Error('no goods') }\nopen()", "Error: no goods"),
        ("ruby", "shop.rb", "def open_shop = raise('no goods')\nopen_shop", "no goods (RuntimeError)"),
    ],
)
def test_what_others_write_who_fail(log: Path, tmp_path: Path, program: str, name: str, code: str, told: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    (tmp_path / name).write_text(code)
    said = "\n".join(try_out(topology(program, str(tmp_path / name), "{port}"), log).log_tail)
    assert told in said
    assert f"{name}:1:" in said


def test_an_advice_fits_the_exception_and_not_what_else_is_in_the_log(log: Path) -> None:
    code = "import sys; print('PROXY_HOST is not set', file=sys.stderr); raise ValueError('no goods')"
    record = try_out(topology("{harness_python}", "-c", code, "{port}"), log)
    assert record.reason == "the server exited with 1"


def test_a_long_log_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(PYTHON + "x\n" * LOG_HEAD_BYTES)
    assert read_failure(log)[-1] == "ValueError: no goods"
    log.write_text("x\n" * LOG_HEAD_BYTES + PYTHON)
    assert read_failure(log)[-1] == "RuntimeError: can't close"
    assert read_failure(tmp_path / "none") == []


def test_no_part_of_a_line_is_told_of_a_log_that_was_cut(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(f"harness: 9 bytes of this log were dropped\n{RUBY}{PYTHON}")
    assert read_failure(log)[-1] == "ValueError: no goods"


def test_a_client_that_has_gone_is_the_cause_of_nothing() -> None:
    """The generator goes when a trial fails for another reason."""
    gone = [
        "Traceback (most recent call last):",
        '  File "page.py", line 68, in converse',
        "ConnectionResetError: [Errno 104] Connection reset by peer",
    ]
    node = ["Error: read ECONNRESET", "    at TCP.onStreamRead (node:internal/stream_base_commons:217:20)"]
    own = ["Traceback (most recent call last):", '  File "queue.py", line 3, in main', "KeyError: 'queue'"]
    assert find_first_exception([*gone, *node]) == []
    assert find_first_exception([*gone, *node, *own]) == own[1:]
