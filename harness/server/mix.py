"""A check before the load: every request of a mix must get a good answer."""

from collections.abc import Sequence

from harness.generator.asking import ForeignProtocolError, ask, describe_error
from harness.server.question import Question


def find_objections(questions: Sequence[Question], deadline_s: float) -> list[str]:
    """Send each request once; return which got no answer, or one that would be an error under load. All of them share
    one deadline (monotonic clock)."""
    return [reason for question in questions if (reason := _find_objection(question, deadline_s))]


def _find_objection(question: Question, deadline_s: float) -> str:
    try:
        return question.objection_of_load(ask(question.load, deadline_s))
    except OSError as error:
        return f"no answer to {question.request.name}: {describe_error(error)}"
    except ForeignProtocolError as error:
        return f"no answer to {question.request.name}: the server {error}"
