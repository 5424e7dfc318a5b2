"""Names of an export stand nowhere in what a role is shown that may not see them."""

from __future__ import annotations

import pytest

from lymphorisk.report.withheld import cleaner, withheld
from lymphorisk.report.wording import short


@pytest.mark.parametrize(
    "name", ["山田", "李", "Ив", "Smith\tJohn", "Smith  John", "Smith\nJohn", "O'Neil", "<Smith>", "Smith & Co"]
)
def test_a_name_goes_in_every_form_that_a_page_may_print(name: str) -> None:
    from html import escape

    for form in (name, short(name)):
        for written in (escape(form), escape(form, quote=False)):
            made = withheld(f'<p title="{escape(form)}">ROI {written}: empty</p>', {name: "ROI 3"})
            assert made == '<p title="ROI 3">ROI ROI 3: empty</p>'
        assert cleaner({name: "ROI 3"})(f"ROI {form!s}, empty") == "ROI ROI 3, empty"


def test_a_name_of_another_script_goes_inside_a_word() -> None:
    assert cleaner({"山田": "ROI 1"})("肺山田左") == "肺ROI 1左"


@pytest.mark.parametrize("name", ["AB", "Q", "x1"])
def test_a_short_name_goes_where_it_is_quoted_or_follows_its_number(name: str) -> None:
    """Initials, that stand in too many words to go everywhere; with its number it goes wherever it stands."""
    names = {name: "ROI 9", f"{name} (ROI 9)": "ROI 9"}
    page = (
        f'<p title="stands for {name} (ROI 9)">&#39;{name}&#39; and &quot;{name}&quot;, ROI 9 {name}: empty</p>'
        f"<p>none claimed: {name} (ROI 9), Heart</p><p>12 {name} of don't {name}</p>"
    )
    made = withheld(page, names)
    assert made == (
        '<p title="stands for ROI 9">&#39;ROI 9&#39; and &quot;ROI 9&quot;, ROI 9 ROI 9: empty</p>'
        f"<p>none claimed: ROI 9, Heart</p><p>12 {name} of don't {name}</p>"
    )
    assert cleaner(names)(f"'{name}' is no organ; ROI 9 {name!r}") == "'ROI 9' is no organ; ROI 9 'ROI 9'"


@pytest.mark.parametrize("name", ["PT", "1", "12", "123", "  ", "·", "--"])
def test_what_says_nothing_of_anybody_stays(name: str) -> None:
    page = f"<p>PT of 123 in 12 -- {name} · 1</p>"
    assert withheld(page, {name: "ROI 9"}) == page


def test_a_long_name_goes_where_a_message_cuts_it() -> None:
    name = "Smith_John_" + "x" * 60
    for shown in (name, short(name, 50), name[:45] + "…"):
        assert "Smith" not in cleaner({name: "ROI 4"})(f"'{shown}' is empty")


def test_the_longest_name_is_taken_first() -> None:
    made = cleaner({"Smith": "ROI 1", "Smith Heart": "Heart"})("Smith Heart and Smith")
    assert made == "Heart and ROI 1"
