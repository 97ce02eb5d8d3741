"""What a figure is: a name, a bound, and a generator that yields one value a round.

The definition of each figure is the docstring of its generator. What it yields beside the value, a dictionary of
numbers, explains the value and is printed under it.
"""
import dataclasses
import math
import statistics
import traceback

ROUNDS_MIN = 4
FIGURES = {}


@dataclasses.dataclass
class Figure:
    name: str
    unit: str
    bound: float
    at_most: bool
    also_at_most: float | None  # of a figure that has a bound on either side; then bound is the lower one
    combine: object             # of the rounds: their median, their largest, their sum
    run: object

    def holds(self, value):
        if self.also_at_most is not None and value > self.also_at_most:
            return False
        return value <= self.bound if self.at_most else value >= self.bound

    def bound_text(self):
        if self.also_at_most is not None:
            return f"{self.bound:g} to {self.also_at_most:g} {self.unit}".strip()
        return f"{'at most' if self.at_most else 'at least'} {self.bound:g} {self.unit}".strip()

    def summary(self):
        return self.run.__doc__.strip().split("\n")[0]


@dataclasses.dataclass
class Measured:
    figure: Figure
    rounds: list
    notes: list  # a dictionary a round
    error: str = ""

    def value(self):
        return self.figure.combine(self.rounds) if self.rounds else math.nan

    def holds(self):
        return bool(self.rounds) and not self.error and self.figure.holds(self.value())


def figure(unit="", at_most=None, at_least=None, combine=statistics.median):
    """Makes a generator `name(bench)` the figure of that name."""
    def add(run):
        both = at_least is not None and at_most is not None
        FIGURES[run.__name__] = Figure(
            run.__name__, unit, at_most if at_least is None else at_least, at_least is None, at_most if both else None,
            combine, run)
        return run
    return add


def measure(wanted, bench):
    result = Measured(wanted, [], [])
    try:
        for value, notes in wanted.run(bench):
            result.rounds.append(value)
            result.notes.append(notes)
            bench.say(f"{wanted.name}: round {len(result.rounds)} of {bench.rounds}: {value:.4g}")
    except Exception as error:  # one figure that cannot be measured must not take the others with it
        result.error = f"{type(error).__name__}: {error}".strip()
        if not isinstance(error, RuntimeError):
            traceback.print_exc()
    finally:
        bench.stop_all()
    return result
