"""The folder of a run: written piece by piece in the course of the run, and validated when it is read."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Final, Self, TypeVar

from pydantic import BaseModel, ValidationError

from harness.errors import HarnessError
from harness.machine.environment import Environment
from harness.record.files import FileError, check_weight, open_regular, read_json, read_lines
from harness.record.fingerprint import Fingerprint
from harness.record.planned import PlannedTrial
from harness.record.run import Ending, EndReason, NoiseFloor, Run, RunInfo
from harness.record.soundness import check_measured
from harness.record.trial import LOGS, SCHEMA_VERSION, TrialRecord
from harness.scenario import Scenario
from harness.scenario.secrets import as_written, redactor_of
from harness.text.redaction import Redactor

NOISE: Final = "noise.json"
MAX_RUNS_PER_SECOND: Final = 100
FINGERPRINT: Final = "fingerprint.json"
MAX_RATE_PER_S: Final = 10_000_000
MAX_LEFT_OUT: Final = 1000  # invalid lines of trials.jsonl: with more, it is no file of records

Model = TypeVar("Model", bound=BaseModel)


class RunFolderError(HarnessError):
    """An error for a folder that is not a run's, or can't be read or written. The message names it and says why."""


class RunFolder:
    """The folder of a run in progress, below ``results/``. All that the harness writes into it passes through the
    ``redactor`` of the run's scenario. Servers write their logs themselves."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self.path = path
        self.redactor = redactor
        self.logs = path / LOGS
        self._resumed_at: list[datetime] = []
        self._known_bodies: set[str] = set()  # their digests

    @classmethod
    def create(
        cls,
        results: Path,
        info: RunInfo,
        scenario: Scenario,
        environment: Environment,
        fingerprint: Fingerprint | None = None,
    ) -> Self:
        """Make the folder ``<results>/<UTC time>-<scenario>/`` and let ``latest`` link to it. A run with a
        ``fingerprint`` can be resumed. Raises RunFolderError."""
        stamp = info.started_at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        try:
            folder = cls(_new_folder(results, f"{stamp}-{scenario.name}"), redactor_of(scenario))
            folder.logs.mkdir()
            scenario_as_written = as_written(scenario, folder.redactor)
            digest = hashlib.sha256(folder._write("scenario.json", scenario_as_written)).hexdigest()
            run_info = _with_topologies(info, scenario_as_written).model_copy(update={"scenario_sha256": digest})
            written = {
                "run.json": folder._write("run.json", run_info),
                "environment.json": folder._write("environment.json", environment),
            }
            if fingerprint is not None:
                digests = {name: hashlib.sha256(data).hexdigest() for name, data in written.items()}
                folder._write(FINGERPRINT, fingerprint.model_copy(update={"run_folder_sha256": digests}))
            _point_latest(results, folder.path)
        except OSError as error:
            raise RunFolderError(f"{results}: can't make a run folder: {error.strerror}") from error
        return folder

    @classmethod
    def reopen(cls, run: Run) -> Self:
        """Return the folder of a run that is resumed. Raises RunFolderError where it can't be written any more."""
        folder = cls(run.path, redactor_of(run.scenario))
        for record in run.records:
            folder._note_body(record)
        folder._resumed_at = [*(run.ending.resumed_at if run.ending else []), datetime.now(UTC)]
        if folder.logs.is_symlink():
            raise RunFolderError(f"{run.path}: can't be gone on with: {folder.logs} is a link to somewhere else")
        try:
            with folder._open_trials() as file:
                _end_last_record(file)
            (run.path / "ending.json").unlink(missing_ok=True)
        except FileError as error:
            raise RunFolderError(f"{run.path}: can't be gone on with: {error}") from error
        except OSError as error:
            raise RunFolderError(f"{run.path}: can't be gone on with: {error.strerror}") from error
        return folder

    def make_log(self, trial: str) -> Path:
        """Make the file for the log of a trial's server and return its path. It is a regular file, and replaces
        anything else of that name, such as a link to a file elsewhere. Raises RunFolderError."""
        log = self.logs / f"{trial}.log"
        try:
            if log.is_symlink() or (log.exists() and not log.is_file()):
                log.unlink()
            os.close(open_regular(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
        except FileError as error:
            raise RunFolderError(f"{error}; the server of {trial} can't write its log there") from error
        except OSError as error:
            raise self._cannot_write(f"the log of {trial}", error) from error
        return log

    @property
    def known_bodies(self) -> frozenset[str]:
        """The digests of the bodies that valid trials found to be always the same."""
        return frozenset(self._known_bodies)

    def expect_bodies(self, digests: Iterable[str]) -> None:
        """Note the digests of the bodies that trials elsewhere found to be always the same."""
        self._known_bodies.update(digests)

    def append(self, record: TrialRecord) -> TrialRecord:
        """Append the record and return it as it was written, after it is on disk. Raises RunFolderError, and nothing is
        appended then."""
        written = self.redactor.as_written(record)
        line = memoryview(written.model_dump_json().encode() + b"\n")
        try:
            with self._open_trials() as file:
                before = file.tell()
                try:
                    while line:
                        line = line[file.write(line) :]
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(before)  # on a full disk, a part of it was written
                    raise
        except FileError as error:
            raise RunFolderError(f"{error}; the record of {record.trial} was not written") from error
        except OSError as error:
            raise self._cannot_write(f"the record of {record.trial}", error) from error
        self._note_body(record)
        return written

    def _cannot_write(self, what: str, error: OSError) -> RunFolderError:
        return RunFolderError(
            f"{self.path}: can't write {what}: {error.strerror}. The records before it are there: go on with harness"
            f" resume {self.path}"
        )

    def _open_trials(self) -> FileIO:
        descriptor = open_regular(self.path / "trials.jsonl", os.O_RDWR | os.O_CREAT | os.O_APPEND)
        file = FileIO(descriptor, "ab+")
        file.seek(0, os.SEEK_END)
        return file

    def _note_body(self, record: TrialRecord) -> None:
        if record.status == "ok" and record.body_sha256 is not None:
            self._known_bodies.add(record.body_sha256)

    def end(self, reason: EndReason, looks: tuple[int, ...] | None = None, failure: str | None = None) -> None:
        """Record the end of the run, its reason, the looks that were made where they are not those of the schedule, and
        what failed beside the trials. Raises RunFolderError."""
        ended_at, resumed_at = datetime.now(UTC), self._resumed_at
        try:
            ending = Ending(reason=reason, ended_at=ended_at, looks=looks, resumed_at=resumed_at, failure=failure)
            self._write("ending.json", ending)
        except OSError as error:
            raise RunFolderError(f"{self.path}: can't write how the run ended: {error.strerror}") from error

    def _write(self, name: str, data: BaseModel) -> bytes:
        return _write_new(self.path / name, data.model_dump(mode="json", by_alias=True, context=self.redactor.redact))


def read_run(path: Path) -> Run:
    """Return all that is valid in a run folder, and the reasons why other records are left out. Raises RunFolderError
    where the folder is not one of a run."""
    try:
        info, _ = _read(path / "run.json", RunInfo)
        scenario, scenario_text = _read(path / "scenario.json", Scenario)
        environment, _ = _read(path / "environment.json", Environment)
        ending, _ = _read_if_there(path / "ending.json", Ending)
        _check_fits(path, info, scenario)
        records, left_out = _select_sound(_read_trial_lines(path / "trials.jsonl"), info, scenario)
    except FileError as error:
        raise RunFolderError(str(error)) from error
    except OSError as error:
        raise RunFolderError(f"{path}: not a run folder: {error.strerror}: {error.filename}") from error
    return Run(
        path=path,
        info=info,
        scenario=scenario,
        environment=environment,
        records=records,
        left_out=left_out,
        is_edited=info.scenario_sha256 not in (None, hashlib.sha256(scenario_text).hexdigest()),
        ending=ending,
    )


def read_fingerprint(run: Path) -> Fingerprint | None:
    """Return the fingerprint that a run recorded when it began; None where it recorded none. Raises RunFolderError
    where the files of the run folder itself have changed since then."""
    try:
        fingerprint, _ = _read_if_there(run / FINGERPRINT, Fingerprint)
        for name, digest in (fingerprint.run_folder_sha256 if fingerprint else {}).items():
            if hashlib.sha256(read_json(run / name)).hexdigest() != digest:
                raise RunFolderError(f"{run}: can't be gone on with: its {name} was changed since it began")
    except FileError as error:
        raise RunFolderError(f"{run}: can't be gone on with: {error}") from error
    except OSError as error:
        raise RunFolderError(f"{run}: can't be gone on with: {error.filename}: {error.strerror}") from error
    return fingerprint


def _read_trial_lines(trials: Path) -> Iterator[bytes | None]:
    """Yield the lines of the file; none where there is no such file, as before the first record."""
    with contextlib.suppress(FileNotFoundError):
        yield from read_lines(trials)


def read_noise_floor(path: Path) -> NoiseFloor:
    """Return the noise floor that ``harness aa`` wrote into a run folder. Raises RunFolderError where there is none, or
    it can't be read."""
    try:
        return _read(path / NOISE, NoiseFloor)[0]
    except (FileError, OSError) as error:
        raise RunFolderError(f"{path}: no noise floor: {error}") from error


def write_noise_floor(path: Path, floor: NoiseFloor) -> None:
    """Write the noise floor into a run folder. Raises RunFolderError."""
    try:
        _write_new(path / NOISE, floor.model_dump(mode="json"))
    except OSError as error:
        raise RunFolderError(f"{path}: can't write the noise floor: {error.strerror}") from error


class _Versioned(BaseModel):
    """The part that all files of a run folder may have in common. A file without a version is of the current one."""

    schema_version: object = SCHEMA_VERSION


def _read(path: Path, model: type[Model]) -> tuple[Model, bytes]:
    """Return the content of the file as a model, and its text. Raises RunFolderError, FileError and OSError."""
    text = read_json(path)
    try:
        version = _Versioned.model_validate_json(text).schema_version
        if version != SCHEMA_VERSION:
            raise RunFolderError(f"{path}: has schema version {version!r:.20}, and this harness reads {SCHEMA_VERSION}")
        return model.model_validate_json(text), text
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            raise RunFolderError(f"{path}: not JSON: {first['msg']}") from error
        where = ".".join(map(str, first["loc"]))
        raise RunFolderError(f"{path}: not of a run of this version: {where:.200}: {first['msg']:.200}") from error


def _read_if_there(path: Path, model: type[Model]) -> tuple[Model, bytes] | tuple[None, bytes]:
    try:
        return _read(path, model)
    except FileNotFoundError:
        return None, b""


def _check_fits(path: Path, info: RunInfo, scenario: Scenario) -> None:
    """Raise RunFolderError where run and scenario do not fit each other."""
    topologies = scenario.topologies
    is_whole = len(topologies) % 2 == 0 or not scenario.is_of_pairs
    if not is_whole or any(sum(each.baseline for each in group) != 1 for group in scenario.groups):
        raise RunFolderError(f"{path / 'scenario.json'}: not of a run: it has not exactly one baseline")
    if scenario.is_of_pairs and not all(pair[0].baseline for pair in scenario.groups):
        raise RunFolderError(f"{path / 'scenario.json'}: not of a run: a baseline does not come first")
    known = {topology.name for topology in topologies}
    if len(known) < len(topologies) or len({topology.side is None for topology in topologies}) > 1:
        raise RunFolderError(f"{path / 'scenario.json'}: not of a run: two topologies of one name, or one side only")
    if unknown := {planned.topology.name for planned in info.trials} - known:
        raise RunFolderError(f"{path / 'run.json'}: plans {sorted(unknown)[0]}, which scenario.json does not have")


def _select_sound(
    lines: Iterable[bytes | None], info: RunInfo, scenario: Scenario
) -> tuple[list[TrialRecord], list[str]]:
    """Return the valid records, and the reason for each line that is left out."""
    planned = {trial.id: trial for trial in info.trials}
    topologies = {topology.name for topology in scenario.topologies}
    records: dict[str, TrialRecord] = {}
    left_out = list[str]()
    for number, line in enumerate(lines, start=1):
        try:
            if len(left_out) == MAX_LEFT_OUT:
                left_out.append(f"line {number} and all after it: so many before them are no records")
                break
            record = _parse_record(line)
            if info.objectives:
                _check_searched(record, topologies)
            else:
                _check_planned(record, planned)
            check_measured(record)
            if record.trial in records:
                raise ValueError(f"{record.trial} a second time")
            records[record.trial] = record
        except (ValueError, FileError) as error:
            left_out.append(f"line {number}: {error}")
    return list(records.values()), left_out


def _parse_record(line: bytes | None) -> TrialRecord:
    """Return the record in a line of trials.jsonl. Raises ValueError and FileError, with what is wrong with it."""
    if line is None:
        raise ValueError("too long for a record")
    check_weight(line, "a record that")
    try:
        record = TrialRecord.model_validate_json(line)
    except ValidationError as error:
        raise ValueError("no whole record") from error
    if record.schema_version != SCHEMA_VERSION:
        raise ValueError(f"a record of schema version {record.schema_version}")
    return record


def _check_planned(record: TrialRecord, planned: dict[str, PlannedTrial]) -> None:
    trial = planned.get(record.trial)
    if trial is None or (record.block, record.topology) != (trial.block, trial.topology.name):
        raise ValueError("a trial that was not planned")


def _check_searched(record: TrialRecord, topologies: set[str]) -> None:
    """Check a record of a search, which has no schedule to compare it with. Raises ValueError."""
    if record.topology not in topologies:
        raise ValueError(f"{record.trial} is of {record.topology!r:.80}, which scenario.json does not have")
    if record.rate_per_s is not None and not 0 < record.rate_per_s <= MAX_RATE_PER_S:
        raise ValueError(f"{record.trial} offered a rate that can't be")


def _end_last_record(file: FileIO) -> None:
    """End the last line, so that the next record stands in a line of its own. A half-written one, which a killed run
    leaves, is removed: its trial is made again."""
    file.seek(0)
    whole, end, last = file.read().rpartition(b"\n")
    try:
        if last:
            TrialRecord.model_validate_json(last)
            file.write(b"\n")
    except ValidationError:
        file.truncate(len(whole) + len(end))


def _new_folder(results: Path, name: str) -> Path:
    results.mkdir(parents=True, exist_ok=True)
    for suffix in ("", *(f"-{number}" for number in range(2, MAX_RUNS_PER_SECOND))):
        with contextlib.suppress(FileExistsError):
            (path := results / f"{name}{suffix}").mkdir()
            return path
    raise FileExistsError(17, "a hundred runs began in this second", str(results / name))


def _with_topologies(info: RunInfo, scenario: Scenario) -> RunInfo:
    """Return the run's information with the topologies of its trials as they are in this scenario."""
    known = {topology.name: topology for topology in scenario.topologies}
    trials = [trial.model_copy(update={"topology": known[trial.topology.name]}) for trial in info.trials]
    return info.model_copy(update={"trials": trials})


def _write_new(path: Path, fields: object) -> bytes:
    """Write the fields as JSON into a new file, and so never through a link; return its text."""
    text = (json.dumps(fields, indent=2, ensure_ascii=False) + "\n").encode()
    with path.open("xb") as file:
        file.write(text)
    return text


def _point_latest(results: Path, path: Path) -> None:
    """Replace the link ``latest`` atomically, so that it exists at all times."""
    fresh = results / f".latest-{os.getpid()}"
    fresh.symlink_to(path.name)
    fresh.replace(results / "latest")
