from mmkg.data.texts.folding import folded


def test_letter_case_width_and_spaces_make_no_difference():
    assert folded("  Ｌｏｕｖｒｅ\tMUSEUM \n") == "louvre museum"
    assert folded("Straße") == folded("STRASSE") == "strasse"
    assert folded("é") == folded("e\u0301") and folded("") == ""
