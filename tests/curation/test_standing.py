"""What the curation of fixed examples gives and says, to the last word and side: a stored seed draws the same for ever."""

import random

import pytest

from aitelier_nb.curation import agreement, budgets, duplicates, leaks, personal, sizes, splits, tokens
from aitelier_nb.curation.near import Held
from aitelier_nb.curation.scripts import script_of
from aitelier_nb.curation.summary import summarise
from aitelier_nb.errors import SplitError
from aitelier_nb.schema import Example

WORDS = [f"w{n}" for n in range(400)]
TEXTS = [
    "Where is my ORDER?", "where   is my order", "where is my order 2", "Straße", "STRASSE", "ﬁne", "fine", "\uff21\uff11", "a1",
    "注文はどこですか", "注文 は どこ ですか。", "", "!?", "a-b", "a b", "it's", "its", "3.14", "3,14", "e\u0301", "é", "x\u200by", "😀", "C++", "C#",
]  # fmt: skip
PRIVATE = [
    "write to ann.b+c@example.co.uk or call +49 (30) 123456-78", "(555) 123-4567", "555-123-4567", "555.123.4567",
    "00493012345678", "4111 1111 1111 1111", "4111-1111-1111-1112", "DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 01",
    "8.8.8.8", "127.0.0.1", "192.0.2.7", "300.1.1.1", "version 1.2.3.4.5", "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789",
    "order 12345678", "2026-11-22", "a@b", "@ann", "ann@example.com.", "378282246310005", "1 (555) 123-4567",
]  # fmt: skip
MODELS = [
    "gpt-4o", "gpt-4o-mini-2024-07-18", "gpt-4.1-nano", "gpt-4", "gpt-4-0613", "gpt-3.5-turbo", "gpt-3.5-turbo-0125", "o4-mini",
    "o3", "gpt-5", "ft:gpt-4o-mini:me::x", "davinci-002", "babbage-002", "chatgpt-4o-latest", "Qwen/Qwen3.5-7B", "meta-llama/Llama-3", "", None,
]  # fmt: skip


def example(number, question, **more):
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": f"answer {number}"}]
    return Example.model_validate({"id": number, "messages": turns, **more})


def rows(count=300, seed=5):
    chance = random.Random(seed)
    return [
        splits.SplitRow(
            id=n,
            rating=chance.choice([None, *range(1, 11), 9, 10]),
            split=chance.choice([None] * 8 + ["train", "val"]),
            group=chance.choice([None] * 9 + ["g1", "g2", 3]),
            key=f"k{chance.randint(1, 280)}",
        )
        for n in range(1, count + 1)
    ]


