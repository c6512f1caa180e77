"""The command line: verbs and exit codes, nothing else.

The module of a verb has its options at its top, and imports what it runs when it runs: neither ``--help`` nor an option
that can't be used has to wait for SciPy, pandas and Matplotlib.
"""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from harness.cli.aa import aa_command
from harness.cli.ab import ab_command
from harness.cli.capacity import capacity_command
from harness.cli.compare import compare_command
from harness.cli.diff import diff_command
from harness.cli.doctor import doctor_command
from harness.cli.fleet import agent_command, fleet_app
from harness.cli.history import history_command
from harness.cli.init import init_command
from harness.cli.load import load_command
from harness.cli.options import EXIT_CODES
from harness.cli.plan import plan_command
from harness.cli.report import report_command
from harness.cli.resume import resume_command
from harness.cli.schema import schema_command
from harness.cli.usage import ARGUMENTS


class _Verbs(TyperGroup):
    """The verbs; the arguments are kept as they were given, for the command that repeats a run."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse them, and keep them."""
        ctx.meta[ARGUMENTS] = list(args)
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Verbs,
    help="Should this HTTP service run as one process or as a cluster, and with how many workers?",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        import harness

        typer.echo(f"harness {harness.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options of all verbs."""


app.command(name="init", context_settings={"allow_interspersed_args": False})(init_command)
app.command(name="compare", epilog=EXIT_CODES)(compare_command)
app.command(name="ab", epilog=EXIT_CODES)(ab_command)
app.command(name="capacity", epilog=EXIT_CODES)(capacity_command)
app.command(name="aa", epilog=EXIT_CODES)(aa_command)
app.command(name="resume", epilog=EXIT_CODES)(resume_command)
app.command(name="diff", epilog=EXIT_CODES)(diff_command)
app.command(name="report")(report_command)
app.command(name="history")(history_command)
app.command(name="plan")(plan_command)
app.command(name="load")(load_command)
app.command(name="doctor")(doctor_command)
app.command(name="agent")(agent_command)
app.add_typer(fleet_app, name="fleet")
app.command(name="schema")(schema_command)
