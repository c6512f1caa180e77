"""Short loads on loopback."""

from harness.load.spec import Expectation, Load, Request, Target
from tests.generator.scripted_server import HOST


def short_load(port: int, **changes: object) -> Load:
    """A tenth of a second over four connections, with the given fields of the load, its target and its one request
    changed. An expected body is looked for in a sample of the responses, as in a trial."""
    usual: dict[str, object] = {"connections": 4, "threads": 2, "duration_s": 0.1, "timeout_s": 5.0}
    target = {"host": HOST, "port": port} | _taken(changes, Target)
    if digest := changes.pop("expect_body_sha256", None):
        usual["expect"] = Expectation.model_validate({"body_sha256": digest, "every": False})
    if request := _taken(changes, Request):
        usual["requests"] = (Request.model_validate(request),)
    return Load.model_validate(usual | changes | {"target": Target.model_validate(target)})


def _taken(changes: dict[str, object], model: type[Target] | type[Request]) -> dict[str, object]:
    return {name: changes.pop(name) for name in model.model_fields if name in changes}
