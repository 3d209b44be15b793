"""How often the watch over readers' verdicts alarms for nothing, and how soon it sees a fall.

Simulated positives, called with a true sensitivity; floors are the lower 95 % Wilson bounds of a
registered test set of so many positives, drawn anew for every year. Called ones are all read, of
the uncalled ``share``. With ``--alike`` a person has so many radiographs, all answered right or all
wrong, in one week, or with ``--spread`` one a week. A table in Markdown goes to standard output;
the same seed, the same table.
"""

import argparse
from dataclasses import dataclass

import numpy as np

from pneumo.evaluation.proportions import wilson
from pneumo.monitoring.change import Reading, watch

TRUTH, FALLEN = 0.80, 0.60
REGISTERED, SHARES = (35, 100, 600), (1.0, 0.3, 0.1)
LONGEST_WEEKS = 520


@dataclass(frozen=True)
class People:
    """How many radiographs with an opacity a week brings, and how many of them are one person's."""

    radiographs: float
    alike: int
    spread: bool

    def weeks(
        self, rng: np.random.Generator, truth: float, count: int, share: float
    ) -> list[list[Reading]]:
        """Weeks of readings; ``radiographs`` is their mean number before the draw."""
        made: list[list[Reading]] = [[] for _ in range(count)]
        for first in range(count):
            for n in range(rng.poisson(self.radiographs / self.alike)):
                right = bool(rng.random() < truth)
                chance = 1.0 if right else share
                for later in range(self.alike):
                    week = first + later * self.spread
                    if week < count and rng.random() < chance:
                        made[week].append(Reading(right, chance, f"{first}-{n}", self.alike))
        return made


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=1000)
    parser.add_argument("--falls", type=int, default=200)
    parser.add_argument("--positives", type=float, default=10.0, help="positives a week")
    parser.add_argument("--alike", type=int, default=1, help="radiographs of a person")
    parser.add_argument("--spread", action="store_true", help="one of them a week")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    people = People(asked.positives, asked.alike, asked.spread)
    print(f"| uncalled read | registered positives | healthy years of {asked.years} that alarm "
          f"| weeks to see {TRUTH:.2f} -> {FALLEN:.2f} (90 %) |\n|---|---|---|---|")  # fmt: skip
    for share in SHARES:
        for registered in REGISTERED:
            rng = np.random.default_rng([asked.seed, registered, int(100 * share)])
            floors = [wilson(rng.binomial(registered, TRUTH), registered).low
                      for _ in range(asked.years)]  # fmt: skip
            alarms = sum(
                watch(people.weeks(rng, TRUTH, 52, share), floor, 1.0, share).alarm is not None
                for floor in floors
            )
            floor = wilson(round(TRUTH * registered), registered).low
            delays = []
            for _ in range(asked.falls):
                made = people.weeks(rng, FALLEN, LONGEST_WEEKS, share)
                alarm = watch(made, floor, 1.0, share).alarm
                delays.append(LONGEST_WEEKS if alarm is None else alarm + 1)
            low, high = np.quantile(delays, [0.5, 0.9])
            print(f"| {share:.0%} | {registered} | {100 * alarms / asked.years:.1f} % "
                  f"| {low:.0f} ({high:.0f}) |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
