"""The surroundings of the servers: the services of a run, of a round or of a trial, and the hooks of a run."""

import contextlib
from collections.abc import Callable, Container, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

from harness.load.cpus import list_usable_cpus
from harness.measure.launch import AfterWarmup
from harness.measure.preparation import PreparedRun
from harness.record import EndReason, LooksAfter, RunFolder, RunFolderError
from harness.scenario.service import Scope
from harness.server.service import launch_service, run_hook
from harness.server.supervised import ServerError


@contextlib.contextmanager
def open_services(scope: Scope, prepared: PreparedRun, folder: RunFolder) -> Iterator[PreparedRun]:
    """Launch the services of this scope one after the other, and stop them on leaving. Raises ServerError."""
    cpus = [cpu for cpu in list_usable_cpus() if cpu not in prepared.placement.generator]
    with contextlib.ExitStack() as stack:
        for service in prepared.scenario.services:
            if service.scope == scope:
                log = folder.make_log(f"service-{service.name}")
                up = stack.enter_context(launch_service(service, log, cpus, prepared.services))
                prepared = replace(prepared, services=(*prepared.services, up))
        yield prepared


@contextlib.contextmanager
def open_run(prepared: PreparedRun, folder: RunFolder) -> Iterator[PreparedRun]:
    """Launch the services of the run, run ``setup`` before all trials, and ``cleanup`` after them, however these end.
    Raises ServerError, without the secrets of the scenario."""
    try:
        with open_services("run", prepared, folder) as up:
            try:
                call_hook("setup", up, folder)
                yield up
            finally:
                call_hook("cleanup", up, folder)
    except ServerError as error:
        raise ServerError(folder.redactor.redact(str(error))) from error


def carry_out(
    opened: AbstractContextManager[PreparedRun],
    folder: RunFolder,
    measure: Callable[[PreparedRun], tuple[EndReason, LooksAfter | None]],
) -> None:
    """Measure beside the services of the run, which are up in the context ``opened``, and write down how it ended:
    reports show which of the scheduled trials have no record. ``measure`` returns why it ended, and the looks that were
    made where they are others than planned.

    Ctrl-C ends it and keeps what was measured. What fails when all was measured, such as the hook ``cleanup``, is
    written down too. Raises RunFolderError where a service or a hook of the run fails before.
    """
    reason: EndReason = "interrupted"
    looks: LooksAfter | None = None
    failure: ServerError | None = None
    is_over = False
    try:
        with opened as up:
            try:
                reason, looks = measure(up)
                is_over = True
            except KeyboardInterrupt:
                is_over = True
                raise
    except KeyboardInterrupt:
        pass
    except ServerError as error:
        failure = error
    folder.end(reason, looks, str(failure) if failure else None)
    if failure is not None and not is_over:
        kept = f"; what was measured is shown by harness report {folder.path}"
        raise RunFolderError(f"{failure}{kept if (folder.path / 'trials.jsonl').exists() else ''}") from failure


def find_ended_service(prepared: PreparedRun, stopped: Container[str | None] = ()) -> str | None:
    """Return which service has ended, and how; None while all are up, but for those that an event ``stopped``."""
    try:
        for service in prepared.services:
            if service.name not in stopped:
                service.check_alive()
    except ServerError as error:
        return str(error)
    return None


def choose_after_warmup(prepared: PreparedRun, folder: RunFolder) -> AfterWarmup | None:
    """Return what is called after the warm-up of each trial; None where there is no such hook."""
    return partial(call_hook, "after_warmup", prepared, folder) if prepared.scenario.hooks.after_warmup else None


def call_hook(name: str, prepared: PreparedRun, folder: RunFolder, topology: str = "") -> None:
    """Run the hook of this name, if there is one. Raises ServerError where it fails."""
    if hook := prepared.scenario.hooks.by_name.get(name):
        run_hook(name, hook, topology, prepared.services, folder.make_log(f"hook-{name}"))
