"""The YAML reader: strict, exact about places, safe against hostile files."""

from __future__ import annotations

import itertools
import tracemalloc

import hypothesis
import hypothesis.strategies as st
import pytest
import yaml

from hwmodel.config import document, load_config
from hwmodel.config.document import MAX_FILE_BYTES, Document, Place, is_within, parse_document, plain_scalar
from hwmodel.errors import InputError
from tests.config_cases import CONFIGS, NAME, complaints, load

PLAIN = [
    ("", None),
    ("~", None),
    ("null", None),
    ("true", True),
    ("False", False),
    ("8", 8),
    ("-3", -3),
    ("0.8", 0.8),
    (".5", 0.5),
    ("1e-05", 1e-05),
    ("1e-6", 1e-6),
    ("1e3", "1e3"),
    ("12:30", "12:30"),
    ("on", "on"),
    ("yes", "yes"),
    ("No", "No"),
    ("010", "010"),
    ("0x10", "0x10"),
    ("1_000", "1_000"),
    (".inf", ".inf"),
    (".nan", ".nan"),
    ("10:20:30:40:50:10", "10:20:30:40:50:10"),
    ("2024-01-01", "2024-01-01"),
    ("9" * 50, "9" * 50),
]


@pytest.mark.parametrize(("text", "value"), PLAIN)
def test_plain_words_mean_what_they_look_like(text, value):
    found = plain_scalar(text)
    assert (found, type(found)) == (value, type(value))


def test_quotes_make_a_text():
    assert parse_document("""{a: "8", b: 'null', c: "true"}""", NAME).data == {"a": "8", "b": "null", "c": "true"}


def test_keys_are_texts():
    assert parse_document("{1: a, null: b, on: c}", NAME).data == {"1": "a", "null": "b", "on": "c"}


def test_places_are_those_of_an_editor():
    document = parse_document("pcie:\n  lanes: 8\nlist:\n- [a,  b]\n- {x: 1}\n", NAME)
    places = {path: (place.line, place.column) for path, place in document.value_places.items()}
    assert places[("pcie",)] == (2, 3)
    assert places[("pcie", "lanes")] == (2, 10)
    assert places[("list", 0, 1)] == (4, 8)
    assert places[("list", 1, "x")] == (5, 7)
    assert (document.key_places[("pcie", "lanes")].line, document.key_places[("pcie", "lanes")].column) == (2, 3)
    assert str(document.place_of(("pcie", "lanes", "deeper"))) == "c.yaml:2:10"
    assert str(document.place_of(("pcie", "lanes"), key=True)) == "c.yaml:2:3"
    assert str(document.place_of(("nothing",))) == "c.yaml:1:1"


def test_entries_of_a_list_go_by_name():
    document = Document(NAME, {"ports": [{"name": "vf3", "vlans": [1, 2]}, {"name": 4}]})
    assert document.dotted(("ports", 0, "vlans", 1)) == "ports.vf3.vlans.1"
    assert document.dotted(("ports", 1, "vlans")) == "ports.1.vlans"


def test_what_is_marked_is_written_with_all_in_it():
    document = Document(NAME, {})
    inside = {"b": [1, {"c": 2}]}
    document.mark_written(("a",), inside, Place(1, 0, 0, "--set a=..."), before=None)
    assert document.is_written(("a", "b", 1, "c"))
    document.prefixes["a",] = "servers.0.set."
    document.mark_written(("a",), 5, Place(2, 0, 0, "--set a=5"), before=inside)
    assert not document.is_written(("a", "b"))
    assert str(document.place_of(("a", "b"))) == "--set a=5"
    document.prefixes["a",] = "servers.0.set."
    document.mark_written(("a",), 6, Place(3, 0, 0, "--set a=6"), before=5)
    assert (str(document.place_of(("a",))), document.prefixes) == ("--set a=6", {})


def test_a_path_lies_within_its_beginnings():
    assert is_within(("a", "b", 1), {("a", "b")})
    assert is_within(("a",), {("a",)})
    assert not is_within(("a",), {("a", "b")})


