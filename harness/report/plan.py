"""A plan: question and answer, a table, what is not known, and what it rests on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.markdown import Markdown
from rich.table import Table

from harness.planning.demand import Demand
from harness.planning.proposal import Proposal
from harness.planning.response_times import ExpectedTimes, Source
from harness.planning.sizing import Sizing
from harness.record import Run
from harness.report.figures import rate_interval_text, share_text
from harness.report.markdown import load_templates
from harness.report.markup import code, plain
from harness.report.plan_document import render_plan_json
from harness.report.write import write_together
from harness.stats.estimate import Estimate
from harness.units import ms_text, rate_per_text

NOT_KNOWN: Final = "–"
SOURCE_MARKS: Final = {Source.MEASURED: "", Source.AT_MOST: "≤ ", Source.MODELLED: "~"}


def write_plan(run: Run, proposal: Proposal, command: str) -> None:
    """Write plan.md and plan.json into the run's folder, where they replace old ones. Raises RunFolderError."""
    texts = {
        "plan.md": render_plan_markdown(run, proposal, command),
        "plan.json": render_plan_json(run, proposal, command),
    }

    def write(fresh: Path) -> None:
        for name, text in texts.items():
            (fresh / name).write_text(text, encoding="utf-8")

    write_together(run.path, write, "the plan")


def render_plan_markdown(run: Run, proposal: Proposal, command: str) -> str:
    """Return the plan as GitHub's Markdown; ``command`` makes it again."""
    filters: dict[str, Callable[..., str]] = {
        "capacity": capacity_text,
        "used": used_text,
        "cost": cost_text,
        "workers": workers_text,
    }
    return (
        load_templates(filters)
        .get_template("plan.md.j2")
        .render(
            run=run,
            proposal=proposal,
            question=plan_question(proposal),
            answer=plan_answer(proposal),
            lost=after_loss_title(proposal),
            expected=expected_text,
            untold=unknown_times_text(proposal),
            command=command,
        )
    )


