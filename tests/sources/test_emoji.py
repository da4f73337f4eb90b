"""The embedded pairs: counts as measured when the data were built, no leaks, difficulty as known from outside."""

import re
import unicodedata
from collections import Counter

import numpy as np
import pytest
from difficulty import anchor_scores, hits_at_1, image_scores, name_scores, values_unique_on_both_sides

from mmkg.data.kg import KnowledgeGraph
from mmkg.data.task import AlignmentTask
from mmkg.errors import UsageError
from mmkg.sources.embedded import embedded_folder
from mmkg.sources.emoji import EMOJI_PAIRS, load_emoji


@pytest.fixture(scope="module")
def tasks() -> dict[str, AlignmentTask]:
    return {pair: load_emoji(pair) for pair in EMOJI_PAIRS}


def kinds(graph: KnowledgeGraph) -> Counter:
    return Counter(entity.split("/")[1] for entity in graph.entities)


def triples_by_label(graph: KnowledgeGraph) -> Counter:
    return Counter((graph.entities[h], graph.relations[r], graph.entities[t]) for h, r, t in graph.triples)


def relation_counts(graph: KnowledgeGraph) -> dict[str, int]:
    return {graph.relations[r]: n for r, n in Counter(graph.triples[:, 1].tolist()).items()}


# --- counts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pair", "entities", "triples", "keyword_triples"),
    [("fr-en", 3288, 9575, 6377), ("zh-en", 3237, 8136, 4938), ("ja-en", 3089, 8305, 5107)],
)
def test_left_graph_has_the_counts_of_its_card(tasks, pair, entities, triples, keyword_triples):
    left = tasks[pair].left
    assert (left.num_entities, len(left.triples)) == (entities, triples)
    assert relation_counts(left) == {
        "hasKeyword": keyword_triples,
        "inSubgroup": 1914,
        "inGroup": 98,
        "zwjComponent": 516,
        "region": 542,
        "currency": 128,
    }
    assert (len(left.attributes), len(left.images.rows)) == (5197, 1906)


@pytest.mark.parametrize("pair", EMOJI_PAIRS)
def test_right_graph_is_the_same_in_every_pair(tasks, pair):
    right = tasks[pair].right
    assert kinds(right) == {"emoji": 1914, "keyword": 1504, "subgroup": 98, "group": 9, "region": 35, "language": 37}
    assert relation_counts(right)["hasKeyword"] == 8042
    assert len(right.triples) == 11460
    assert (len(right.attributes), len(right.images.rows)) == (7368, 1906)
    assert right.fingerprint() == tasks["fr-en"].right.fingerprint()


def test_taxonomy_is_known_from_unicode(tasks):
    """Hand-picked facts: the grinning face, the mechanic (woman + wrench), France in Western Europe."""
    right = triples_by_label(tasks["fr-en"].right)
    for head, relation, tail in [
        ("emoji/grinning_face", "inSubgroup", "subgroup/smiling"),
        ("subgroup/smiling", "inGroup", "group/smileys_&_emotion"),
        ("emoji/woman_mechanic", "zwjComponent", "emoji/wrench"),
        ("emoji/flag:_France", "region", "region/Western_Europe"),
        ("region/Western_Europe", "region", "region/Europe"),
        ("emoji/flag:_France", "language", "language/French"),
        ("emoji/cat", "hasKeyword", "keyword/pet"),
    ]:
        assert right[f"emoji:en/{head}", relation, f"emoji:en/{tail}"] == 1
    left = triples_by_label(tasks["fr-en"].left)
    assert left["emoji:fr/emoji/drapeau_:_France", "currency", "emoji:fr/currency/euro"] == 1


@pytest.mark.parametrize("pair", EMOJI_PAIRS)
def test_links_are_the_emoji_one_to_one_and_join_the_same_character(tasks, pair):
    task = tasks[pair]
    links = task.links.all()
    assert [len(task.links.train), len(task.links.valid), len(task.links.test)] == [517, 57, 1340]
    assert len(set(links[:, 0])) == len(set(links[:, 1])) == len(links) == 1914
    for left, right in links:
        assert task.left.display[left].split(" ")[0] == task.right.display[right].split(" ")[0]


