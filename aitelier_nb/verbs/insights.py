"""What a reviewer should know of an example beside its text: its tokens, its faults, its duplicates."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from aitelier_nb.curation import duplicates, tokens
from aitelier_nb.errors import AitelierError
from aitelier_nb.formats import rulebook
from aitelier_nb.formats.rows_rules import row_faults
from aitelier_nb.schema import Example
from aitelier_nb.storage.project import Project

__all__ = ["Insights"]

SOON = 0.15  # seconds that the first page waits for the search for duplicates
SHORT = 10_000  # examples; a search among more takes longer, and the first page does not wait for it
BREATH = 25  # examples after which the search looks whether somebody is at work: pages and keys come first
QUIET = 0.3  # seconds without a page or a key after which it goes on, once the first page no longer waits
NAMED = 5  # duplicates that are named; the rest is counted


class Insights:
    """Looks at single examples at once, and for duplicates among all of them beside everything else.

    Parameters
    ----------
    project
        Whose examples.

    Attributes
    ----------
    onknown
        Called, in a thread, once the duplicates are known although pages went out without them.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self.onknown: Callable[[], None] | None = None
        self._known = threading.Event()
        self._search: threading.Thread | None = None
        self._twins: dict[int, list[int]] = {}
        self._asked = 0.0

    def of(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """Return {"findings", "n_tokens" or "about_tokens"} for each example."""
        self._asked = time.monotonic()
        self._look()
        config = self._project.config
        counted = tokens.count(examples, model=config.model, provider=config.provider, threads=1)
        name = "about_tokens" if counted.method == "estimate" else "n_tokens"
        return [
            {"findings": [*self._duplicates(one), *self._faults(one)], name: number}
            for one, number in zip(examples, counted.counts, strict=True)
        ]

    def _faults(self, example: Example) -> list[str]:
        """Say what the provider would refuse or warn of in this example's training line."""
        name = self._project.config.provider
        provider = name if name in rulebook.PROVIDERS else "local"
        row = {"messages": [message.to_json() for message in example.messages]}
        faults = row_faults(row, provider, rulebook.limits_of(provider))
        return [f"{fault.message}: {fault.remedy}" for fault in faults]

    def _duplicates(self, example: Example) -> list[str]:
        twins = [name for name in self._twins.get(example.id, ()) if name != example.id]
        if not twins:
            return []
        more = f" and {len(twins) - NAMED} more" if len(twins) > NAMED else ""
        return [f"asks the same as example {', '.join(map(str, twins[:NAMED]))}{more}"]

    def _look(self) -> None:
        if self._search is None:
            self._search = threading.Thread(target=self._find, name="aitelier-duplicates", daemon=True)
            self._search.start()
            self._known.wait(self._patience())

    def _patience(self) -> float:
        """Return for how long the search and the first page wait for each other."""
        return SOON if len(self._project.dataset) <= SHORT else 0

    def _give_way(self) -> None:
        while (left := self._asked + QUIET - time.monotonic()) > 0:
            time.sleep(left)

    def _find(self) -> None:
        begun, patience = time.monotonic(), self._patience()
        found: dict[str, list[int]] = defaultdict(list)
        try:
            for place, example in enumerate(self._project.dataset.examples()):
                found[duplicates.key(example.messages)].append(example.id)
                if place % BREATH == 0 and time.monotonic() - begun > patience:
                    self._give_way()
        except (AitelierError, OSError):  # closed or moved away meanwhile: the cards stay without it
            return
        self._twins = {name: names for names in found.values() if len(names) > 1 for name in names}
        self._known.set()
        if self._twins and self.onknown is not None and time.monotonic() - begun > patience:
            self.onknown()
