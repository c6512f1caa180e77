"""A check before the load: every request of a mix must get a good answer."""

from collections.abc import Sequence
from typing import Final

from harness.generator.asking import ForeignProtocolError, ask, describe_error
from harness.server.question import Question
from harness.server.supervised import ServerError

ADVICE: Final = "what is good is said by expect_status, expect_length and expect_body in [load]"


def ask_each(questions: Sequence[Question], deadline_s: float) -> None:
    """Send each request once; all of them share one deadline.

    Raises ServerError that names every request without an answer, or whose answer would be an error under load.
    """
    reasons = [reason for question in questions if (reason := _find_objection(question, deadline_s))]
    if reasons:
        raise ServerError(f"before the load, {'; '.join(reasons)}; {ADVICE}")


def _find_objection(question: Question, deadline_s: float) -> str:
    try:
        return question.objection_of_load(ask(question.load, deadline_s))
    except OSError as error:
        return f"no answer to {question.request.name}: {describe_error(error)}"
    except ForeignProtocolError as error:
        return f"no answer to {question.request.name}: the server {error}"