def near():
    chance = random.Random(3)
    held = [chance.choices(WORDS, k=chance.randint(3, 60)) for _ in range(40)]
    texts = []
    for words in held:
        for share in (0, 0.05, 0.1, 0.2, 0.4):
            changed = list(words)
            for place in chance.sample(range(len(words)), round(share * len(words))):
                changed[place] = f"new{chance.randint(0, 9)}"
            texts.append(changed)
        texts.append(chance.choices(WORDS, k=9) + words + chance.choices(WORDS, k=50))
        texts.append(words[: len(words) // 2])
    return held, texts


def refused(work):
    with pytest.raises(SplitError) as error:
        work()
    return [str(error.value), error.value.hint]


def test_a_seed_draws_the_same_sides(standing):
    found = {}
    for name, words in {
        "ratio": {"seed": 42},
        "another seed": {"seed": 43},
        "half": {"seed": 42, "ratio": 0.5},
        "holdout": {"seed": 42, "holdout": 12},
        "locked keys": {"seed": 42, "locked_keys": {"k5", "k6", "k7", "k8"}},
    }.items():
        done = splits.assign(rows(), threshold=8, **words)
        found[name] = [done.to_json(), done.splits, done.notes, done.shortage]
    few = [splits.SplitRow(id=n, rating=9) for n in (1, 2, 3)]
    done = splits.assign(few, threshold=8, seed=1)
    found["few"] = [done.to_json(), done.splits, done.notes, done.shortage]
    found["one"] = refused(lambda: splits.assign(few[:1], threshold=8, seed=1))
    found["none"] = refused(lambda: splits.assign(few, threshold=9.5, seed=1))
    for ratio in (0, 1, 1.5, -0.1):
        found[f"ratio {ratio}"] = refused(
            lambda ratio=ratio: splits.assign(few, threshold=8, seed=1, ratio=ratio)
        )
    for holdout in (0, 3, 9, -1):
        found[f"holdout {holdout}"] = refused(
            lambda n=holdout: splits.assign(few, threshold=8, seed=1, holdout=n)
        )
    standing("sides", found)


def test_near_texts_and_their_shares_stand(standing):
    held, texts = near()
    found = [[one.text, one.held, one.share] for one in Held(held).near(texts)]
    train = [example(n, " ".join(words), group=n % 50 or None) for n, words in enumerate(texts, 1000)]
    kept = [example(n, " ".join(words), group=n if n in (7, 8) else None) for n, words in enumerate(held, 1)]
    leaky = {number: [leak.kind, leak.held, leak.overlap] for number, leak in leaks.find(train, kept).items()}
    standing("near", {"texts": found, "examples": leaky})


def test_keys_personal_data_tokens_and_scripts_stand(standing):
    turns = {text: [{"role": "user", "content": text}] for text in TEXTS}
    examples = [example(n, text) for n, text in enumerate(TEXTS, 1)]
    counted = {
        model: tokens.count(examples, model=model) for model in ("gpt-4o", "gpt-3.5-turbo", "unknown", None)
    }
    standing(
        "texts",
        {
            "normalised": {text: duplicates.normalise(text) for text in TEXTS},
            "words": {text: duplicates.words(text) for text in TEXTS},
            "keys": {text: duplicates.key(messages) for text, messages in turns.items()},
            "groups": duplicates.groups((text, duplicates.key(messages)) for text, messages in turns.items()),
            "personal": {
                text: [list(map(list, [personal.find(text)])), personal.masked(text)] for text in PRIVATE
            },
            "scripts": {
                text: script_of(text) for text in [*TEXTS, "Где?", "ελ", "مرحبا", "שלום", "한국", "हिन्दी"]
            },
            "encodings": {
                str(model): [tokens.encoding_of(model), tokens.limit_of(model)] for model in MODELS
            },
            "encodings at OpenAI": {str(model): tokens.encoding_of(model, "openai") for model in MODELS},
            "tokens": {
                str(model): [one.method, one.counts, one.total, one.over(9), one.over(10)]
                for model, one in counted.items()
            },
        },
    )


def test_sizes_budgets_and_agreement_stand(standing):
    counted = tokens.Tokens([5, 50, 500, 7], "o200k_base", [1, 2, 3, 4])
    asked = {
        "plain": {},
        "limit": {"limit": 50},
        "lower limit": {"limit": 49},
        "epochs": {"epochs": 3},
        "price": {"price": 2.5},
        "all": {"limit": 50, "epochs": 4, "price": 0.48},
    }
    made = {name: budgets.budget(counted, [1, 2, 3], **words) for name, words in asked.items()}
    units = [{"a": 1, "b": 2}, {"a": 10, "b": 9, "c": 9}, {"a": 5}, {"b": 3, "c": 3}, {}]
    standing(
        "sizes",
        {
            "shortages": {str(n): sizes.shortage(n) for n in (0, 1, 2, 5, 6, 22, 23, 60)},
            "would": sizes.shortage(4, "would hold"),
            "budgets": {name: [one.to_json(), list(one.sentences())] for name, one in made.items()},
            "nothing": budgets.budget(tokens.Tokens([], "estimate"), []).to_json(),
            "agreement": {
                level: agreement.alpha(units, level) for level in ("nominal", "ordinal", "interval")
            },
            "agreement of one": agreement.alpha([{"a": 1}, {"b": 2}]),
            "agreement on one value": agreement.alpha([{"a": 1, "b": 1}, {"a": 1, "b": 1}]),
        },
    )


def test_the_summary_of_fixed_examples_stands(standing):
    chance = random.Random(11)
    held, texts = near()
    system = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
    ]
    many = [
        example(
            n,
            " ".join(words),
            rating=chance.choice([None, 3, 8, 9]),
            split=chance.choice([None, "train", "val"]),
            ratings={"ann": chance.randint(1, 10), "bob": chance.randint(1, 10)} if n % 9 == 0 else None,
        )
        for n, words in enumerate([*held, *texts], 1)
    ]
    mixed = [*many, Example.model_validate({"id": 999, "messages": system, "rating": 10, "flagged": True})]
    found = {}
    for name, examples, threshold in (
        ("many", many, 8),
        ("mixed", mixed, 8.5),
        ("none", [], 8),
        ("unrated", many[:1], 8),
        ("few", [example(n, f"q {n}", rating=9) for n in range(1, 6)], 8),
        ("ready", [example(n, f"q {n}", rating=9) for n in range(1, 41)], 8),
        ("weak", [example(n, f"q {n}", rating=2) for n in range(1, 41)], 8),
    ):
        summary = summarise(examples, threshold)
        found[name] = [summary.to_json(), summary.sentences(), summary.next_step, summary.ready]
    standing("summaries", found)
