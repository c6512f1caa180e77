"""Whether every request of a mix is answered well, before any of it is measured."""

from collections.abc import Sequence
from typing import Final

from harness.generator.asking import ForeignProtocolError, ask, reason_of
from harness.server.question import Question
from harness.server.supervised import ServerError

ADVICE: Final = "what is good is said by expect_status, expect_length and expect_body in [load]"


def ask_each(questions: Sequence[Question], deadline_s: float) -> None:
    """Ask each question once, all of them by one deadline. Raises ServerError, naming every one whose answer would be
    an error under load, or has not come."""
    reasons = [reason for question in questions if (reason := _reason_against(question, deadline_s))]
    if reasons:
        raise ServerError(f"before the load, {'; '.join(reasons)}; {ADVICE}")


def _reason_against(question: Question, deadline_s: float) -> str:
    try:
        return question.objection_of_load(ask(question.load, deadline_s))
    except OSError as error:
        return f"no answer to {question.request.name}: {reason_of(error)}"
    except ForeignProtocolError as error:
        return f"no answer to {question.request.name}: the server {error}"
