"""How often the watch over readers' verdicts alarms for nothing, and how soon it sees a fall.

Simulated positives, called with a true sensitivity; floors are the lower 95 % Wilson bounds of a
registered test set of so many positives, drawn anew for every year. Called ones are all read, of
the uncalled ``share``. A table in Markdown goes to standard output; the same seed, the same table.
"""

import argparse

import numpy as np

from pneumo.evaluation.proportions import wilson
from pneumo.monitoring.change import Reading, watch

TRUTH, FALLEN = 0.80, 0.60
REGISTERED, SHARES = (35, 100, 600), (1.0, 0.3, 0.1)
LONGEST_WEEKS = 520


def weeks(
    rng: np.random.Generator, truth: float, count: int, positives: float, share: float
) -> list[list[Reading]]:
    """Weeks of readings; ``positives`` is their mean number before the draw."""
    made = []
    for _ in range(count):
        right = rng.random(rng.poisson(positives)) < truth
        read = right | (rng.random(len(right)) < share)
        chances = np.where(right, 1.0, share)[read]
        made.append([Reading(bool(r), float(c)) for r, c in zip(right[read], chances, strict=True)])
    return made


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=1000)
    parser.add_argument("--falls", type=int, default=200)
    parser.add_argument("--positives", type=float, default=10.0, help="positives a week")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print(f"| uncalled read | registered positives | healthy years of {asked.years} that alarm "
          f"| weeks to see {TRUTH:.2f} -> {FALLEN:.2f} (90 %) |\n|---|---|---|---|")  # fmt: skip
    for share in SHARES:
        for registered in REGISTERED:
            rng = np.random.default_rng([asked.seed, registered, int(100 * share)])
            floors = [wilson(rng.binomial(registered, TRUTH), registered).low
                      for _ in range(asked.years)]  # fmt: skip
            alarms = sum(
                watch(weeks(rng, TRUTH, 52, asked.positives, share), floor, 1.0, share).alarm
                is not None
                for floor in floors
            )
            floor = wilson(round(TRUTH * registered), registered).low
            delays = []
            for _ in range(asked.falls):
                made = weeks(rng, FALLEN, LONGEST_WEEKS, asked.positives, share)
                alarm = watch(made, floor, 1.0, share).alarm
                delays.append(LONGEST_WEEKS if alarm is None else alarm + 1)
            low, high = np.quantile(delays, [0.5, 0.9])
            print(f"| {share:.0%} | {registered} | {100 * alarms / asked.years:.1f} % "
                  f"| {low:.0f} ({high:.0f}) |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
