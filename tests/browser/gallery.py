"""One of each widget over a few made-up examples, for looking at; a notebook cell imports it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aitelier_nb.progress import Progress, shown_by
from aitelier_nb.widgets import Adder, Comparator, JobMonitor, Rater, Scorer, SplitView, Table
from aitelier_nb.widgets.bar import notebook

ANSWER = (
    "Thanks for writing in. Order 1042 left our warehouse this morning; you will have it by Friday.\n\n"
    "Is there anything else that we can do?"
)
OTHERS = [
    "注文番号1042は今朝発送されました。",
    "طلبك رقم 1042 غادر المستودع هذا الصباح.",
    "ההזמנה שלך יצאה הבוקר.",
]
SYSTEM = {"role": "system", "content": "You answer for a small shop. Be brief and kind."}


def example(place: int) -> dict[str, Any]:
    answer = ANSWER if place % 4 == 0 else OTHERS[place % 3]
    asked = {"role": "user", "content": f"Where is my order {1000 + place}?"}
    more: dict[str, Any] = {}
    if place % 4 == 0:
        more = {"findings": ["2 other examples ask nearly the same"], "tags": ["shipping"], "n_tokens": 41}
        more |= {"note": "Ask Anna about the tone.", "originalOutput": ANSWER.replace("Friday", "Monday")}
    messages = [SYSTEM, asked, {"role": "assistant", "content": answer}]
    return {"id": place + 1, "version": 1, "rating": 7 if place == 0 else None, "messages": messages, **more}


def page(start: int, n: int) -> list[dict[str, Any]]:
    return [example(place) for place in range(start, min(40, start + n))]


def nothing(_: dict[str, Any]) -> dict[str, Any]:
    return {}


def pairs(start: int, n: int) -> list[dict[str, Any]]:
    asked = [SYSTEM, {"role": "user", "content": "Where is my order?"}]
    other = "Your order has been shipped and should arrive on Friday."
    return [
        {"id": place + 1, "messages": asked, "left": ANSWER, "right": other}
        for place in range(start, min(30, start + n))
    ]


def answers(start: int, n: int) -> list[dict[str, Any]]:
    return [
        {
            "id": row["id"],
            "messages": row["messages"],
            "expected": row["left"],
            "actual": row["right"],
            "label": "tuned",
            "checks": ["length: under 200 characters, yes", "contains 'order', yes"],
        }
        for row in pairs(start, n)
    ]


def rows(query: dict[str, Any], start: int, n: int) -> dict[str, Any]:
    found = [
        place for place in range(100_000) if str(query.get("text") or "") in f"Where is my order {place}?"
    ]
    if query.get("descending"):
        found.reverse()
    return {
        "total": len(found),
        "rows": [
            {
                "id": place + 1,
                "rating": place % 10 + 1,
                "split": (None, "train", "val")[place % 3],
                "input": f"Where is my order {place}?",
                "output": ANSWER,
                "n_chars": len(ANSWER),
            }
            for place in found[start : start + n]
        ],
    }


def opened(name: int) -> dict[str, Any]:
    edit = {"at": "2026-11-22T10:00:00.000Z", "by": "anna", "kind": "rate", "before": {"rating": None}}
    return {"example": example((name - 1) % 40) | {"id": name}, "history": [{**edit, "after": {"rating": 7}}]}


def split(ratio: float | None) -> dict[str, Any]:
    share = ratio or 0.8
    strata = [
        {
            "rating": rating,
            "train": round(total * share),
            "val": total - round(total * share),
            "unassigned": 3 if rating == 9 else 0,
            "quota": f"{total * (1 - share):.1f}",
        }
        for rating, total in ((8, 60), (9, 40), (10, 12))
    ]
    sums = {part: sum(one[part] for one in strata) for part in ("train", "val", "unassigned")}
    return {**sums, "ratio": share, "strata": strata, "changes": True, "notes": ["Validation is locked."]}


def job() -> dict[str, Any]:
    losses = [[step, 2.4 * 0.97**step + 0.05 * (step % 3)] for step in range(1, 41)]
    facts = {"model": "SmolLM2-135M-Instruct", "epochs": 3, "time left": "about 2 minutes"}
    running = {"line": "running, step 40 of 96, loss 0.71", "ended": False, "step": 40, "total_steps": 96}
    return {**running, "losses": losses, "facts": facts}


def gallery() -> Iterator[Any]:
    """Yield one of each."""
    yield Rater(
        page, nothing, total=40, rated=1, guideline="8 means: send it as it is.", next_step="ait.split()"
    )
    yield Comparator(pairs, nothing, total=30, question="Which answer would you rather send?")
    yield Scorer(answers, nothing, total=30)
    yield Table(rows, opened, nothing)
    yield SplitView(split, split)
    yield Adder(lambda messages, rating: "Added as example 41.", lambda text: "Added 3 examples.")
    yield JobMonitor(job, lambda: None)


def work(total: int = 40) -> None:
    """Do some long work."""
    with shown_by(notebook()), Progress("answers", total) as progress:
        for _ in range(total):
            progress.advance()
