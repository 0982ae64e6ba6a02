"""The findings of `00_overview`: those of `01_memory`, `02_eviction_accuracy` and `03_prune_cost`, side by side.

It computes nothing in another way than they do. One experiment at a time is in memory; its findings are kept.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simlib.analysis.measures import MEASURES, NO_LIMIT, TOO_SHORT, Row
from simlib.core.errors import InputError
from simlib.core.numbers import format_count, format_counted, format_memory, format_percent, quantity
from simlib.experiments.experiment import describe_bounds, open_experiment
from simlib.experiments.time_to_limit import TOO_FEW
from simlib.figures import overview as figures
from simlib.figures.style import Drawing, LeftOut
from simlib.replay.ledger import Totals
from simlib.stores.contract import Settings
from simlib.stores.registry import LEAKED, SHIPPED, find_design
from simlib.workloads.schema import WORKED_EXAMPLE, workload_names

DRAWN = ("oom_hours", "bounded_peak_mib", "false_eviction_share", "lost_count_share", "mean_ns", "cliff_traffic")
"""The measures in the figure."""

SHARES = ("false_eviction_share", "lost_count_share")


@dataclass(frozen=True)
class Overview:
    """Several experiments under the same settings and seeds, a row each."""

    rows: tuple[Row, ...]
    settings: Settings
    seeds: tuple[int, ...]

    @classmethod
    def of(cls, workloads: str, traces: str, go_version: str, **options) -> "Overview":
        """Compare workloads (names or paths, separated by commas) and logs (paths, one a line), or JSON lists.

        All presets where neither is given. `options` are those of `open_experiment`. Raises InputError for input that
        cannot be used, and for two experiments of one name.
        """
        logs = _listed("traces", traces, "\n")
        chosen = _listed("workloads", workloads, ",") or ([] if logs else _presets())
        rows, settings, seeds = [], Settings(), ()
        for workload, trace in [*((each, "") for each in chosen), *(("", each) for each in logs)]:
            experiment = open_experiment(workload, trace, compiled=True, **options)
            if experiment.name in (row.name for row in rows):
                raise InputError(f"two of what is compared are called {experiment.name!r}: give them different names")
            rows.append(Row.of(experiment, go_version))
            settings, seeds = experiment.settings, seeds or experiment.seeds
        return cls(tuple(rows), settings, seeds)

    # --- The subject of a pack

    name = "overview"

    @property
    def title(self) -> str:
        return f"{self._what.capitalize()} side by side" if len(self.rows) > 1 else f"Overview of {self.rows[0].name}"

    @property
    def about(self) -> str:
        return ", ".join(row.name for row in self.rows)

    @property
    def source(self) -> str:
        return ", ".join(row.source for row in self.rows)

    @property
    def digests(self) -> tuple[str, ...]:
        return tuple(digest for row in self.rows for digest in row.digests)

    @property
    def simulated(self) -> bool:
        return all(row.simulated for row in self.rows)

    def caption(self) -> str:
        """State the source and the settings, in a sentence."""
        logs, first = sum(not row.simulated for row in self.rows), self.seeds[:1]
        workloads = len(self.rows) - logs
        seeds = f"seeds {first[0]} to {self.seeds[-1]}" if len(self.seeds) > 1 else f"seed {first[0]}" if first else ""
        parts = [f"{format_counted(workloads, 'workloads')} ({seeds})"] if workloads else []
        parts += [format_counted(logs, "logs")] if logs else []
        return f"{' and '.join(parts)}; {describe_bounds(self.settings)}."

    @property
    def _what(self) -> str:
        logs = sum(not row.simulated for row in self.rows)
        return "logs" if logs == len(self.rows) else "experiments" if logs else "workloads"

    # --- The answer

    def answer(self) -> str:
        """Say how many run out of memory and when, how many the bound saves, and what it loses."""
        return " ".join((self._one() if len(self.rows) == 1 else self._several(), self._losses()))

    def _one(self) -> str:
        row = self.rows[0]
        does = "does not run out of memory" if row.is_limited else "does not grow"
        if np.isnan(row.mean("growth_per_hour")):
            return f"There are {TOO_FEW} whether {row.name} leaks."
        if np.isfinite(row.mean("oom_hours")):
            does = f"{'runs' if row.oom_is_reached else 'would run'} out of memory in {row.texts['oom_hours']}"
        elif row.grows and not row.is_limited:
            does = f"gains {quantity(row.texts['growth_per_hour'], 'entries')} an hour ({NO_LIMIT})"
        return f"Without a bound {row.name} {does}; bounded, it needs {row.texts['bounded_peak_mib']}."

    def _several(self) -> str:
        """The sentences on memory: who runs out of it, or where no limit is known, who grows."""
        most = f"bounded, the maps need at most {format_memory(max(row.mean('bounded_peak_mib') for row in self.rows))}"
        of_all, unlimited = f"of {len(self.rows)} {self._what}", [row for row in self.rows if not row.is_limited]
        if len(unlimited) == len(self.rows):
            growing = sorted((row for row in self.rows if row.grows), key=lambda row: -row.mean("growth_per_hour"))
            if not growing:
                return f"Without a bound none {of_all} grows; {most}."
            gains = quantity(growing[0].texts["growth_per_hour"], "entries")
            fastest = f"{growing[0].name} fastest, by {gains} an hour ({NO_LIMIT})"
            return f"Without a bound {len(growing)} {of_all} {_verb('grow', growing)}, {fastest}; {most}."
        unknown = f" ({NO_LIMIT} for {len(unlimited)})" if unlimited else ""
        out = sorted((row for row in self.rows if row.is_exhausted), key=lambda row: row.mean("oom_hours"))
        if not out:
            return f"Without a bound none {of_all} runs out of memory within a year{unknown}; {most}."
        saved = sum(row.fits for row in out)
        who = "all of them" if saved == len(out) else f"{saved or 'none'} of them"
        return (
            f"Without a bound {len(out)} {of_all} {_verb('run', out)} out of memory within a year, "
            f"{out[0].name} first, in {out[0].texts['oom_hours']}{unknown}. The bound saves {who}: {most}."
        )

    def _losses(self) -> str:
        """Say where the cap is reached, and the most that is lost there and elsewhere."""
        full = [row for row in self.rows if row.cap_is_reached]
        there, elsewhere = self._most_lost(full), self._most_lost([row for row in self.rows if row not in full])
        if len(self.rows) == 1:
            lost = self.rows[0].texts["lost_count_share"]
            how = f"{lost} of the counts are lost" if there or elsewhere else "no counts are lost"
            how = f"it is {TOO_SHORT} what is lost" if lost == TOO_SHORT else how
            return f"The cap is {'reached' if full else 'not reached'}, and {how}."
        parts = [f"The cap is reached on {len(full) or 'none'} of them"]
        if full:
            parts.append(f"where {f'up to {there[1]} of' if there else 'none of'} the counts are lost")
        if there:
            parts[-1] += f" ({there[0]})"
        if elsewhere:
            parts.append(f"and the TTL alone loses up to {elsewhere[1]} ({elsewhere[0]})")
        return ", ".join(parts) + "."

    @staticmethod
    def _most_lost(rows: Sequence[Row]) -> tuple[str, str] | None:
        """The name of the row that loses the largest share of its counts, and this share; None where none loses any."""
        losing = [row for row in rows if row.mean("lost_count_share") > 0]
        worst = max(losing, key=lambda row: row.mean("lost_count_share"), default=None)
        return (worst.name, worst.texts["lost_count_share"]) if worst else None

    def lesson(self) -> str:
        """Say why to test at scale, with the numbers that show it."""
        stalled = [row for row in self.rows if row.stalled > 0]
        if not stalled:
            known = [row for row in self.rows if row.mean("cliff_traffic") > 0]
            first = min(known, key=lambda row: row.mean("cliff_traffic"), default=None)
            more = "at more, one may be"
            if first:
                more = f"at {first.texts['cliff_traffic']} the traffic of {first.name}, some new sessions sort one"
            return f"Test at scale: at this traffic no full store is sorted; {more}."
        shown = dict.fromkeys((stalled[0].name, max(stalled, key=lambda row: row.stalled).name))
        shares = " and ".join(
            f"{format_percent(row.stalled)} of the increments of {row.name}" for row in stalled if row.name in shown
        )
        return (
            f"Test at scale: below its cap of {format_count(self.settings.max_entries)} entries a store is never "
            f"sorted; once full, it is sorted within {shares}."
        )

    # --- The table and the figure

    def numbers(self) -> pd.DataFrame:
        """A row for each experiment: each measure, with `_low` and `_high` of its 95 % interval where one has it.

        `words` lists what stands in the place of numbers that there are not.
        """
        columns: dict[str, list] = {}
        for measure in MEASURES:
            found = [row.estimates[measure.name] for row in self.rows]
            columns[measure.name] = [each.mean for each in found]
            if not all(np.isnan(each.low) for each in found):
                columns |= {f"{measure.name}_{end}": [getattr(each, end) for each in found] for end in ("low", "high")}
        missing = [{m.name: row.texts[m.name] for m in MEASURES if np.isnan(row.mean(m.name))} for row in self.rows]
        columns["words"] = ["; ".join(f"{name}: {words}" for name, words in each.items()) for each in missing]
        index = pd.Index([row.name for row in self.rows], name="experiment")
        return pd.DataFrame(columns, index=index).replace([np.inf, -np.inf], np.nan)

    def table(self) -> pd.DataFrame:
        """The same for people: a row for each experiment, a text for each measure."""
        index = pd.Index([row.name for row in self.rows], name="")
        return pd.DataFrame([{m.header: row.texts[m.name] for m in MEASURES} for row in self.rows], index=index)

    def draw(self) -> Drawing | LeftOut:
        """Draw DRAWN, a small panel each; growth stands in for out of memory where few limits are known."""
        if len(self.rows) == 1:
            return LeftOut("No figure: there is nothing to compare with. The table has the numbers.")
        panels, first = [], DRAWN[0]
        if 2 * sum(row.is_limited for row in self.rows) < len(self.rows):
            first = "growth_per_hour"
        headers = {measure.name: measure.header for measure in MEASURES}
        for name in (first, *DRAWN[1:]):
            found = [row.estimates[name] for row in self.rows]
            ends = (np.array([getattr(each, end) for each in found]) for end in ("mean", "low", "high"))
            colour = find_design(LEAKED if name == first else SHIPPED).colour
            mark = (1.0, "this traffic") if name == "cliff_traffic" else None
            texts = [row.texts[name] for row in self.rows]
            panels.append(figures.Panel(headers[name], *ends, texts, colour, name not in SHARES, mark))
        return figures.dots([row.name for row in self.rows], panels, self._message())

    def _message(self) -> str:
        lost, of_all = self._most_lost(self.rows), f"of {len(self.rows)}"
        loses = f"up to {lost[1]} of counts are lost" if lost else "no counts are lost"
        if not any(row.is_limited for row in self.rows):
            growing = [row for row in self.rows if row.grows]
            return f"Unbounded, {len(growing)} {of_all} {_verb('grow', growing)}; bounded, {loses}"
        out = [row for row in self.rows if row.is_exhausted]
        if not out:
            return f"Nothing runs out of memory in a year; bounded, {loses}"
        over = sum(not row.fits for row in out)
        stays = f"{over} still" if over else "none"
        return f"{len(out)} {of_all} {_verb('run', out)} out of memory in a year; bounded, {stays}, but {loses}"

    # --- Claims

    def overshoot(self) -> int:
        """Entries by which any bounded store exceeded its cap; 0 where none did or there is no cap."""
        return max(self.largest_peak() - self.settings.max_entries, 0) if self.settings.max_entries > 0 else 0

    def largest_peak(self) -> int:
        """The most entries in any one bounded store."""
        return max(totals.peak_entries for row in self.rows for totals in row.bounded)

    def least_surplus(self) -> int:
        """The smallest lead, in entries, of the unbounded maps over the bounded stores after any operation."""
        return min(row.least_surplus for row in self.rows)

    def least_extra_lines(self) -> int:
        """The fewest log lines that eviction added in any replication."""
        return min(row.least_extra_lines for row in self.rows)

    def unbalanced(self) -> int:
        """Count the ledgers in which the entries created are not those evicted, deleted or left."""
        return sum(
            t.creates != t.cap_evictions + t.ttl_evictions + t.deletes_hit + t.final_entries for t in self._ledgers()
        )

    def ledgers(self) -> int:
        """Count the ledgers: one for each experiment, replication, counter and design."""
        return len(self._ledgers())

    def _ledgers(self) -> list[Totals]:
        return [totals for row in self.rows for totals in (*row.bounded, *row.unbounded)]

    def reached(self) -> list[str]:
        """The experiments in which the cap evicts."""
        return [row.name for row in self.rows if row.cap_is_reached]

    def sorted(self) -> list[str]:
        """The experiments in which a store is sorted."""
        return [row.name for row in self.rows if any(totals.entries_sorted for totals in row.bounded)]


def _verb(verb: str, rows: Sequence[Row]) -> str:
    """The form of a verb for a number of rows."""
    return verb if len(rows) > 1 else f"{verb}s"


def _presets() -> list[str]:
    """The presets, the worked example first."""
    return sorted(workload_names(), key=lambda name: (name != WORKED_EXAMPLE, name))


def _listed(parameter: str, text: str, separator: str) -> list[str]:
    """Read a list from a parameter, each of its items once."""
    items = text.split(separator)
    if text.lstrip().startswith("["):
        try:
            items = json.loads(text)
        except ValueError:
            raise InputError(f'{parameter}: begins with \'[\' but is no JSON list: write ["a", "b"]') from None
        if not all(isinstance(item, str) for item in items):
            raise InputError(f'{parameter}: a JSON list of other than texts: write ["a", "b"]')
    return list(dict.fromkeys(filter(None, map(str.strip, items))))
