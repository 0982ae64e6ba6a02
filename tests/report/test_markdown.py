"""Text in Markdown reads as it is, and carries a backslash only where it would mean something else."""

import html
import re

import mistune
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.core.errors import escaped
from simlib.report.markdown import as_cell, as_markdown

PLAIN = [
    "Lost: 6.99 % (6.5 % to 7.4 %), 2.1 x the traffic; a < b, 5 > 3 & so on!",
    "stale_only holds 2 * 3 entries - at most",
    "-5 % and 1.5 h, #5 + 1",
    "cap=4096, {braces}, a | b, “transient”, µs",
]


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_sentence_is_left_as_it_is(text):
    assert as_markdown(text) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("*a* _b_ `c` ~~d~~ $e$", r"\*a\* \_b\_ \`c\` \~\~d\~\~ \$e\$"),
        ("![x](http://y)", r"!\[x](http\://y)"),
        ("<img src=x> &lt; <5", "&lt;img src=x> &amp;lt; <5"),
        ("- a", r"\- a"),
        ("12. a", r"12\. a"),
        ("# a", r"\# a"),
        ("\x1b[31m\u202eno\nway", r"\x1b[31m\u202eno way"),
        ("\\", r"\\"),
        ("[[a]](b) [c] [d]", r"\[\[a]](b) [c] [d]"),
        ("[^1] [x] rate(n[10m]) > 1", r"\[^1] \[x] rate(n[10m]) > 1"),
    ],
)
def test_what_would_mean_something_is_escaped(text, written):
    assert as_markdown(text) == written


def test_a_cell_of_a_table_keeps_its_bars():
    assert as_cell("a|b_c") == r"a\|b_c"


RENDER = mistune.create_markdown(escape=False, plugins=["strikethrough", "table", "url", "footnotes"])


@given(st.text(st.sampled_from("ab1 _*`[]()<>!&;#+-=.~|\\$:/'\"\x1b\u202e\nw")))
def test_whatever_the_text_it_is_shown_as_it_is(text):
    shown = re.fullmatch(r"<p>x</p>\n(?:<p>(.*)</p>\n)?", RENDER(f"x\n\n{as_markdown(text)}\n"), re.DOTALL)
    assert shown
    assert html.unescape(shown[1] or "") == escaped(" ".join(text.split()))
