"""Markdown of authors as plain words."""

import pytest

from bridge.render.unmarked import unmarked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# Impact\n**Nobody can** log in.", "Impact\nNobody can log in."),
        ("See [the wiki](https://a.b/c) and <https://x.y|the page>.", "See the wiki (https://a.b/c) and the page (https://x.y)."),
        ("<https://x.y> [https://x.y](https://x.y)", "https://x.y https://x.y"),
        ("[a](javascript:x) [b](#top) <b> a < b > c", "[a](javascript:x) [b](#top) <b> a < b > c"),
        ("*sticky* ***all*** 2**3 2 * 3 * 4 *.log and *.txt", "sticky all 2**3 2 * 3 * 4 *.log and *.txt"),
        ("`**x**` __init__ a_b_c #tag", "`**x**` __init__ a_b_c #tag"),
        ("run\n```bash\nls *\n```\nthen", "run\nls *\nthen"),
        ("a  \n \n\n \nb", "a\n\nb"),
        ("| a | b |\n|---|---|\n- x", "| a | b |\n|---|---|\n- x"),
        ("障害**重大**です", "障害**重大**です"),
    ],
)  # fmt: skip
def test_only_what_is_plainly_markup_goes(text, shown):
    assert unmarked(text) == shown
    assert unmarked(shown) == shown
