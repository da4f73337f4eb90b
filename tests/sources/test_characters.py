"""The embedded pair of characters: counts, known characters, no leaks, difficulty as measured from outside."""

import re
from collections import Counter

import numpy as np
import pytest
from difficulty import anchor_scores, hits_at_1, image_scores, name_scores, values_unique_on_both_sides

import mmkg
from mmkg.errors import UsageError
from mmkg.sources.characters import read_characters
from mmkg.sources.embedded import EmbeddedFiles, embedded_folder


@pytest.fixture(scope="module")
def task():
    return mmkg.load("characters-zh-ja")


def shown(graph, row):
    """The character of an entity, or its label if it has none."""
    return graph.display[row].split(" ")[0]


def triples(graph):
    return {(shown(graph, h), graph.relations[r], shown(graph, t)) for h, r, t in graph.triples.tolist()}


def facts_of(graph, character):
    row = [shown(graph, row) for row in range(graph.num_entities)].index(character)
    a = graph.attributes
    return graph.names[row], {(a.names[a.attribute[i]], a.values[i]) for i in np.flatnonzero(a.entity == row)}


# --- counts ---------------------------------------------------------------------------------------------------


def test_graphs_have_the_counts_of_their_card(task):
    left, right = task.left, task.right
    assert [left.num_entities, right.num_entities] == [3824, 3028]
    assert [len(left.triples), len(right.triples)] == [7822, 10007]
    assert [len(left.relations), len(right.relations)] == [13, 15]
    assert [len(left.attributes), len(right.attributes)] == [11261, 17414]
    assert [sum(map(bool, graph.names)) for graph in (left, right)] == [3489, 2984]
    assert [graph.images.features.shape for graph in (left, right)] == [(3695, 144), (2953, 144)]
    assert [int((~graph.has_triple).sum()) for graph in (left, right)] == [1, 0]


def test_links_are_one_to_one_and_split_like_those_of_other_pairs(task):
    links = task.links.all()
    assert [len(task.links.train), len(task.links.valid), len(task.links.test)] == [682, 76, 1769]
    assert len(set(links[:, 0])) == len(set(links[:, 1])) == len(links) == 2527
    why = Counter(link["why"] for link in EmbeddedFiles(embedded_folder("characters")).table("links.tsv"))
    assert why == {"equal": 1606, "simplified": 543, "form": 202, "meaning": 17, "piece": 159}


def test_graphs_are_sound(task):
    for graph in (task.left, task.right):
        assert len({tuple(row) for row in graph.triples.tolist()}) == len(graph.triples)
        assert (graph.triples[:, 0] != graph.triples[:, 2]).all()
        assert graph.images.features.min() == 0 and 0.99 < graph.images.features.max() <= 1


# --- known characters -----------------------------------------------------------------------------------------


def test_characters_are_linked_as_dictionaries_do(task):
    """Simplified and Japanese forms of sea, study, country, picture, thank, air, railway, dragon, art, head, ..."""
    of = {shown(task.left, one): shown(task.right, other) for one, other in task.links.all().tolist()}
    same = "海海 学学 国国 图図 谢謝 气気 铁鉄 龙竜 艺芸 头頭 发発 圆円 樱桜 关関 乐楽 广広 经経 氵氵 艹艹"
    assert {one: of.get(one) for one, _ in same.split()} == dict(same.split())
    assert not {"你", "她", "吗"} & set(of)  # not in use in Japan
    assert not {"畑", "峠", "働"} & set(of.values())  # made in Japan


def test_parts_are_known_from_the_characters(task):
    left, right = triples(task.left), triples(task.right)
    assert {("海", "acrossFirst", "氵"), ("海", "acrossNext", "每"), ("国", "surroundedBy", "囗")} <= left
    assert {("海", "left", "氵"), ("海", "right", "毎"), ("国", "kamae", "囗")} <= right
    assert {("海", "radical", "水"), ("氵", "original", "水"), ("謝", "phonetic", "射")} <= right


def test_values_and_names_are_known_from_dictionaries(task):
    name, facts = facts_of(task.left, "海")
    assert name == "ocean; sea; great number of people or things"
    assert facts == {("pinyin", "hai3"), ("strokes", "10"), ("radicalStrokes", "3")}
    name, facts = facts_of(task.right, "海")
    assert name == "sea; ocean"
    assert facts == {("strokes", "9"), ("grade", "2"), ("jlpt", "3"), ("on", "カイ"), ("kun", "うみ")}


# --- leaks ----------------------------------------------------------------------------------------------------