@pytest.mark.parametrize("pair", EMOJI_PAIRS)
def test_graphs_are_sound(tasks, pair):
    for graph in (tasks[pair].left, tasks[pair].right):
        assert graph.has_triple.all()
        assert max(triples_by_label(graph).values()) == 1
        assert np.isfinite(graph.images.features).all()
        keyword_uses = Counter(t for t in graph.triples[graph.triples[:, 1] == 0][:, 2].tolist())
        assert min(keyword_uses.values()) >= 2


def test_equal_labels_of_one_kind_get_a_number(tasks):
    """The French word for a paper clip is that for the instrument."""
    left = tasks["fr-en"].left
    rows = [row for row, name in enumerate(left.names) if name == "trombone"]
    assert {left.entities[row]: left.display[row] for row in rows} == {
        "emoji:fr/emoji/trombone": "\U0001fa8a trombone",
        "emoji:fr/emoji/trombone_(2)": "\N{PAPERCLIP} trombone",
    }


# --- leaks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", EMOJI_PAIRS)
def test_no_text_of_a_model_holds_an_emoji_or_a_code_point(tasks, pair):
    """Symbols at large are refused, ASCII digits, # and * are not (they are words as well as parts of keycaps)."""
    for graph in (tasks[pair].left, tasks[pair].right):
        shown = [graph.display[row] for row, e in enumerate(graph.entities) if e.split("/")[1] == "emoji"]
        emoji = {c for text in shown for c in text.split(" ")[0] if ord(c) > 0x7F}
        assert len(emoji) > 1300
        texts = [*graph.entities, *graph.names, *graph.relations, *graph.attributes.names, *graph.attributes.values]
        for text in texts:
            assert not emoji & set(text), text
            assert not any(ord(c) > 0x7F and unicodedata.category(c) in ("So", "Sm", "Cf") for c in text), text
            assert not any(0x2190 <= ord(c) < 0x2C00 or 0x1F000 <= ord(c) < 0x20000 for c in text), text
            assert not re.search(r"\b(U\+|1F)[0-9A-F]{3,4}\b", text), text


def test_order_of_rows_tells_nothing(tasks):
    links = tasks["fr-en"].links.all()
    assert abs(np.corrcoef(links.T)[0, 1]) < 0.1
    for kind, shared in [("region", 35), ("subgroup", 98)]:
        left, right = (
            [triples_rank(graph, row) for row, e in enumerate(graph.entities) if e.split("/")[1] == kind]
            for graph in (tasks["fr-en"].left, tasks["fr-en"].right)
        )
        assert len(left) == len(right) == shared
        assert left != right


def triples_rank(graph: KnowledgeGraph, row: int) -> int:
    """How many triples other than those of keywords have this tail: the same on both sides for shared kinds."""
    return int((graph.triples[:, 2] == row).sum())


def test_flags_do_not_show_their_iso_code(tasks):
    """Two capital letters among the keywords would be the same in every language."""
    for graph in (tasks["fr-en"].left, tasks["fr-en"].right):
        flags = {row for row, name in enumerate(graph.names) if name.startswith(("drapeau :", "flag:"))}
        assert len(flags) >= 258
        words = {graph.names[t] for h, r, t in graph.triples if h in flags and graph.relations[r] == "hasKeyword"}
        assert not [word for word in words if len(word) == 2 and word.isupper()]


def test_attribute_values_single_out_few_emoji_on_both_sides(tasks):
    """Only emoticons are as fine as one emoji; four are the same and unique on both sides."""
    shared = values_unique_on_both_sides(tasks["fr-en"])
    assert shared == sorted(("emoticon", value) for value in (":p", ";)", ";p", "</3"))


def test_wrong_seeds_align_nothing_by_structure(tasks):
    task = tasks["fr-en"]
    seeds, test = task.links.train, task.links.test
    wrong = np.stack([seeds[:, 0], np.roll(seeds[:, 1], 1)], axis=1)
    assert hits_at_1(anchor_scores(task, seeds, test)) > 0.35
    assert hits_at_1(anchor_scores(task, wrong, test)) < 0.01


# --- difficulty, measured by other means ----------------------------------------------------------------------


def test_pictures_alone_find_two_emoji_in_five(tasks):
    """About .38 of the test links by cosine of the 128 numbers."""
    task = tasks["fr-en"]
    assert 0.36 < hits_at_1(image_scores(task, task.links.test)) < 0.42


