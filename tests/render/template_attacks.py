"""Templates that would take for ever, or all memory, if what they do were free, each with its name.

`INSIDE` are insides of a block. `FILE` are whole files, dear before anything runs.
"""
# ruff: noqa: E501 - a template a line

NINES = "9" * 18
DOUBLED = "{% set a = [1] %}" + "{% set a = [a, a] %}" * 60
TWIN = DOUBLED + DOUBLED.replace("set a", "set b").replace("[a, a]", "[b, b]")
LONG = "x" * 30_000
STATIC = "y" * 20_000
GROWN = "{% set t = '" + LONG + "' %}"

INSIDE = {
    # loops
    "loop": "{% for a in range(99999999) %}{% endfor %}",
    "loops in loops": "{% for a in range(999) %}{% for b in range(999) %}{% for c in range(999) %}"
    "{% endfor %}{% endfor %}{% endfor %}",
    "loop with a filter, that never turns": "{% for a in range(1999) if a == 9999 %}{% endfor %}" * 9,
    "loop's own condition is dear": "{% for a in range(1999) if (" + "a and " * 90 + "a) is none %}{% endfor %}",
    "loop of dear branches": "{% for a in range(5000) %}{% if " + "not a or " * 90 + "a %}{% endif %}{% endfor %}",
    "recursive loop": "{% for a in range(200) recursive %}{{ loop(range(200)) }}{% endfor %}",
    "recursive loop over one list": "{% set x = range(3000) | list %}{% for a in x recursive %}"
    "{% if loop.depth < 9 %}{{ loop(x) }}{% endif %}{% endfor %}",
    "loop over letters": GROWN + "{% for a in t %}{% for b in t %}{% endfor %}{% endfor %}",
    "loop of static text into nowhere": "{% for a in range(9999) %}{% set x %}" + STATIC + "{% endset %}{% endfor %}",
    "loop of static text": "{% for a in range(9999) %}" + STATIC + "{% endfor %}",
    "loop that compares its turns": "{% for a in range(5000) %}{{ loop.changed(range(5000)) }}{% endfor %}",
    "loop that cycles": "{% for a in range(5000) %}{% set x = loop.cycle(range(5000)) %}{% endfor %}",
    # calls
    "macro that calls itself twice": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}"
    "{{ m(60) }}",
    "macro without an end": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "macro of much text": "{% macro m() %}"
    + STATIC
    + "{% endmacro %}{% for a in range(9999) %}{% set x = m() %}{% endfor %}",
    "macro with a dear default": "{% macro m(a=range(4000) | sort) %}{% endmacro %}"
    "{% for a in range(9999) %}{{ m() }}{% endfor %}",
    "macro that takes many": "{% macro m() %}{{ varargs | length }}{% endmacro %}"
    "{% for a in range(9999) %}{{ m(*range(5000)) }}{% endfor %}",
    "macro that doubles what it takes": "{% macro m(n) %}{% if n %}{{ m(n - 1, varargs, varargs) }}"
    "{% else %}{{ varargs == [varargs] }}{% endif %}{% endmacro %}{{ m(60, 1) }}",
    "caller called for ever": "{% macro m() %}{% for a in range(9999) %}{% set x = caller() %}{% endfor %}{% endmacro %}"
    "{% call m() %}" + STATIC + "{% endcall %}",
    "block that shows itself": "{{ self.facts() }}{{ self.facts() }}",
    # lists
    "range | sort": "{{ range(999999999) | sort | length }}",
    "range | list": "{{ range(999999999) | list | length }}",
    "range | list, often": "{% for a in range(9999) %}{% set x = range(9999) | list %}{% endfor %}",
    "range backwards": "{{ range(999999999, 0, -1) | list }}",
    "range of digits": "{{ range(" + "9" * 400 + ") | list }}",
    "sort, often": "{% set x = range(4000) %}{% for a in range(9999) %}{% set y = x | sort(reverse=true) %}{% endfor %}",
    "unique, often": "{% set x = range(4000) %}{% for a in range(9999) %}{% set y = x | unique | list %}{% endfor %}",
    "map of map": "{{ range(4000) | map('upper') | map('lower') | map('upper') | list | length }}" * 9,
    "map that grows": "{{ [range(3000)] | map('map', 'map', 'list') | list }}",
    "map of a filter that sorts": "{% set x = range(4000) %}{{ [x, x, x, x, x, x, x, x] | map('sort') | list }}",
    "select that never finds": "{% for a in range(9999) %}{{ range(5000) | select('in', []) | list | length }}{% endfor %}",
    "select in a list": "{% set x = range(5000) %}{{ x | select('in', x) | list | length }}",
    "selectattr down a long path": "{% set x = range(900) | map('capitalize') | list %}{{ x | selectattr('"
    + "0." * 5000
    + "0') | list | length }}",
    "map down a long path": "{% set x = range(900) | map('capitalize') | list %}{{ x | map(attribute='"
    + "0." * 5000
    + "0') | list | length }}",
    "sort by many parts": "{% set x = range(900) | map('capitalize') | list %}{{ x | sort(attribute='"
    + "0," * 5000
    + "0') | length }}",
    "sort of long texts": GROWN + "{{ [" + "t, " * 1500 + "t] | sort | length }}",
    "unique of long texts": GROWN + "{{ [" + "t, " * 1500 + "t] | unique | list | length }}",
    "join of long texts": GROWN + "{{ [" + "t, " * 1500 + "t] | join }}",
    "join of a long gap": "{{ range(9999) | join('" + LONG + "') }}",
    "letters of a text": GROWN + "{{ t | list | sort | unique | list | length }}{{ t | list | length }}",
    "split": GROWN + "{% for a in range(9999) %}{% set x = (t | upper).split('x') %}{% endfor %}",
    "splitlines": "{% set t = '" + "\\n" * 30_000 + "' %}"
    "{% for a in range(9999) %}{% set x = t.splitlines() %}{% endfor %}",
    "slices": "{% set x = range(9000) | list %}{% for a in range(9999) %}{% set y = x[1:] %}{% endfor %}",
    "slices of text": GROWN + "{% for a in range(9999) %}{% set y = t[1:] %}{% endfor %}",
    "lists doubled, then shown": DOUBLED + "{{ a | upper }}",
    "lists doubled, then compared": TWIN + "{{ 1 if a == b }}",
    "lists doubled, then asked": TWIN + "{{ 1 if a is eq b }}",
    "lists doubled, then looked for": TWIN + "{{ 1 if a in [b] }}",
    "lists doubled, then sorted": TWIN + "{{ [a, b] | sort }}",
    "lists doubled, as a part's name": DOUBLED + "{{ title[a] }}",
    "tuples doubled, as a key": DOUBLED.replace("[", "(").replace("]", ",)") + "{{ {a: 1} | length }}",
    "maps doubled": "{% set a = {1: 1} %}" + "{% set a = {1: a, 2: a} %}" * 60 + "{{ a | lower }}",
    "lists doubled by a macro": "{% macro m(n, a) %}{% if n %}{{ m(n - 1, (a, a)) }}{% else %}{{ a == (a,) }}{% endif %}"
    "{% endmacro %}{{ m(90, 1) }}",
    "a list compared often": "{% set x = range(4000) %}{% set y = range(4000) %}"
    "{% for a in range(9999) %}{% if x == y %}{% endif %}{% endfor %}",
    "a text looked for often": GROWN + "{% for a in range(9999) %}{% if 'z' in t %}{% endif %}{% endfor %}",
    "a text asked often": GROWN + "{% for a in range(9999) %}{% if t is upper %}{% endif %}{% endfor %}",
    "maps from keys": "{{ {}.fromkeys(range(99)) }}",
    "maps sorted often": "{% set x = {" + "".join(f"{n}: 1, " for n in range(900)) + "} %}"
    "{% for a in range(9999) %}{% set y = x | dictsort %}{% endfor %}",
    "items of maps": "{% set x = {" + "".join(f"{n}: 1, " for n in range(900)) + "} %}"
    "{% for a in range(9999) %}{% set y = x.items() | list %}{% endfor %}",
    "numbers with one hash": "{{ range(0, 230584300921369395100000, 2305843009213693951) | unique | list | length }}",
    # text
    "text doubled": "{% set a = 'x' %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
    "text doubled with +": "{% set a = 'x' %}" + "{% set a = a + a %}" * 60 + "{{ a }}",
    "text doubled by set": "{% set a = 'x' %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 60,
    "text doubled by join": "{% set a = 'x' %}" + "{% set a = [a, a] | join %}" * 60,
    "text times a number": "{{ 'x' * 999999999 }}",
    "text in capitals, often": GROWN + "{% for a in range(9999) %}{% set x = t | upper %}{% endfor %}",
    "text cut, often": GROWN + "{% for a in range(9999) %}{% set x = t | short(60000) %}{% endfor %}",
    "text on one line, often": GROWN + "{% for a in range(9999) %}{% set x = t | oneline %}{% endfor %}",
    "nouns, often": GROWN + "{% for a in range(9999) %}{% set x = t | plural(3) %}{% endfor %}",
    "text of which nothing is left": "{% set t = '" + "[" * 30_000 + "' %}"
    "{% for a in range(9999) %}{% set x = [t] | join %}{% endfor %}",
    "links, often": GROWN + "{% for a in range(9999) %}{% set x = link(t, 'https://x.example/') %}{% endfor %}",
    "counting letters": GROWN
    + "{% set t = t | lower %}{% for a in range(9999) %}{% set x = t.count('x') %}{% endfor %}",
    "center": "{{ title.center(999999999) }}",
    "ljust": "{{ title.ljust(999999999) }}",
    "zfill": "{{ title.zfill(999999999) }}",
    "expandtabs": "{{ '\t'.expandtabs(999999999) }}",
    "replace": GROWN + "{{ t.replace('x', t) }}",
    "translate": "{{ title.translate({}) }}",
    "encode": GROWN + "{{ t.encode('utf-32') }}",
    "format": "{{ '{:999999999}'.format(1) }}",
    "format_map": "{{ '{a:999999999}'.format_map({'a': 1}) }}",
    "percent": "{{ '%999999999d' % 1 }}",
    # numbers
    "power": "{{ 9 ** 999999999 }}",
    "power of powers": "{{ 9 ** 9 ** 9 ** 9 }}",
    "products": "{% set a = " + NINES + " %}" + "{% set a = a * a %}" * 60 + "{{ a }}",
    "differences": "{% set a = " + NINES + " %}" + "{% set a = a - (0 - a) %}" * 400 + "{{ a }}",
    "bytes of a number": "{{ (1).to_bytes(999999999, 'big') }}",
    "round up to many digits": "{{ 1 | round(999999999, 'ceil') }}",
    "round to many digits before the point": "{{ 5 | round(-999999999) }}",
    "a shift by division": "{{ 1e308 * 1e308 // 3 }}",
    # other templates
    "shows itself": "{% include 'own.j2' %}",
    "shows what isn't there, often": "{% for a in range(9999) %}{% include 'gone' ~ a ignore missing %}{% endfor %}",
    "one of many": "{% include range(900) | map('capitalize') | list ignore missing %}",
    "imports, often": "{% for a in range(9999) %}{% import 'slack/message.j2' as x %}{% endfor %}",
    "imports itself": "{% import 'own.j2' as me %}{{ me.x }}",
    # filters and functions that Jinja has
    "batch": "{{ range(99) | batch(99999999, 'x') | list }}",
    "slice": "{{ range(99) | slice(99999999) | list }}",
    "groupby": "{{ labels | groupby('name') }}",
    "tojson": "{{ labels | tojson(indent=99999999) }}",
    "indent": "{{ title | indent(99999999) }}",
    "center as a filter": "{{ title | center(99999999) }}",
    "replace as a filter": "{{ title | replace('', title) }}",
    "wordwrap": "{{ title | wordwrap(1, wrapstring=title) }}",
    "format as a filter": "{{ '%99999999d' | format(1) }}",
    "sum": "{{ [[1], [2]] | sum(start=[]) }}",
    "urlize": "{{ description | urlize }}",
    "striptags": "{{ description | striptags }}",
    "string": "{{ range(99) | string }}",
    "pprint": "{{ labels | pprint }}",
    "random": "{{ range(99) | random }}",
    "filesizeformat": "{{ 1 | filesizeformat }}",
    "attr": "{{ title | attr('center') }}",
    "namespace": "{% set n = namespace(x=[1]) %}{% set n.x = [n.x, n.x] %}",
    "lipsum": "{{ lipsum(99999999) }}",
    "cycler": "{{ cycler(1) }}",
    "joiner": "{{ joiner('x') }}",
    "dict": "{{ dict(a=1) }}",
}
FILE = {
    "many names, many files": "".join(f"{{% set a{n} = 1 %}}" for n in range(3000)) + "{% include a %}" * 2500,
    "many names, some files": "".join(f"{{%set a{n}=1%}}" for n in range(1400)) + "{%include a%}" * 390,
    "many names, many branches": "".join(f"{{%set a{n}=1%}}" for n in range(3000)) + "{%if a%}{%endif%}" * 3000,
    "many names in many blocks": "".join(f"{{%set a{n}=1%}}" for n in range(1000))
    + "".join(f"{{% block b{n} scoped %}}{{% endblock %}}" for n in range(1900)),
    "many pieces": "{{a}}" * 20_000,
    "many operators": "{{ a" + " < a" * 20_000 + " }}",
    "many additions": "{{ a" + "+a" * 40_000 + " }}",
    "many brackets": "{{ " + "(" * 40_000,
    "many digits": "{{ " + "9" * 90_000 + " }}",
    "many digits of base 16": "{{ 0x" + "f" * 90_000 + " }}",
    "deep branches": "{% if a %}" * 900 + "{% endif %}" * 900,
    "deep loops": "{% for a in b %}" * 30 + "{% endfor %}" * 30,
    "many choices": "{% if a %}" + "{% elif a %}" * 9_000 + "{% endif %}",
    "a long file": "{% block facts %}" + "x" * 5_000_000 + "{% endblock %}",
    "extends itself": "{% extends 'own.j2' %}",
    "extends what it is told": "{% extends range(9999) | list %}",
}


def attacks(kind, block):
    """The texts, made for a kind and one of its blocks."""
    begin = f"{{% extends '{kind}/message.j2' %}}{{% block {block} %}}"
    inside = {
        name: f"{begin}{text.replace('self.facts', f'self.{block}')}{{% endblock %}}" for name, text in INSIDE.items()
    }
    return {**inside, **FILE}