def test_no_text_of_a_model_holds_a_character_or_a_code_point(task):
    """No Chinese character, radical or stroke in any block, no code; kana are readings."""
    blocks = ((0x2E80, 0x3000), (0x3005, 0x3008), (0x3021, 0x302A), (0x31C0, 0x31F0), (0x3220, 0xA000))
    blocks += ((0xF900, 0xFB00), (0x1AFF0, 0x1F300), (0x20000, 0x110000))
    graphs = (task.left, task.right)
    codes = {f"{ord(shown(graph, row)[0]):04x}" for graph in graphs for row in range(graph.num_entities)}
    for graph in graphs:
        texts = [*graph.entities, *filter(None, graph.names), *graph.relations]
        for text in [*texts, *graph.attributes.names, *graph.attributes.values]:
            assert not [c for c in text if any(low <= ord(c) < high for low, high in blocks)], text
            assert "U+" not in text and not codes & set(re.split(r"\W+", text.lower())), text
        assert all(re.fullmatch(r"[ck]\d{4}", label) for label in graph.entities)


def test_order_of_rows_tells_nothing(task):
    links = task.links.all()
    assert abs(np.corrcoef(links.T)[0, 1]) < 0.06
    codes = [[ord(shown(graph, row)[0]) for row in range(graph.num_entities)] for graph in (task.left, task.right)]
    assert all(abs(np.corrcoef(np.arange(len(side)), side)[0, 1]) < 0.06 for side in codes)


def test_no_relation_has_the_same_label_in_both_graphs(task):
    assert not set(task.left.relations) & set(task.right.relations)


def test_only_the_number_of_strokes_is_an_attribute_of_both(task):
    assert set(task.left.attributes.names) & set(task.right.attributes.names) == {"strokes"}
    assert values_unique_on_both_sides(task) == []


def test_wrong_seeds_align_nothing_by_structure(task):
    """About .59 with the right seeds."""
    seeds, test = task.links.train, task.links.test
    wrong = np.stack([seeds[:, 0], np.roll(seeds[:, 1], 1)], axis=1)
    assert 0.5 < hits_at_1(anchor_scores(task, seeds, test)) < 0.7
    assert hits_at_1(anchor_scores(task, wrong, test)) < 0.01


# --- difficulty, measured by other means ----------------------------------------------------------------------


def test_drawings_alone_find_more_than_half(task):
    assert 0.53 < hits_at_1(image_scores(task, task.links.test, centred=True)) < 0.58


def test_meanings_alone_find_a_third(task):
    assert 0.3 < hits_at_1(name_scores(task, task.links.test)) < 0.36


# --- options and files ----------------------------------------------------------------------------------------


def test_image_ratio_keeps_that_share_by_seed(task):
    half, other = (read_characters(image_ratio=0.5, seed=seed) for seed in (0, 1))
    assert [len(graph.images.rows) for graph in (half.left, half.right)] == [1848, 1476]
    at = np.searchsorted(task.left.images.rows, half.left.images.rows)
    assert (task.left.images.features[at] == half.left.images.features).all()
    assert (half.left.images.rows != other.left.images.rows).any()
    with pytest.raises(UsageError, match=r"image_ratio must be in \[0, 1\], got -1"):
        read_characters(image_ratio=-1)


def test_the_seed_moves_only_the_split(task):
    other = mmkg.load("characters-zh-ja", seed=1)
    assert other.left.fingerprint() == task.left.fingerprint()
    assert other.fingerprint() != task.fingerprint()


def test_each_source_has_its_notice_and_licence():
    folder = embedded_folder("characters")
    notice = (folder / "NOTICE").read_text(encoding="utf-8")
    for name in re.findall(r"\S+\.tsv|\S+\.npz", (folder / "SHA256SUMS").read_text()):
        assert name in notice
    texts = {path.name for path in folder.iterdir() if path.suffix in (".txt", ".TXT", ".md")}
    assert texts == {"ARPHICPL.TXT", "LICENSE-CC-BY-SA-3.0.txt", "LICENSE-CC-BY-SA-4.0.txt", "LICENSE-EDRDG.md"}
    assert all(name in notice for name in texts)
    for side, holder in (("zh", "Arphic"), ("ja", "KanjiVG")):
        arrays = EmbeddedFiles(folder).arrays(f"{side}_drawings.npz")
        assert holder in str(arrays["notice"]) and "Changed for mmkg" in str(arrays["notice"])


def test_the_data_are_small():
    assert sum(path.stat().st_size for path in embedded_folder("characters").iterdir()) < 1_700_000


# --- the tools ------------------------------------------------------------------------------------------------


