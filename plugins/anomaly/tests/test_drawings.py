import json
import re
from html.parser import HTMLParser

import pytest

from hub_anomaly import drawings

MADE = {
    "rows": 1_780,
    "learned": {"count": 1_780, "scores": [-1.0, 0.0, 1.0]},
    "seconds": 3.21,
    "notes": ["name is left away: 9 different texts in 9 rows", "the rest <stays>"],
}
JUDGED = {
    "auroc": 97.31,
    "ap": 88.0,
    "scores": {
        "anomalous": {"count": 2, "scores": [1.0, 3.0]},
        "usual": {"count": 3, "scores": [-1.0, 0.0, 0.5]},
    },
}
PLAIN = {"auroc": None, "ap": None, "scores": {"new": {"count": 0, "scores": []}}}


def compared(code=90.0, reconstruction=80.0):
    ap = {"code": code, "ours": 91.5, "reconstruction": reconstruction, "kNN": 85.0, "input": 86.0}
    results = [
        {"detector": name, "auroc": 99 - i, "ap": value, "seconds": None if i else 1.5}
        for i, (name, value) in enumerate(ap.items())
    ]
    return {"rows": 178, "judged": 2_391, "results": results}


class Checker(HTMLParser):
    """Fails where elements are not closed in their order."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def well_formed(html):
    checker = Checker()
    checker.feed(html)
    assert not checker.open
    return html


def text_of(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_numbers_have_a_real_minus_and_what_cannot_be_told_a_dash():
    assert drawings.number(-1_234.56) == "−1,234.6"
    assert drawings.number(None) == "–"
    assert drawings.number(0.5, 2) == "0.50"


def test_what_a_visitor_brought_is_no_html():
    assert "<b>" not in drawings.empty("<b>")
    assert "<script>" not in well_formed(drawings.problem("column '<script>' is not there"))
    assert "&lt;stays&gt;" in well_formed(drawings.learned(MADE, JUDGED))


def test_a_detector_is_told_with_its_measures_and_notes():
    told = text_of(drawings.learned(MADE, JUDGED))
    assert told.startswith("97.3 % AUROC 88.0 % average precision 1,780 rows learned in 3.2 s")
    assert told.endswith("name is left away: 9 different texts in 9 rows; the rest &lt;stays&gt;.")
    told = text_of(drawings.learned(MADE | {"notes": []}, PLAIN))
    assert told == "1,780 rows learned in 3.2 s"
    assert text_of(drawings.facts()) == ""


def test_lanes_are_in_their_order_and_none_is_empty():
    found = drawings.lanes(MADE, JUDGED)
    assert [one["key"] for one in found] == ["learned", "usual", "anomalous"]
    assert found[2] == {
        "key": "anomalous", "name": "Anomalies", "count": 2, "scores": [1.0, 3.0],
    }  # fmt: skip
    assert [one["key"] for one in drawings.lanes(MADE, PLAIN)] == ["learned"]
    assert json.dumps(found)


def test_a_comparison_has_a_line_with_bars_for_each_detector():
    html = well_formed(drawings.comparison(compared()))
    names = re.findall(r'<th scope="row">([^<]+)<', html)
    assert names[:2] == ["Distance in the code", "Ours"] and len(names) == 5
    assert html.count('class="ours"') == 1 and html.count('class="part"') == 3
    assert "--part: 91.5%" in html and "178 usual rows, and were judged by 2,391 others" in html
    assert "1.50" in html and ">–<" in html


@pytest.mark.parametrize(
    ("reconstruction", "told"),
    [
        (80.0, "finds more than its reconstruction error: 10.0 points"),
        (89.7, "about equally good"),
        (95.0, "is better than distance in the code, by 5.0 points"),
    ],
)
def test_a_comparison_tells_what_the_auto_encoder_is_worth(reconstruction, told):
    assert told in drawings.comparison(compared(reconstruction=reconstruction))


def test_every_detector_that_is_compared_has_a_name():
    from hub_anomaly.comparing import PARTS
    from hub_anomaly.service import COMPARED_WITH

    assert set(drawings.DETECTORS) == {"ours", *PARTS, *COMPARED_WITH}
    assert set(drawings.PARTS) == set(PARTS)


def test_a_detector_that_was_here_already_is_told_by_itself_and_ranks_among_unseen_rows():
    here = {**MADE, "seconds": None, "auroc": 97.4, "ap": 92.9, "notes": []}
    told = text_of(well_formed(drawings.learned(here)))
    assert told == "97.4 % AUROC 92.9 % average precision 1,780 rows learned before"
    assert [one["name"] for one in drawings.lanes(here, PLAIN)] == ["Usual, not learned from"]
    assert [one["count"] for one in drawings.lanes(here, JUDGED)] == [3, 2]
