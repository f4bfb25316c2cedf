"""Every rule of a training file: how much it weighs for which provider, and where it is written.

To add one: a line here, and a `Fault` of that name where the rules are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = ["PROVIDERS", "RULES", "Fault", "Limits", "limits_of", "severity_of", "source_of"]

Severity = Literal["error", "warning"]

PROVIDERS = ("together", "openai", "fireworks", "trl", "local")

SDK = "together 2.14.0, check_file"
SDK_1 = "together 1.5.35, check_file, and Together's data preparation guide"
OPENAI = "OpenAI API document of 2025-04-29, FineTuneChatRequestInput"
OPENAI_DPO = "OpenAI API document of 2025-04-29 and preference guide"
OPENAI_GUIDE = "OpenAI supervised fine-tuning guide"
VISION = "OpenAI vision fine-tuning guide"
FIREWORKS = "Fireworks supervised fine-tuning guide"
TRL = "TRL dataset formats"
JSONL = "JSON Lines, RFC 8259"
OURS = "this package: the file is accepted, the data is poor"


class Fault(NamedTuple):
    """A rule that a line breaks, in words, with the remedy."""

    rule: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Limits:
    """What a provider counts: lines, bytes, roles, pictures, tools.

    `fewest` is the number of lines below which it refuses, or, where it would not, below which we warn.
    `turned` says whether a prompt and a completion may be lists of turns.
    """

    fewest: int = 10
    most_bytes: int | None = None
    roles: frozenset[str] = frozenset({"system", "user", "assistant", "tool"})
    pictures: bool = True
    tools: bool = True
    linked_images: bool = False
    turned: bool = False


MOST_IMAGES = 10
MOST_IMAGE_BYTES = 10 * 2**20

LIMITS = {
    "together": Limits(most_bytes=int(50.1 * 2**30)),
    "openai": Limits(
        most_bytes=512 * 10**6,
        roles=frozenset({"system", "developer", "user", "assistant", "tool", "function"}),
        linked_images=True,
    ),
    "fireworks": Limits(fewest=3),
    "trl": Limits(turned=True),
    "local": Limits(roles=frozenset({"system", "user", "assistant"}), pictures=False, tools=False),
}


@dataclass(frozen=True)
class Rule:
    """Who refuses what breaks it, who only suffers from it, and where it is written."""

    errors: frozenset[str]
    warnings: frozenset[str]
    source: str


def _rule(errors: str = "", warnings: str = "", source: str = OURS) -> Rule:
    """Return a rule from words: provider names, "all", or "others" for those not named before."""
    refusing = frozenset(PROVIDERS if errors == "all" else errors.split())
    rest = frozenset(PROVIDERS) - refusing
    return Rule(refusing, rest if warnings in ("all", "others") else frozenset(warnings.split()), source)


RULES = {
    # the file
    "file_extension": _rule("all", source=SDK),
    "empty_file": _rule("all", source=SDK),
    "file_too_large": _rule("together openai", source=f"{SDK}; OpenAI files guide"),
    "too_few_examples": _rule("openai fireworks", "others", f"OpenAI (invalid_n_examples); {FIREWORKS}"),
    "byte_order_mark": _rule("together", "others", SDK),
    "not_utf8": _rule("all", source=SDK),
    "mixed_kinds": _rule("all", source=SDK),
    "wrong_kind": _rule("all", source="the kind that was asked for"),
    # a line
    "blank_line": _rule("together", "others", SDK),
    "carriage_return": _rule("all", source=SDK),
    "not_json": _rule("all", source=JSONL),
    "not_a_number": _rule("openai fireworks trl local", "others", JSONL),
    "not_object": _rule("all", source=SDK),
    "unknown_format": _rule("all", source=f"{SDK}; {OPENAI}"),
    "extra_column": _rule("together", "others", SDK),
    # messages
    "messages_not_list": _rule("all", source=SDK),
    "messages_empty": _rule("all", source=SDK),
    "message_not_object": _rule("all", source=SDK),
    "role_missing": _rule("all", source=SDK),
    "role_unknown": _rule("all", source=f"{SDK}; {OPENAI}"),
    "same_role_twice": _rule("together fireworks local", "others", SDK_1),
    "starts_with_assistant": _rule("", "all", "Together's data preparation guide"),
    "system_not_first": _rule("fireworks local", "others", FIREWORKS),
    "ends_with_user": _rule("", "all"),
    "no_assistant": _rule("all", source=SDK),
    "content_missing": _rule("all", source=SDK),
    "assistant_says_nothing": _rule("openai local", "others", f"{OPENAI}; {SDK} lets it pass"),
    "content_null": _rule("all", source=SDK_1),
    "content_type": _rule("all", source=SDK),
    "content_empty": _rule("openai local", "others", OPENAI_GUIDE),
    "content_no_parts": _rule("openai local", "others", OPENAI),
    "content_blank": _rule("", "all"),
    "unknown_message_key": _rule("openai", "others", OPENAI),
    # parts and pictures
    "part_not_object": _rule("all", source=SDK),
    "part_type": _rule("all", source=f"{SDK}; {OPENAI}"),
    "part_text": _rule("all", source=SDK),
    "image_role": _rule("all", source=f"{SDK}; {VISION}"),
    "image_url": _rule("all", source=SDK),
    "image_link": _rule("all", source=f"{SDK}; {VISION}"),
    "image_size": _rule("all", source=f"{SDK}; {VISION}"),
    "too_many_images": _rule("all", source=f"{SDK}; {VISION}"),
    "image_weight": _rule("together", source=SDK),
    "mixed_parts": _rule("together", source=SDK),
    # weights
    "weight_type": _rule("all", source=f"{SDK}; {OPENAI}"),
    "weight_boolean": _rule("openai fireworks local", "others", OPENAI),
    "weight_value": _rule("all", source=f"{SDK}; {OPENAI}"),
    "weight_role": _rule("openai", "others", OPENAI),
    "weights_all_zero": _rule("", "all"),
    # tools
    "tools_shape": _rule("openai", "others", OPENAI),
    "tool_call_shape": _rule("openai", "others", OPENAI),
    "tool_call_arguments": _rule("openai", "together fireworks", OPENAI),
    "tool_call_id_missing": _rule("openai", "together fireworks", OPENAI),
    "tool_without_call": _rule("openai", "together fireworks", OPENAI),
    "tools_unsupported": _rule("local", source="the embedded trainer learns texts only"),
    "function_name": _rule("openai", "others", OPENAI),
    "parallel_tool_calls": _rule("openai", source=OPENAI),
    # other shapes
    "text_type": _rule("all", source=SDK),
    "preference_input": _rule("all", source=f"{SDK}; {OPENAI_DPO}"),
    "preference_ends_with_assistant": _rule("together openai fireworks", "others", SDK),
    "preference_output": _rule("all", source=f"{SDK}; {OPENAI_DPO}"),
    "preference_identical": _rule("", "all"),
    "label_type": _rule("all", source=TRL),
    # poor data
    "only_assistant": _rule("", "all"),
    "duplicate_keys": _rule("", "all"),
    "duplicate_line": _rule("", "all"),
    "nul_character": _rule("", "all"),
    "lone_surrogate": _rule("", "all"),
    "mixed_system_prompts": _rule("", "all"),
    "personal_data": _rule("", "all"),
    "too_long": _rule("", "all", f"{OPENAI_GUIDE}: what is too long is cut off at its end"),
}


def severity_of(rule: str, provider: str) -> Severity | None:
    """Return how much a rule weighs for a provider; None where it does not count."""
    known = RULES[rule]
    if provider in known.errors:
        return "error"
    return "warning" if provider in known.warnings else None


def source_of(rule: str) -> str:
    """Return where a rule is written."""
    return RULES[rule].source


def limits_of(provider: str) -> Limits:
    """Return what a provider counts; those of the safe intersection for one that is not known."""
    return LIMITS.get(provider, LIMITS["local"])
