"""Machines and servers made up for sliced rounds: what they do to two servers of which neither is faster.

In each round both servers are launched anew and stay up. A rotation gives each of them one slice of load, in an order
drawn anew, and yields one log-ratio. A launch has a speed of its own, which lasts as long as its processes: noise
between rounds that no rotation takes out. Figures are those of docs/method.md, "Launches differ by modes".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from bench.validity.worlds import Differences, World

Floats = npt.NDArray[np.float64]
Dice = np.random.Generator

ROTATIONS: Final = 6  # of half a second for each server: three seconds of each, as the default has it
PAUSE: Final = 8  # slices: as long as it takes to stop two servers and to launch and warm up the next two
QUIET: Final = 0.015  # standard deviation of a slice's rate on a quiet machine
REST: Final = 0.006  # and of a launch, where memory is kept


@dataclass(frozen=True)
class Rotations:
    """The figures of a run's slices, as logarithms, (rounds, rotations, servers, metrics), and the core speeds, as the
    probe has them, (rounds, rotations, servers), where there is one."""

    logs: Floats
    speeds: Floats | None = None

    @property
    def ratios(self) -> Floats:
        """The log-ratios of the rotations, (rounds, rotations, metrics)."""
        ratios: Floats = self.logs[:, :, 1] - self.logs[:, :, 0]
        return ratios

    def differences(self, counts: Sequence[int]) -> Differences:
        """Return those of whole rounds, of which each has so many rotations: the requests of a server's slices add up,
        their logarithms don't."""
        totals = [np.log(np.exp(logs[:count]).mean(axis=0)) for logs, count in zip(self.logs, counts, strict=True)]
        metrics = np.array([total[1] - total[0] for total in totals])
        if self.speeds is None:
            return Differences(metrics)
        gains = [each[:, 1] - each[:, 0] for each in self.speeds]
        return Differences(
            metrics,
            np.array([gain[:count].mean() for gain, count in zip(gains, counts, strict=True)]),
            [(ratios[:count], gain[:count]) for ratios, gain, count in zip(self.ratios, gains, counts, strict=True)],
        )


Launches = Callable[[Dice, tuple[int, ...]], Floats]
Machine = Callable[[Dice, int], Floats]
SlicedWorld = Callable[[Dice, int, int], Rotations]


def normal(dice: Dice, shape: tuple[int, ...], scatter: float = REST) -> Floats:
    """Launches whose speed is normal."""
    return dice.normal(0, scatter, shape)


def modes(dice: Dice, shape: tuple[int, ...], slow: float, gap: float) -> Floats:
    """Launches of which the part ``slow`` is slower by ``gap``, a logarithm."""
    return normal(dice, shape) - gap * (dice.random(shape) < slow)


def three_modes(dice: Dice, shape: tuple[int, ...]) -> Floats:
    """Launches that pay for 2, 20 or 60 page faults a request."""
    gaps: Floats = dice.choice([0.0, 0.05, 0.11], p=[0.5, 0.3, 0.2], size=shape)
    return normal(dice, shape) - gaps


def quiet(dice: Dice, slices: int) -> Floats:
    """Independent normal noise."""
    return dice.normal(0, QUIET, slices)


def autocorrelated(dice: Dice, slices: int) -> Floats:
    """Noise that lasts for some slices: autocorrelation of 0.8."""
    return quiet(dice, slices) + 0.04 * _autoregressive(dice, slices, 0.8)


def seconds(dice: Dice, slices: int) -> Floats:
    """Two core speeds, a tenth apart, each for five seconds on the average."""
    return quiet(dice, slices) - 0.1 * _steps(dice, slices, 0.1)


def minutes(dice: Dice, slices: int) -> Floats:
    """Steps of 15 % that last a minute, a random walk, and a loss of 30 % over the run."""
    walk = np.cumsum(dice.normal(0, 0.004, slices)) - np.linspace(0, 0.3, slices)
    return quiet(dice, slices) + walk - 0.15 * _steps(dice, slices, 1 / 120)


def spiky(dice: Dice, slices: int) -> Floats:
    """Heavy tails: Student's t with three degrees of freedom, and one slice in twenty loses a third to a stall."""
    return 2 * QUIET * dice.standard_t(3, slices) - 0.4 * (dice.random(slices) < 0.05)


def background(dice: Dice, slices: int) -> Floats:
    """Servers that put work off until others have the load: each slice loses what the one before it left behind, 4 % on
    the average, and a job of a second that comes every ten takes 30 %."""
    left = dice.exponential(0.04, slices)
    job = _steps(dice, slices, np.array([1 / 18, 1 / 2]))
    return quiet(dice, slices) - np.roll(left, 1) - 0.3 * job