@pytest.mark.parametrize(("pair", "low", "high"), [("fr-en", 0.28, 0.38), ("zh-en", 0, 0.04), ("ja-en", 0, 0.04)])
def test_names_help_in_french_only(tasks, pair, low, high):
    """Character 1- to 3-grams, weighted by rarity: about .33 in French, .015 elsewhere."""
    task = tasks[pair]
    assert low <= hits_at_1(name_scores(task, task.links.test)) < high


# --- options --------------------------------------------------------------------------------------------------


def test_without_neutral_facts_exactly_those_relations_go(tasks):
    hard = load_emoji("fr-en", neutral=False)
    for full, less in ((tasks["fr-en"].left, hard.left), (tasks["fr-en"].right, hard.right)):
        neutral = {"inSubgroup", "inGroup", "zwjComponent"}
        assert set(full.relations) - set(less.relations) == neutral
        expected = {fact: n for fact, n in triples_by_label(full).items() if fact[1] not in neutral}
        assert triples_by_label(less) == expected
        assert set(kinds(full)) - set(kinds(less)) == {"subgroup", "group"}


def test_image_ratio_keeps_that_share_by_seed(tasks):
    full = tasks["fr-en"]
    half, again, other = (load_emoji("fr-en", image_ratio=0.5, seed=seed) for seed in (0, 0, 1))
    for side in ("left", "right"):
        images, whole = getattr(half, side).images, getattr(full, side).images
        assert len(images.rows) == 953  # half of 1,906
        at = np.searchsorted(whole.rows, images.rows)
        assert (whole.rows[at] == images.rows).all() and (whole.features[at] == images.features).all()
        assert (images.rows == getattr(again, side).images.rows).all()
        assert (images.rows != getattr(other, side).images.rows).any()
    right_of = dict(half.links.all().tolist())
    kept = set(half.right.images.rows.tolist())
    both = sum(right_of[row] in kept for row in half.left.images.rows.tolist())
    assert 400 < both < 560  # drawn independently: 953 / 2 emoji with both pictures, give or take
    assert load_emoji("fr-en", image_ratio=0).left.images is None


def test_the_same_call_gives_the_same_task_and_the_seed_only_moves_the_split(tasks):
    assert load_emoji("ja-en").fingerprint() == tasks["ja-en"].fingerprint()
    other = load_emoji("ja-en", seed=1)
    assert other.left.fingerprint() == tasks["ja-en"].left.fingerprint()
    assert other.fingerprint() != tasks["ja-en"].fingerprint()


# --- files ----------------------------------------------------------------------------------------------------


def test_every_data_file_is_listed_and_small():
    folder = embedded_folder("emoji")
    listed = {line.split()[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    assert listed == {path.name for path in folder.iterdir() if path.suffix in (".tsv", ".npz")}
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_200_000


def test_unknown_pair_names_the_nearest_one():
    with pytest.raises(UsageError, match="did you mean 'fr-en'"):
        load_emoji("fr_en")
    with pytest.raises(UsageError, match=r"image_ratio must be in \[0, 1\], got 1.5"):
        load_emoji(image_ratio=1.5)


# --- the tool -------------------------------------------------------------------------------------------------


def test_codes_give_values_back_within_half_a_step(pairs_tool):
    values = np.random.default_rng(0).normal(size=(200, 5)) * (1, 10, 0.01, 3, 100)
    scale = np.abs(values).max(axis=0) / 127
    codes = pairs_tool("emoji_images").quantise(values, scale)
    assert codes.dtype == np.int8
    assert (np.abs(codes * scale - values) <= scale / 2 + 1e-12).all()


def test_keywords_lose_iso_codes_symbols_and_what_one_emoji_has(pairs_tool):
    facts = pairs_tool("emoji_facts")
    emoji = [
        {"hexcode": "1F1EB-1F1F7", "tags": ["FR", "flag", "country"]},
        {"hexcode": "1F1E9-1F1EA", "tags": ["DE", "flag", "country", "✓", "beer"]},
        {"hexcode": "2705", "tags": ["✓", "FR", "DE"]},
    ]
    assert facts.keywords_of(emoji) == [["country", "flag"], ["country", "flag"], []]
    assert facts.territory("1F1EB-1F1F7") == "FR"
    assert [facts.sequence_kind(code) for code in ("1F468-200D-1F527", "0023-20E3", "1F1EB-1F1F7", "1F431")] == [
        *("zwj", "keycap", "flag", ""),
    ]