def test_parts_that_are_no_entities_are_replaced_by_theirs(pairs_tool):
    """木 is in two characters; 12345 is in one, so that its two parts take its place, with its relation."""
    tools = pairs_tool("character_parts")
    parts = {
        "林": [tools.Part("repeated", "木")],
        "沐": [tools.Part("acrossFirst", "氵"), tools.Part("acrossNext", "木")],
        "桑": [tools.Part("downFirst", "12345"), tools.Part("downNext", "木")],
        "12345": [tools.Part("acrossFirst", "又"), tools.Part("acrossNext", "㇏")],
        "浴": [tools.Part("acrossFirst", "氵"), tools.Part("acrossNext", "又")],
    }
    characters = ["林", "沐", "桑", "浴"]
    pieces = tools.shared_pieces(characters, parts)
    assert pieces == sorted("木氵又")
    assert tools.triples_between([*characters, *pieces], parts) == [
        ("林", "repeated", "木"),
        ("沐", "acrossFirst", "氵"),
        ("沐", "acrossNext", "木"),
        ("桑", "downFirst", "又"),
        ("桑", "downNext", "木"),
        ("浴", "acrossFirst", "氵"),
        ("浴", "acrossNext", "又"),
    ]


def test_meanings_lose_remarks_references_and_characters(pairs_tool):
    hanzi = pairs_tool("hanzi_facts")
    lines = [
        "王 王 [Wang2] /surname Wang/",
        "王 王 [wang2] /king or monarch/best of its type (of (two))/",
        "個 个 [ge4] /(classifier used before a noun)/(bound form) individual/CL:個|个[ge4]/variant of 箇/",
        "國王 国王 [guo2 wang2] /king/",
        "好 好 [hao3] /good; well/",
    ]
    meanings, readings = hanzi.dictionary(lines)
    assert meanings == {"王": ["king or monarch", "best of its type"], "个": ["individual"], "好": ["good", "well"]}
    assert readings == {"王": ["wang2"], "个": ["ge4"], "好": ["hao3"]}
    assert pairs_tool("kanji_facts").clean_meaning("water radical (no. 85)") == "water radical"


def test_decompositions_of_both_sources_are_read(pairs_tool):
    part = pairs_tool("character_parts").Part
    found = pairs_tool("hanzi_facts").decompositions("海:a(氵,每)\n囚:s(囗,人)\n人:c()\n10018:rrefl(㇉)\n")
    assert found == {
        "海": [part("acrossFirst", "氵"), part("acrossNext", "每")],
        "囚": [part("surroundedBy", "囗"), part("surrounds", "人")],
        "10018": [part("repeated", "㇉")],
    }
    drawing = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:kvg="http://kanjivg.tagaini.net"><g><g kvg:element="謝">
      <g kvg:position="left"><g kvg:element="訁" kvg:original="言"><g kvg:element="口"/></g></g>
      <g kvg:element="射" kvg:part="1" kvg:position="right" kvg:phon="射"/><g kvg:element="射" kvg:part="2"/>
    </g></g></svg>"""
    assert pairs_tool("kanji_facts").decompositions({"謝": drawing.encode()}) == {
        "謝": [part("left", "訁"), part("phonetic", "射"), part("right", "射")],
        "訁": [part("part", "口"), part("original", "言")],
        "口": [],
    }


def test_links_are_made_in_the_order_of_certainty(pairs_tool):
    """後 and 后 may both be 后: the equal one gets it; 図 is another form of 圖, whose simplified form is 图."""
    links, entry = pairs_tool("character_links"), pairs_tool("kanji_facts").Entry
    fields = {"后": (6, ()), "後": (2, ()), "図": (2, ("圖",)), "謝": (5, ()), "査": (5, ())}
    entries = {c: entry("1", grade, "", 1, (), (), (), forms) for c, (grade, forms) in fields.items()}
    variants = "U+5F8C\tkSimplifiedVariant\tU+540E\nU+5716\tkSimplifiedVariant\tU+56FE\n"
    variants += "U+8B1D\tkSimplifiedVariant\tU+8C22\nU+67E5\tkSemanticVariant\tU+67FB<kMatthews\n"
    radicals, unified = "1; 2F00; 4E00\n", "2EA1          ; 6C35\n2EBE..2EC0    ; 8279\n"
    unihan = links.read_unihan(variants, radicals, unified)
    assert unihan.radicals == {1: "一"} and [unihan.unified[c] for c in "⺡⺾⺿⻀"] == ["氵", "艹", "艹", "艹"]
    found = links.linked(
        ["后", "图", "谢", "查", "你"], [*entries], (["氵", "⺾"], ["⺡", "艹", "乂"]), entries, unihan
    )
    assert found == {
        "后": ("后", "equal"),
        "謝": ("谢", "simplified"),
        "図": ("图", "form"),
        "査": ("查", "meaning"),
        "⺡": ("氵", "piece"),
        "艹": ("⺾", "piece"),
    }