def render_plan_terminal(proposal: Proposal) -> Group:
    """Return the plan for the terminal, within 80 columns."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("topology", overflow="fold")  # the column that is wrapped in a narrow terminal
    columns = {title: [text(sizing) for sizing in proposal.sizings] for title, text in _COLUMNS.items()}
    shown = {title: cells for title, cells in columns.items() if set(cells) != {NOT_KNOWN}}
    for title in shown:
        table.add_column(title, justify="right", no_wrap=True)
    for sizing, *cells in zip(proposal.sizings, *shown.values(), strict=True):
        table.add_row(sizing.carried.topology, *cells)
    return Group(Markdown(plan_answer(proposal)), table, Markdown("\n".join(_notes(proposal))))


def _notes(proposal: Proposal) -> Iterator[str]:
    for each in proposal.refused:
        yield f"- Not in question: {plain(each.topology)}. {plain(each.why)} {plain(each.advice)}"
    if untold := unknown_times_text(proposal):
        yield f"- {untold}"
    for assumption in proposal.assumptions:
        yield f"- *{assumption.basis.value}*: {plain(assumption.what)}"


def plan_question(proposal: Proposal) -> str:
    """Return the question that the plan answers."""
    return f"what do {rate_per_text(proposal.demand.target_per_s)} need?"


def plan_answer(proposal: Proposal) -> str:
    """Return the answer in two or three sentences, in Markdown."""
    sentences = [_one_worker(proposal) if proposal.is_one_worker_enough else _so_many_hosts(proposal)]
    sentences += _prediction_text(proposal.best)
    sentences += _cost(proposal)
    if not proposal.is_one_worker_enough:
        sentences += _reason(proposal)
    return " ".join(sentences)


def _one_worker(proposal: Proposal) -> str:
    best, lose = proposal.best, proposal.demand.lose
    peak, capacity = rate_per_text(proposal.demand.peak_per_s), capacity_text(best.capacity)
    enough = (
        f"**One worker of {code(best.carried.topology)} carries it**: {peak} of {capacity}."
        " A cluster is not needed for the rate."
    )
    return (
        f"{enough} Take {_hosts_text(best.hosts, lose)}, so that {_lost_hosts_text(lose)} may be lost."
        if lose
        else enough
    )


def _so_many_hosts(proposal: Proposal) -> str:
    best, demand = proposal.best, proposal.demand
    hosts, use, carry = _hosts_text(best.hosts, demand.lose), "they use", "they carry"
    if best.hosts == 1:
        hosts, use, carry = "one host", "it uses", "it carries"
    place = "it" if best.hosts == 1 else "each"
    workers = f", {_workers_text(best)} on {place}," if best.instances * best.carried.workers > 1 else ""
    peak = f"At the peak of {rate_per_text(demand.peak_per_s)}"
    loss = f", and {share_text(best.after_loss)} with {_lost_hosts_text(demand.lose)} lost" if best.after_loss else ""
    if best.expected_after_loss:
        loss += f" (p99 {expected_text(best.expected_after_loss, 'p99')})"
    needed = f"**Take {hosts} with {code(best.carried.topology)}**{workers} for {rate_per_text(demand.target_per_s)}."
    return f"{needed} {peak} {use} {share_text(best.at_peak)} of what {carry} at least{loss}."


def _workers_text(sizing: Sizing) -> str:
    """Return ``4 workers``, or ``2 instances of 4 workers``."""
    workers = f"{sizing.carried.workers} workers" if sizing.carried.workers > 1 else "1 worker"
    return f"{sizing.instances} instances of {workers}" if sizing.instances > 1 else workers


def _prediction_text(best: Sizing) -> Iterator[str]:
    if best.carried.predicted_from:
        sizes = ", ".join(map(str, best.carried.predicted_from))
        yield f"It was not measured: {capacity_text(best.capacity)} a host is foretold from {sizes} workers."


def _cost(proposal: Proposal) -> Iterator[str]:
    best, currency = proposal.best, proposal.demand.currency
    if best.cost_per_h is not None:
        per_h, per_month = (cost_text(cost, currency) for cost in (best.cost_per_h, best.cost_per_month))
        yield f"That costs {per_h} per hour, {per_month} per month."


def _reason(proposal: Proposal) -> Iterator[str]:
    """Yield why this topology was chosen and no other."""
    best, *others = proposal.sizings
    as_few = [each for each in others if each.hosts == best.hosts]
    if not others:
        yield "Nothing else came into question."
    elif as_few:
        names = " and ".join(code(each.carried.topology) for each in as_few)
        yield f"Nothing needs fewer hosts; {names} would need as many, with no fewer workers on each."
    else:
        needs = ", ".join(f"{code(each.carried.topology)} {each.hosts:,}" for each in others)
        yield f"The others need more: {needs}."


def after_loss_title(proposal: Proposal) -> str:
    """Return the title of the columns for the time after a loss."""
    return f"with {_lost_hosts_text(proposal.demand.lose)} lost"


def _hosts_text(hosts: int, lose: int) -> str:
    """Return ``4 hosts (3 + 1)``."""
    return f"{hosts:,} hosts ({hosts - lose:,} + {lose})" if lose else f"{hosts:,} hosts"


def _lost_hosts_text(hosts: int) -> str:
    return "one" if hosts == 1 else str(hosts)


def capacity_text(capacity: Estimate) -> str:
    """Return ``662/s (602–728)``."""
    return rate_interval_text(capacity, "/s")


def used_text(part: float | None) -> str:
    """Return ``68 %``; a dash where it is not known."""
    return NOT_KNOWN if part is None else share_text(part)


def cost_text(cost: float | None, currency: str | None) -> str:
    """Return ``0.68 EUR``; a dash where it is not known."""
    return NOT_KNOWN if cost is None else f"{cost:,.2f}{f' {currency}' if currency else ''}"


def unknown_times_text(proposal: Proposal) -> str | None:
    """Return why some response times are unknown, and how to measure them; None where all are known."""
    untold = [sizing.carried for sizing in proposal.sizings if not are_times_known(sizing, proposal.demand)]
    if not untold:
        return None
    if not any((each.like or each).observed for each in untold):
        return (
            "Response times are not told: a closed loop says nothing of waiting. Measure them, by harness capacity with"
            ' an objective such as "p99 < 250ms".'
        )
    names = ", ".join(code(each.topology) for each in untold)
    return (
        f"Response times of {names} are not told: no rates near enough were offered, and no model comes near to what"
        " was measured."
    )


def are_times_known(sizing: Sizing, demand: Demand) -> bool:
    """Return True if the response times of a sizing are known, at the peak and after a loss."""
    return sizing.expected_at_peak is not None and (not demand.lose or sizing.expected_after_loss is not None)


def expected_text(expected: ExpectedTimes | None, percentile: str) -> str:
    """Return ``85.1 ms`` where it was measured, ``≤ 85.1 ms`` below all that was, ``~85.1–190 ms`` where two models
    hold."""
    if expected is None:
        return NOT_KNOWN
    low, high = (ms_text(getattr(times, f"{percentile}_ms")) for times in (expected.least, expected.most))
    low_number, unit = low.split()
    both = high if low == high else f"{low_number if high.endswith(f' {unit}') else low}–{high}"
    return f"{SOURCE_MARKS[expected.source]}{both}"


def workers_text(sizing: Sizing) -> str:
    """Return ``4`` or, of several instances, ``2 × 4``."""
    return f"{sizing.instances} × {sizing.carried.workers}" if sizing.instances > 1 else str(sizing.carried.workers)


_COLUMNS: Final[dict[str, Callable[[Sizing], str]]] = {
    "hosts": lambda sizing: f"{sizing.hosts:,}",
    "workers": workers_text,
    "a host\ncarries": lambda sizing: capacity_text(sizing.capacity),
    "at\npeak": lambda sizing: used_text(sizing.at_peak),
    "after\nloss": lambda sizing: used_text(sizing.after_loss),
    "p99 at\npeak": lambda sizing: expected_text(sizing.expected_at_peak, "p99"),
}
