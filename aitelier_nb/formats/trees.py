"""Trees of messages (OASST): every way from the root to a last answer is a conversation.

All conversations of a tree share turns, so they get one group and stay on one side of the split.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aitelier_nb.formats.bulk import Bulk
from aitelier_nb.formats.containers import Row
from aitelier_nb.formats.conversations import Refused, role_of, usable

__all__ = ["from_tree", "is_node", "is_tree", "joined"]

Turn = dict[str, Any]
DEEPEST = 200  # turns; deeper is no conversation


def is_tree(row: Mapping[str, Any]) -> bool:
    """Return whether a row is a whole tree."""
    return isinstance(row.get("prompt"), dict) and "replies" in row["prompt"]


def is_node(row: object) -> bool:
    """Return whether a row is one message of a tree; the first of a tree may come without a parent."""
    if not isinstance(row, dict) or not {"message_id", "text", "role"} <= set(row):
        return False
    return "parent_id" in row or "message_tree_id" in row


def from_tree(row: Mapping[str, Any], told: Counter[str]) -> list[dict[str, Any]]:
    """Return a conversation for each last answer of a tree, all of one group."""
    group = row.get("message_tree_id") or row["prompt"].get("message_id")
    grouped = {"group": group} if isinstance(group, (str, int)) else {}
    ways = list(_ways(row["prompt"], [], told))
    found = [
        {"messages": usable(turns), **grouped}
        for place, turns in enumerate(ways)  # a deleted or unanswered reply leaves what was before it, once
        if turns not in ways[:place] and not any(_goes_on(other, turns) for other in ways)
    ]
    if not found:
        raise Refused("no assistant turn is left in the tree, so there is nothing to learn", "leave it out")
    told["conversations were made from a tree, one for each last answer; they share a group"] += len(found)
    return found


def _ways(node: Any, before: list[Turn], told: Counter[str]) -> Iterator[list[Turn]]:
    if not isinstance(node, dict) or not isinstance(node.get("text"), str) or len(before) > DEEPEST:
        raise Refused("a message of the tree has no text", "give each message text and role")
    if node.get("deleted") or node.get("review_result") is False:
        told["messages that reviewers took out were left out, with what follows them"] += 1
        yield from _answered(before)
        return
    turns = [*before, {"role": role_of(node.get("role")), "content": node["text"]}]
    replies = node.get("replies") or []
    if not isinstance(replies, list):
        raise Refused("the replies of a message are no list", "give a list of messages")
    if replies:
        for reply in replies:
            yield from _ways(reply, turns, told)
    else:
        yield from _answered(turns)


def _answered(turns: list[Turn]) -> Iterator[list[Turn]]:
    """Yield the turns up to the last answer, if there is one."""
    answers = [place for place, turn in enumerate(turns) if turn["role"] == "assistant"]
    if answers:
        yield turns[: answers[-1] + 1]


def _goes_on(way: list[Turn], turns: list[Turn]) -> bool:
    """Return whether a way is these turns and more."""
    return len(way) > len(turns) and way[: len(turns)] == turns


def joined(rows: Iterable[Row | Bulk]) -> Iterator[Row | Bulk]:
    """Yield the rows; messages of trees are kept back and come at the end as whole trees.

    A message whose parent is not there comes with its fault.
    """
    nodes: dict[Any, Row] = {}
    for row in rows:
        if isinstance(row, Bulk) or not _has_name(row):
            yield row
        elif row.value["message_id"] in nodes:
            yield Row(
                row.line, row.raw, row.value, "a second message with the same message_id", "keep one of them"
            )
        else:
            nodes[row.value["message_id"]] = row
    children: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    roots = []
    for node in nodes.values():
        parent = node.value.get("parent_id")
        if parent is None or parent == "":
            roots.append(node)
        elif isinstance(parent, (str, int)) and parent in nodes:
            children[parent].append(node.value)
        else:
            yield Row(
                node.line, node.raw, node.value, "the parent of this message is not in the file", "add it"
            )
    reached: set[Any] = set()
    for root in roots:
        yield Row(root.line, root.raw, {"prompt": _grown(root.value, children, reached, 0)})
    for name, node in nodes.items():
        if name not in reached and node.value.get("parent_id") in nodes:
            yield Row(
                node.line, node.raw, node.value, "this message hangs on no tree", "give its tree a root"
            )


def _has_name(row: Row) -> bool:
    return not row.fault and is_node(row.value) and isinstance(row.value["message_id"], (str, int))


def _grown(
    node: dict[str, Any], children: Mapping[Any, list[dict[str, Any]]], reached: set[Any], depth: int
) -> dict[str, Any]:
    """Return a message with all that follows it; deeper than any conversation is left for a fault."""
    reached.add(node["message_id"])
    replies = children.get(node["message_id"], []) if depth < DEEPEST else []
    return {**node, "replies": [_grown(reply, children, reached, depth + 1) for reply in replies]}
