"""The bytes of one request."""

from harness.generator.load import Load


def request_bytes(load: Load) -> bytes:
    """The request every connection sends, head and body. Headers given in ``load`` win over the usual ones."""
    body = load.body.encode()
    usual = {"Host": load.authority}
    if body or load.method in {"POST", "PUT", "PATCH"}:
        usual["Content-Length"] = str(len(body))
    given = {name.lower() for name in load.headers}
    headers = {name: value for name, value in usual.items() if name.lower() not in given} | load.headers
    lines = [f"{load.method} {load.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