def make(dice: Dice, rounds: int, rotations: int, launches: Launches, machine: Machine, own: float) -> Rotations:
    """Return a run of so many rounds. ``own`` is the scatter of what a server does to itself for some slices on end."""
    slices = machine(dice, rounds * (2 * rotations + PAUSE)).reshape(rounds, -1)[:, : 2 * rotations]
    noise = dice.permuted(slices.reshape(rounds, rotations, 2), axis=2)  # which of the two is first
    if own:
        noise = noise + own * _autoregressive(dice, (rounds, 2, rotations), 0.7).swapaxes(1, 2)
    return Rotations(_metrics(dice, launches(dice, (rounds, 1, 2)), noise))


def make_probed(dice: Dice, rounds: int, rotations: int, losing: float, misled: float) -> Rotations:
    """Return a run beside a probe of the core speed. Of the slices, the part ``losing`` meet a neighbour, who takes up
    to a third of the speed, which the probe tells; of the launches, the part ``misled`` slow the probe alone down."""
    shape = (rounds, rotations, 2)
    lost = 0.4 * dice.random(shape) * (dice.random(shape) < losing)
    noise = dice.normal(0, QUIET, shape) - lost
    launch = normal(dice, (rounds, 1, 2))
    speeds = dice.normal(0, 0.02, shape) - lost - 0.25 * (dice.random((rounds, 1, 2)) < misled)
    return Rotations(_metrics(dice, launch, noise), speeds)


def _metrics(dice: Dice, launch: Floats, noise: Floats) -> Floats:
    speed, other = launch + noise, dice.standard_normal((*noise.shape, 3))  # what each metric has of its own
    return np.stack(
        [
            speed,
            0.95 * speed + 0.01 * other[..., 0],
            0.6 * speed + 0.08 * other[..., 1],
            launch + 0.3 * noise + 0.01 * other[..., 2],
        ],
        axis=3,
    )


LAUNCHED: Final[dict[str, Launches]] = {
    "normal": partial(normal, scatter=0.027),
    "one slow in ten": partial(modes, slow=0.1, gap=0.06),
    "three slow in ten": partial(modes, slow=0.3, gap=0.05),
    "half slow": partial(modes, slow=0.5, gap=0.11),
    "three modes": three_modes,
}
MACHINES: Final[dict[str, Machine]] = {
    each.__name__: each for each in (quiet, autocorrelated, seconds, minutes, spiky, background)
}
SLICED: Final[dict[str, SlicedWorld]] = {
    **{f"launches {name}": partial(make, launches=each, machine=quiet, own=0.0) for name, each in LAUNCHED.items()},
    **{
        f"{name}, memory kept": partial(make, launches=normal, machine=each, own=0.01 * (name == "autocorrelated"))
        for name, each in MACHINES.items()
    },
    **{
        f"{name}, one slow in ten": partial(make, launches=LAUNCHED["one slow in ten"], machine=MACHINES[name], own=0.0)
        for name in ("seconds", "spiky")
    },
    "neighbours, probed": partial(make_probed, losing=0.3, misled=0.0),
    "neighbours, probe misled": partial(make_probed, losing=0.3, misled=0.15),
    "quiet, probe misled": partial(make_probed, losing=0.0, misled=0.15),
}


def whole_rounds(sliced: SlicedWorld) -> World:
    """Return the world as the verdicts see it: a difference for each round."""
    return partial(_whole_rounds, sliced)


def _whole_rounds(sliced: SlicedWorld, dice: Dice, rounds: int) -> Differences:
    return sliced(dice, rounds, ROTATIONS).differences([ROTATIONS] * rounds)


def _autoregressive(dice: Dice, shape: int | tuple[int, ...], stays: float) -> Floats:
    """Return noise of variance 1 along the last axis, of which the part ``stays`` is still there a step later."""
    shape = (shape,) if isinstance(shape, int) else shape
    begin = dice.standard_normal((*shape[:-1], 1))
    steps = (1 - stays**2) ** 0.5 * dice.standard_normal(shape)
    noise, _ = lfilter([1], [1, -stays], steps, axis=-1, zi=stays * begin)
    return np.asarray(noise)


def _steps(dice: Dice, slices: int, changes: float | Floats) -> Floats:
    """Return 0 or 1 for each slice, which change with this probability; given two, that of coming and of going."""
    come, go = np.broadcast_to(changes, 2)
    lengths = dice.geometric(np.tile([come, go], slices // 2 + 1))
    ends = np.cumsum(lengths)
    return np.asarray(np.searchsorted(ends, np.arange(slices), side="right") % 2, dtype=np.float64)
