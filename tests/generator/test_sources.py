"""Requests, bodies and data from files: what is read, and what is said of everything else."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.sources import RequestTable, read_body, read_data, read_requests
from harness.load.spec import DataTable, Request

FIELDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)


def data_of(folder: Path, content: str | bytes) -> DataTable:
    file = folder / "rows.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_data(file)


def requests_of(folder: Path, text: str) -> tuple[Request, ...]:
    (folder / "requests.toml").write_text(text, encoding="utf-8")
    return read_requests(folder / "requests.toml")


def refusal(folder: Path, text: str) -> list[str]:
    """The reasons given, a line each, without the file's name, which every one of them begins with."""
    with pytest.raises(ValueError, match="requests") as caught:
        requests_of(folder, text)
    start = f"{folder / 'requests.toml'}: "
    lines = str(caught.value).splitlines()
    assert all(line.startswith(start) for line in lines)
    return [line.removeprefix(start) for line in lines]


def test_the_first_row_names_the_columns(tmp_path: Path) -> None:
    table = data_of(tmp_path, 'id,name\r\n1,anna\r\n2,"b, ""c"""\r\n')
    assert table == DataTable(columns=("id", "name"), rows=(("1", "anna"), ("2", 'b, "c"')))


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert data_of(tmp_path, b"\xef\xbb\xbfid\n1\n").columns == ("id",)


def test_an_empty_line_is_no_row(tmp_path: Path) -> None:
    assert data_of(tmp_path, "id\n1\n\n2\n\n").rows == (("1",), ("2",))


@given(rows=st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=5))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    """Whatever the fields hold: line ends, and characters that only str.splitlines takes for some."""
    file = tmp_path_factory.mktemp("csv") / "rows.csv"
    with file.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    assert read_data(file).rows == tuple(rows)


@pytest.mark.parametrize("odd", ["\u2028", "\x0c", "\x85", "\x1c"])
def test_only_line_ends_end_a_row(tmp_path: Path, odd: str) -> None:
    assert data_of(tmp_path, f"id,name\n1,a{odd}b\n").rows == (("1", f"a{odd}b"),)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1: expected the names"),
        ("id,name\n", "expected a row below"),
        ("id,name\n1,a\n2\n", "line 3: expected 2 fields, got 1"),
        ("id,name\n1,a,x\n", "line 2: expected 2 fields, got 3"),
        ("id,id\n1,2\n", "line 1: expected different names, got id more than once"),
        ("id,\n1,2\n", "line 1: expected names"),
        ('id\n1\n"2\n', "line 3: not CSV"),
        (b"id\n1\n\xff\n", "line 3: not UTF-8"),
        ("id\n1\n".encode("utf-16"), "is UTF-16; save it as UTF-8"),
    ],
)
def test_what_is_no_data(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(ValueError, match=r"rows\.csv") as caught:
        data_of(tmp_path, content)
    assert said in str(caught.value)


def test_a_body_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"\x00\xff\r\n")
    assert read_body(tmp_path / "body") == b"\x00\xff\r\n"


@pytest.mark.parametrize("read", [read_body, read_data, read_requests])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(ValueError, match="nowhere: No such file"):
        read(tmp_path / "nowhere")


def test_a_byte_order_mark_before_requests_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "requests.toml").write_bytes(b"\xef\xbb\xbf[[request]]\npath = '/a'\n")
    assert [request.path for request in read_requests(tmp_path / "requests.toml")] == ["/a"]


def test_requests_are_read_with_bodies_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "body.bin").write_bytes(b"\xff")
    requests = requests_of(
        tmp_path,
        """
        [[request]]
        path = "/a"
        weight = 3
        [[request]]
        method = "POST"
        headers = { X-A = "ä" }
        body = "€"
        [[request]]
        method = "PUT"
        body_file = "body.bin"
        """,
    )
    assert requests == (
        Request(path="/a", weight=3),
        Request(method="POST", headers={"X-A": "ä"}, body="€".encode()),
        Request(method="PUT", body=b"\xff"),
    )


def test_everything_wrong_is_told_at_once_with_its_key(tmp_path: Path) -> None:
    reasons = refusal(
        tmp_path,
        """
        colour = "red"
        [[request]]
        path = "a"
        weight = "2"
        body = "a"
        body_file = "b"
        [[request]]
        weight = 0
        headers = { X-A = 1 }
        pth = "/"
        """,
    )
    assert sorted(reason.split(":")[0] for reason in reasons) == sorted(
        [
            "colour",
            "request[0].path",
            "request[0].weight",
            "request[0].body_file",
            "request[1].weight",
            "request[1].headers.X-A",
            "request[1].pth",
        ]
    )
    assert "request[0].body_file: expected body or body_file, not both" in reasons
    assert any("did you mean path? Expected one of path, method" in reason for reason in reasons)


def test_every_missing_body_is_told_with_its_key(tmp_path: Path) -> None:
    reasons = refusal(tmp_path, '[[request]]\nbody_file = "x"\n[[request]]\n[[request]]\nbody_file = "y"\n')
    assert reasons == [
        f"request[{number}].body_file: {tmp_path / name}: No such file or directory"
        for number, name in ((0, "x"), (2, "y"))
    ]


@pytest.mark.parametrize(("text", "said"), [("", "request: "), ("request = []", "request: "), ("a = = 1", "not TOML")])
def test_what_is_no_list_of_requests(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(tmp_path, text)[0].startswith(said)


def test_a_table_asks_what_a_request_asks() -> None:
    for name in ("path", "method", "headers", "weight"):
        table, request = RequestTable.model_fields[name], Request.model_fields[name]
        assert (table.annotation, repr(table.metadata), table.default) == (
            request.annotation,
            repr(request.metadata),
            request.default,
        )
