import pytest

from aitelier_nb.curation.personal import find, masked


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to ada.lovelace+x@mail.example.org.", "mail address"),
        ("call +49 30 901820 today", "phone number"),
        ("call (555) 123-4567", "phone number"),
        ("or 555-123-4567!", "phone number"),
        ("card 4111 1111 1111 1111", "card number"),
        ("IBAN DE89 3704 0044 0532 0130 00", "account number"),
        ("from 8.8.8.8", "IP address"),
        ("key sk-abcdefghijklmnop1234", "key"),
    ],
)
def test_personal_data_is_found_by_kind(text: str, kind: str):
    assert [found.kind for found in find(text)] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "order 2026-11-22 10:30 and 4111 1111 1111 1112",
        "version 1.2.3.4.5, 999.1.1.1, @home, a@b",
        "from 12 to 345 and 1234567890123",
        "2026-02-20T12:54:42.123456+00:00",
        "DE00 3704 1144 0532 0130 00",
        "127.0.0.1",
        "0000 0000 0000 0000",
    ],
)
def test_what_is_no_personal_data_is_left_alone(text: str):
    assert find(text) == []


def test_masking_names_the_kind_and_keeps_the_rest():
    assert masked("Mail a@b.org or c@d.org.") == "Mail [mail address] or [mail address]."