REFUSED = [
    ("a: 1\na: 2\n", ["c.yaml:2:1: a: repeated key; it stands in line 1 already"]),
    (
        "pcie: {lanes: 4, tags: 1, lanes: [8, {x: 1}], tags: 2}",
        [
            "c.yaml:1:27: pcie.lanes: repeated key; it stands in line 1 already",
            "c.yaml:1:47: pcie.tags: repeated key; it stands in line 1 already",
        ],
    ),
    ("a: &x 1\n", ["c.yaml:1:4: a: anchors such as &x are not allowed"]),
    (
        "a: &x [1]\nb: *x\n",
        [
            "c.yaml:1:4: a: anchors such as &x are not allowed",
            "c.yaml:2:4: b: aliases such as *x are not allowed; write the value out",
        ],
    ),
    ("a: !!str 1\n", ["c.yaml:1:4: a: tags such as !!str are not allowed; quotes make a text"]),
    ("a: !!python/object/apply:os.system [x]\n", None),
    ("a: 1\n---\nb: 2\n", ["c.yaml:2:1: a second document begins here; a file holds one"]),
    ("? [a, b]\n: 1\n", ["c.yaml:1:3: a key is a single word, not a list, mapping or alias"]),
    ("a: 1\n? [&x a, *x]\n: [{b: 1}]\nb: 2\n", ["c.yaml:2:3: a key is a single word, not a list, mapping or alias"]),
    ("a: {b: [1, {&k c: 2}]}", ["c.yaml:1:13: a.b.1.c: tags and anchors are not allowed on keys"]),
    ("[" * 40 + "]" * 40, ["c.yaml:1:34: nested deeper than 32 levels"]),
    ("a: 1\na: " + "[" * 40, ["c.yaml:2:1: a: repeated key; it stands in line 1 already",
                                "c.yaml:2:36: nested deeper than 32 levels"]),
    ("a: \x07\n", ["c.yaml:1:4: a control character is not allowed"]),
    ("a: 1\nb:\n  ü: \x00\n", ["c.yaml:3:6: a control character is not allowed"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "lines"), REFUSED)
def test_what_is_refused(text, lines):
    problems: list[str] = []
    try:
        problems = [problem.line for problem in parse_document(text, NAME).problems]
    except InputError as refusal:
        problems = refusal.lines
    assert problems if lines is None else problems == lines


@pytest.mark.parametrize(
    ("text", "place"), [("a: [1, 2\n", "c.yaml:2:1"), ("a:\n\tb: 1\n", "c.yaml:2:1"), ("a: b: c\n", "c.yaml:1:5")]
)
def test_broken_yaml_says_where(text, place):
    with pytest.raises(InputError) as refusal:
        parse_document(text, NAME)
    (line,) = refusal.value.lines
    assert line.startswith(f"{place}: not valid YAML: ")


def test_a_text_that_is_not_utf8():
    assert complaints(b"a: 1\nb: gr\xfcn\n") == ["c.yaml:2:6: not UTF-8 text (byte 0xfc)"]
    assert complaints("pcie: {}".encode("utf-16")) == ["c.yaml:1:1: not UTF-8 text (byte 0xff)"]


def test_a_byte_order_mark_is_no_part_of_the_text():
    assert load(b"\xef\xbb\xbfpcie: {lanes: 2}\n").pcie.lanes == 2


def test_files_that_are_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for name, line in (
        ("sub", "sub: is a folder, not a file"),
        ("c.yam", "c.yam: no such file"),
        ("no/where.yaml", "no/where.yaml: no such file"),
    ):
        with pytest.raises(InputError) as refusal:
            load_config(name)
        assert refusal.value.lines == [line]
    (tmp_path / "sub" / "one.yml").write_text("{}")
    with pytest.raises(InputError, match=r"^sub: is a folder, not a file \(did you mean sub/one\.yml\?\)$"):
        load_config("sub")
    with pytest.raises(InputError, match="is not a file name"):
        load_config("a\0b")
    (tmp_path / NAME).write_text("{}")
    with pytest.raises(InputError) as refusal:
        load_config("c.yam")
    assert refusal.value.lines == ["c.yam: no such file (did you mean c.yaml?)"]
    (tmp_path / "switch_bridge.yaml").write_text("{}")
    with pytest.raises(InputError) as refusal:
        load_config("nothere.yaml")  # alike in its ending alone
    assert refusal.value.lines == ["nothere.yaml: no such file"]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing but words\n", "---\n", "null\n"])
def test_an_empty_file(text):
    (line,) = complaints(text)
    assert line.endswith(": the file is empty; `{}` is the shortest configuration")


def test_a_file_that_is_an_alias():
    assert complaints("*x\n") == ["c.yaml:1:1: aliases such as *x are not allowed; write the value out"]


@pytest.mark.parametrize("text", ["- a\n", "5\n", "just words\n"])
def test_a_file_that_is_no_mapping(text):
    assert complaints(text) == ["c.yaml:1:1: a configuration is made of keys and values, like pcie: {lanes: 8}"]


def test_the_largest_file():
    text = "{}\n#" + "x" * (MAX_FILE_BYTES - 4)
    assert len(text) == 1024 * 1024
    load(text)
    (line,) = complaints(text + "x")
    assert line == "c.yaml: larger than 1 MiB, the most that a configuration may have"


def test_an_alias_bomb_takes_no_memory():
    names = "abcdefghijkl"
    lines = ["a: &a [" + ", ".join(["x"] * 10) + "]"]
    lines += [f"{name}: &{name} [" + ", ".join([f"*{before}"] * 10) + "]" for before, name in itertools.pairwise(names)]
    tracemalloc.start()
    document = parse_document("\n".join(lines), NAME)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Expanded, the last list would hold 10^12 words.
    assert peak_bytes < 5_000_000
    assert len(document.problems) == 12 + 11 * 10


def test_depth_is_limited_before_the_rest_is_read():
    with pytest.raises(InputError, match="nested deeper than 32 levels"):
        parse_document("[" * 500_000, NAME)


def test_places_sort_as_they_are_read():
    file = Place(0, 2, 1, NAME)
    assert sorted([Place(1, 0, 0, "--set a=1"), Place(0, 10, 1, NAME), file]) == [
        file, Place(0, 10, 1, NAME), Place(1, 0, 0, "--set a=1"),
    ]  # fmt: skip


PIECES = (
    *"abc:{}[],-#'\"\n \t|>&*!%?@`~019.\r\u2028é😀\x85\ufeff\x00\\=<", "\n  ", "\n- ", ": ", "- ", "---\n", "...\n",
    "? ", "key: ", "# c\n", "'a'", '"b\\n"', "|\n  x", "{a: 1}", "[1, 2]", "!!str ", "&a ", "*a", "<<: ", "null",
    "1: ", "a:1",
)  # fmt: skip
SHIPPED = [path.read_text() for path in sorted(CONFIGS.glob("*.yaml"))]


@st.composite
def texts(draw):
    """Draw a text that is almost YAML: a shipped configuration's part with other pieces in it, or pieces alone."""
    text = draw(st.sampled_from(["", *SHIPPED]))
    start = draw(st.integers(0, len(text)))
    text = text[start : start + draw(st.integers(0, 300))]
    for piece in draw(st.lists(st.sampled_from(PIECES), max_size=12)):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + piece + text[at:]
    return text


def read(text):
    """Return all that is read of a text, or what is said of it."""
    try:
        found = parse_document(text, "c.yaml")
    except InputError as error:
        return error.lines
    return found.data, found.value_places, found.key_places, found.unreadable, [one.line for one in found.problems]


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML has no libyaml here")
@hypothesis.settings(max_examples=400)
@hypothesis.given(texts())
def test_libyaml_makes_no_difference(text):
    """Nor is it read by libyaml what the two might read differently; most configurations are."""
    with_it = read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "_FAST", None)
        assert read(text) == with_it


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML has no libyaml here")
def test_libyaml_reads_what_nothing_is_wrong_with(monkeypatch):
    monkeypatch.setattr(yaml, "SafeLoader", lambda _: pytest.fail("in Python"))
    assert parse_document("a: [1, {b: 'x'}]\n", "c.yaml").data == {"a": [1, {"b": "x"}]}
    with pytest.raises(pytest.fail.Exception):
        parse_document("a: [1, {b: 'x'}\n", "c.yaml")
