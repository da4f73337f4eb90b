import json

from commands import example, one_line


def test_the_example_of_explain_says_why(run, small_run, small_result):
    left = small_result.entities[0].labels[int(small_result.linked().left[0])]
    places = {"RUN": small_run, "chat": left}
    words = [str(places.get(word, word)) for word in example("explain")]
    done = run(*words)
    assert done.code == 0 and done.err == "", done.err
    best = small_result.search(left, k=1)[0]
    assert done.out.strip() == str(small_result.explain((left, best.row)))
    assert "Rules: both " in done.out
    values = json.loads(run(*words, "--right", best.label, "--json").out)
    assert values["right"] == best.label and values["rules"]["pieces"][0]["weight"] > 0


def test_an_unknown_entity_is_named(run, small_run):
    assert "nowhere" in one_line(run("explain", small_run, "--left", "nowhere"), 2)
