"""The question that a comparison answers, which is the title of its reports."""

from harness.scenario import Scenario


def question_of(scenario: Scenario) -> str:
    """Return the question."""
    if scenario.is_of_two_commits:
        return "did it get slower?"
    if scenario.is_of_two_mallocs:
        return "what does it bring that malloc keeps its memory?"
    return "one process or a cluster?"


def sides_of(scenario: Scenario) -> tuple[str, str]:
    """Return the names of what is compared: the reference, and what is set beside it."""
    if scenario.is_of_two_commits:
        return scenario.reference, "head"
    return scenario.reference, "malloc that keeps" if scenario.is_of_two_mallocs else "the other"
