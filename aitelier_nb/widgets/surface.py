"""What all widgets share: messages in, acknowledgements out, and a static twin that needs no kernel.

Texts travel in custom messages only. A synced trait would be written into the saved notebook.
"""

from __future__ import annotations

import html
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import anywidget

from aitelier_nb.errors import AitelierError, DataError

__all__ = ["Static", "Surface"]

KEPT = 10_000  # acknowledgements that are remembered, for decisions that are sent twice
SELDOM = 2.0  # seconds between two updates of the static twin while decisions come in; a pause brings one too

Message = dict[str, Any]


class Static:
    """Lines of text that show themselves the same way as text and as HTML.

    `markup` is used as it is instead of the lines; whoever gives it has escaped every text in it.
    """

    def __init__(self, lines: Sequence[str], markup: str = "") -> None:
        self.lines, self.markup = tuple(lines), markup

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        rows = self.markup or "".join(f"<div>{html.escape(line)}</div>" for line in self.lines)
        return f'<div class="aitelier-static">{rows}</div>'


class Surface(anywidget.AnyWidget):
    """Base of the widgets.

    A subclass answers `welcome` (what a new view needs), `decide` (one decision of a person) and
    `lines` (the state as text). `decide` may run on another thread while a cell runs, so what it
    calls has to lock what it changes.
    """

    name: ClassVar[str] = "Widget"

    def __init__(self) -> None:
        super().__init__()
        self._guard = threading.RLock()
        self._acks: OrderedDict[tuple[str, int], Message] = OrderedDict()
        self._handles: list[Any] = []
        self._refreshed = 0.0
        self.on_msg(self._receive)
        self._leave_the_shell_open()

    def _leave_the_shell_open(self) -> None:
        """Let messages of the page be taken while a cell runs, from the first one on.

        ipykernel 7.4 sends what a page says to the shell that spoke to it last, which is the main
        one, busy with the cells below, until the first answer; without that memory it goes where
        the page asked for, to a subshell.
        """
        if self.comm is not None:
            self.comm.__dict__.pop("_reply_subshell_id", None)

    def welcome(self, message: Message) -> Message:
        """Return what a view needs to begin."""
        raise NotImplementedError

    def fetch(self, message: Message) -> Message:
        """Return what a view asks for without deciding anything."""
        raise NotImplementedError

    def decide(self, edit: Message) -> Mapping[str, Any] | None:
        """Carry out one decision; what is returned goes back with the acknowledgement."""
        raise NotImplementedError

    def together(self) -> AbstractContextManager[object]:
        """Return a block in which several decisions may be put on the disk at once; they are at its end."""
        return nullcontext()

    def lines(self) -> list[str]:
        """Return the state as it is on disk: equal state, equal lines."""
        raise NotImplementedError

    def static(self) -> Static:
        """Return what stays readable without a kernel."""
        return Static(self.lines())

    def _receive(self, _widget: object, message: Message, _buffers: object = None) -> None:
        kind = message.get("kind")
        if kind == "hello":
            self._say("hello", message, self._answered(self.welcome, message))
        elif kind == "fetch":
            self._say("page", message, self._answered(self.fetch, message))
        elif kind == "settled":
            self.refresh()
        elif kind == "decisions":
            edits = [edit for edit in message.get("edits") or () if isinstance(edit, dict)]
            self._acknowledge(message, edits)
        else:
            self._acknowledge(message, [message])

    def _answered(self, answer: Callable[[Message], Message], message: Message) -> Message:
        """Return an answer, or why there is none: what went wrong belongs into the page."""
        try:
            return answer(message)
        except AitelierError as error:
            return _refusal(error)

    def _acknowledge(self, message: Message, edits: Sequence[Message]) -> None:
        """Carry out decisions in their order; those that came in one message are answered in one."""
        faults: list[Exception] = []
        with self._guard:
            acks = self._carried_out(edits, faults)
            if edits and edits[0] is message:
                self._say("ack", message, acks[0])
            else:
                self._say("acks", message, _joined(edits, acks))
        if faults:
            raise faults[0]
        if any(ack["ok"] for ack in acks) and time.monotonic() - self._refreshed > SELDOM:
            self.refresh()

    def _carried_out(self, edits: Sequence[Message], faults: list[Exception]) -> list[Message]:
        if len(edits) == 1:
            return [self._acknowledged(edits[0], faults)]
        fresh = [key for key in map(_key_or_none, edits) if key is not None and key not in self._acks]
        try:
            with self.together():
                return [self._acknowledged(edit, faults) for edit in edits]
        except AitelierError as error:  # the disk took none of those that are new
            self._acks.update(dict.fromkeys(fresh, _refusal(error)))
            return [self._acknowledged(edit, faults) for edit in edits]

    def _acknowledged(self, edit: Message, faults: list[Exception]) -> Message:
        """Return the answer to one decision; when it comes again, the answer that it got."""
        try:
            key = _key(edit)
        except DataError as error:
            return _refusal(error)
        ack = self._acks.get(key) or self._decided(edit, faults)
        self._acks[key] = ack
        while len(self._acks) > KEPT:
            self._acks.popitem(last=False)
        return ack

    def _decided(self, edit: Message, faults: list[Exception]) -> Message:
        try:
            return {"ok": True, **(self.decide(edit) or {})}
        except AitelierError as error:
            return _refusal(error)
        except Exception as error:  # noqa: BLE001
            # The person must see that nothing was saved; the stack goes to the kernel's log afterwards.
            faults.append(error)
            return {"ok": False, "error": f"{type(error).__name__}: {error}", "hint": ""}

    def send(self, content: Any, buffers: Any = None) -> None:
        """Send a message to every view."""
        super().send(content, buffers)
        self._leave_the_shell_open()

    def _say(self, kind: str, to: Message, content: Mapping[str, Any]) -> None:
        self.send({**content, "kind": kind, **_address(to)})

    def refresh(self) -> None:
        """Bring the static twin of every view up to date."""
        self._refreshed = time.monotonic()
        static = self.static()
        for handle in self._handles:
            handle.update(static)

    def __repr__(self) -> str:
        return f"{self.name}: {self.lines()[0]}"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return the live view; its text names no state, for it is frozen when the cell has run."""
        bundle = super()._repr_mimebundle_(**options)
        mimes = bundle[0] if isinstance(bundle, tuple) else bundle
        if mimes is not None:
            mimes["text/plain"] = self.name
        return bundle

    def _ipython_display_(self, **_: Any) -> None:
        """Show the live view and, as an output of its own, the static twin."""
        from IPython.display import display, publish_display_data

        bundle = self._repr_mimebundle_()
        mimes, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        publish_display_data(mimes or {"text/plain": self.name}, metadata)
        handle = display(self.static(), display_id=True)
        if handle is not None:
            self._handles.append(handle)


def _address(message: Message) -> Message:
    return {"session": message.get("session"), "seq": message.get("seq")}


def _refusal(error: AitelierError) -> Message:
    return {"ok": False, "error": str(error), "hint": error.hint}


def _joined(edits: Sequence[Message], acks: Sequence[Message]) -> Message:
    """Return one answer to several decisions; the numbers that the view shows are those after the last."""
    told = [{key: value for key, value in ack.items() if key != "counts"} for ack in acks]
    counts = [ack["counts"] for ack in acks if "counts" in ack]
    found = {"acks": [{**ack, **_address(edit)} for edit, ack in zip(edits, told, strict=True)]}
    return {**found, "counts": counts[-1]} if counts else found


def _key_or_none(edit: Message) -> tuple[str, int] | None:
    try:
        return _key(edit)
    except DataError:
        return None


def _key(edit: Message) -> tuple[str, int]:
    session, seq = edit.get("session"), edit.get("seq")
    if isinstance(session, str) and session and isinstance(seq, int):
        return session, seq
    raise DataError(
        f"a decision came without its number: session {session!r}, seq {seq!r}", hint="run the cell again"
    )


def whole(edit: Message, key: str, low: int, high: int) -> int:
    """Return a whole number of a decision, or say what came instead."""
    value = edit.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    raise DataError(f"{key} is {value!r}, not a whole number from {low} to {high}", hint="rate again")
