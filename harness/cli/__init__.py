"""The command line: verbs and exit codes, nothing else."""

import typer

from harness.cli.aa import aa_command
from harness.cli.ab import ab_command
from harness.cli.capacity import capacity_command
from harness.cli.compare import compare_command, report_command, resume_command
from harness.cli.diff import diff_command
from harness.cli.doctor import doctor_command
from harness.cli.history import history_command
from harness.cli.init import init_command
from harness.cli.load import load_command
from harness.cli.outcome import EXIT_CODES
from harness.cli.plan import plan_command

app = typer.Typer(
    help="Should this HTTP service run as one process or as a cluster, and with how many workers?",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
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
