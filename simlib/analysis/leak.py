"""The findings of `01_memory` in sentences: who grows the maps, when they reach the limit, and whether the bound holds.

Answer, title, caption and post-mortem take each number from one place.
"""

from dataclasses import dataclass
from functools import cached_property

from simlib.analysis.growth import gain
from simlib.analysis.measured import Beside
from simlib.analysis.memory import Memory
from simlib.core.numbers import format_count, format_duration, format_memory
from simlib.core.units import HOUR
from simlib.experiments.experiment import describe_bounds
from simlib.experiments.replication import LIVE_DESIGNS
from simlib.figures import memory as figures
from simlib.figures.style import Drawing, LeftOut
from simlib.stores.registry import LEAKED, SHIPPED, find_design
from simlib.workloads.entry import Limit


@dataclass(frozen=True)
class Leak:
    """The leak of an experiment, in sentences, and the figure that shows it; `measured` is a file, empty for none."""

    memory: Memory
    measured: str = ""

    @cached_property
    def beside(self) -> Beside:
        """The measured memory beside these maps."""
        return Beside(self.memory, self.measured)

    @property
    def maps(self) -> str:
        """The word for the maps, of which each counter has one."""
        return self.memory.experiment.named("map")

    @property
    def grows(self) -> bool:
        """Whether entries are gained over the second half; False where that cannot be said."""
        return self.memory.oom.known and self.memory.oom.growth.mean > 0

    @property
    def fits(self) -> bool:
        """Whether the bounded stores stay within the limit; also where none is known."""
        return self.memory.experiment.limit.allows(self.memory.bounded_peak_mib, self.memory.bounded_entries)

    def answer(self) -> str:
        """Answer the notebook's question: the verdict, who grows the maps, and what the bound changes."""
        # Where no time is given, the verdict is the growth.
        who = self.memory.growth.answer(with_rate=self.memory.oom.finite) if self.grows else ""
        most = "" if self._says_most() else f", with at most {self._most()} in a store"
        bounded = f"Bounded, {self._enough()}{most}, at {self._an_entry()}."
        return " ".join(filter(None, (self.beside.verdict(), f"{self._outcome()}.", who, bounded, self.beside.limit())))

    def tile(self) -> tuple[str, str, bool | None]:
        """Give when the process is out of memory as a few words, a note on it, and whether it is good."""
        oom, limit = self.memory.oom, self.memory.experiment.limit
        if oom.finite:
            after = "never" if self.fits else "still above the limit"
            note = "" if limit.mib else f"{limit.text()}: "
            return f"{oom.text()} → {after}", f"{note}unbounded → bounded", self.fits
        if not oom.known:
            return "not known", oom.text(), None
        if self.grows and not limit.known:
            rate = gain(oom.growth.mean).replace(" an ", "/").replace(" a ", "/").replace("/hour", "/h")
            return f"+{rate}", "unbounded; no limit given", None
        return "does not grow", "also without a bound", True

    # --- Sections of the post-mortem

    def summary(self) -> str:
        """Say what grew, and when it reached the limit."""
        growing = f", growing by {gain(self.memory.oom.growth.mean)}" if self.grows and self.memory.oom.finite else ""
        return " ".join(filter(None, (f"{self._outcome()}{growing}.", self.beside.verdict())))

    def impact(self) -> list[str]:
        """Say when the process runs out of memory, and how much the maps took."""
        memory = self.memory
        took = (
            f"Within {self._lasts()} the unbounded {self.maps} took up to {format_memory(memory.unbounded_peak_mib)}; "
            f"bounded, {self._enough()}."
        )
        would = [self.beside.limit()] if self.beside.limit() else []
        if memory.oom.finite:
            event = "ran out of memory" if memory.oom.reached else "would run out of memory"
            if not memory.experiment.limit.mib:
                event = "reached its limit" if memory.oom.reached else "would reach its limit"
            # Beside a measurement the process is what was measured, and the model is about its maps.
            who = f"By the model, with the unbounded {self.maps} alone, the process" if would else "The process"
            return [f"{who} {event} {memory.oom.text()} after its start.", took, *would]
        return [took, *would]

    def root_cause(self) -> list[str]:
        """Say who grows the maps, and why nobody removes what they leave."""
        kept, created = self.memory.never_cleaned_up(), self.memory.created()
        never = (
            f"any of {format_count(created)}" if kept == created else f"{format_count(kept)} of {format_count(created)}"
        )
        removed = f"An entry leaves only when its session is deleted, which never happened to {never}."
        blame = self.memory.growth.blame(2)
        return [f"{blame}." if blame else "", removed if kept else ""]

    def resolution(self) -> list[str]:
        """Say whether the bound holds, and what was left without one."""
        memory = self.memory
        held = (
            f"Bounded ({describe_bounds(memory.experiment.settings)})"
            + (": " if self._says_most() else f", no store held more than {self._most()}: ")
            + f"{self._enough()}."
        )
        third = memory.third_mib
        left = f"A third map was left without a bound: {format_memory(third[-1])} at the end." if third.any() else ""
        return [held, left]

    def unknown(self) -> list[str]:
        """Say what is assumed, and what is modelled."""
        experiment = self.memory.experiment
        source = "How many sessions arrive, and how many are never deleted, is assumed in the workload, not measured."
        if not experiment.simulated:
            source = f"The log covers {self._lasts()}; what comes after it is a projection from its second half."
        modelled = "" if experiment.entry.given else f", within 10 % on Go {self.memory.go_version} with GOGC=100"
        return [source, f"Memory stands on {self._an_entry()}{modelled}.", *self.beside.unknown()]

    def lesson(self) -> str:
        """Show why a map needs a cap, by numbers; empty where nothing grows."""
        if not self.grows:
            return ""
        entries = format_count(round(self.memory.growth.final))
        return (
            f"Cap: without one the {self.maps} held {entries} entries after {self._lasts()}; "
            f"bounded, a store held at most {self._most()}."
        )

    # --- The figure

    def caption(self) -> str:
        """Say what the figure shows, complete in itself."""
        memory, limit = self.memory, self.memory.experiment.limit
        band = "" if memory.experiment.entry.given else f" on Go {memory.go_version}; the band is 10 % either way"
        shown = f"Resident memory at {self._an_entry()}{band}."
        if not limit.known:
            return f"{shown} No limit is given (--memory-limit)."
        if not memory.oom.known:
            return f"{shown} There are {memory.oom.text()} when the limit of {limit.text()} is reached."
        if not memory.oom.finite:
            return f"{shown} The limit of {limit.text()} is not reached."
        if memory.oom.reached:
            return f"{shown} The cross marks where the limit of {limit.text()} is reached."
        half = format_duration(memory.experiment.first.duration / 2)
        return (
            f"{shown} The limit of {limit.text()} lies beyond the end: "
            f"the way to it, dashed, is projected from the growth of the last {half}."
        )

    def draw(self) -> Drawing | LeftOut:
        """Draw resident memory over time, unbounded and bounded, with the limit."""
        memory, first = self.memory, self.memory.experiment.first
        if not first.duration:
            return figures.ONE_INSTANT
        at = first.grid()
        unbounded, bounded = (first.sample(first.entries(design), at) for design in LIVE_DESIGNS)
        return figures.heap(
            at - first.start,
            {size: memory.footprint.resident_mib(unbounded, LEAKED, share) for size, share in memory.shares.items()},
            memory.bounded_mib(bounded),
            (find_design(LEAKED).colour, find_design(SHIPPED).colour),
            self._limit(),
            f"{self._outcome()}; bounded, {self._enough()}",
        )

    def _limit(self) -> figures.Limit | None:
        limit, oom, footprint = self.memory.experiment.limit, self.memory.oom, self.memory.footprint
        if not limit.known:
            return None
        mib = float(footprint.resident_mib(footprint.entries_at(limit, LEAKED), LEAKED))
        when = f",\n{'reached' if oom.reached else 'projected'} in {oom.text()}" if oom.finite else ""
        return figures.Limit(mib, f"limit {limit.text()}{when}", oom.first_hours * HOUR if oom.finite else None)

    # --- Parts of sentences

    def _outcome(self) -> str:
        """The verdict on the unbounded maps, without a full stop."""
        oom, limit, maps = self.memory.oom, self.memory.experiment.limit, f"unbounded {self.maps}"
        if oom.finite:
            return f"The {maps} {'reached' if oom.reached else 'would reach'} {limit.text()} in {oom.text()}"
        if not oom.known:
            return f"{oom.text()[0].upper()}{oom.text()[1:]} whether the {maps} would grow"
        if not self.grows:
            return f"The {maps} did not grow"
        return f"The {maps} gained {gain(oom.growth.mean)}" + (", not in every replication" if limit.known else "")

    def _lasts(self) -> str:
        duration = self.memory.experiment.first.duration
        return format_duration(duration) if duration else "one instant"

    def _most(self) -> str:
        """The most entries of a bounded store."""
        return Limit(entries=self.memory.peak_entries[SHIPPED]).text()

    def _enough(self) -> str:
        """The memory that the bounded stores need, or the entries where these are limited, as a clause."""
        limit, fits = self.memory.experiment.limit, "enough" if self.fits else "still above the limit"
        if limit.mib is None and limit.entries is not None:
            entries = self.memory.bounded_entries
            return f"{Limit(entries=entries).text()} {'is' if entries == 1 else 'are'} {fits}"
        return f"{format_memory(self.memory.bounded_peak_mib)} is {fits}"

    def _says_most(self) -> bool:
        """Whether that clause names the most entries of a store already."""
        return self._enough().startswith(f"{self._most()} ")

    def _an_entry(self) -> str:
        memory = self.memory
        return memory.footprint.an_entry(memory.unbounded_peak_mib, memory.unbounded_peak)
