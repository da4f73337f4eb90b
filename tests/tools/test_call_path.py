from mmkg.config.experiment import Experiment


def test_the_modules_of_a_call_are_those_whose_functions_run(load_tool):
    tool = load_tool("call_path")
    found = tool.modules_of(lambda: Experiment.of({"model": "mclea"}))
    assert found[0] == "mmkg.config.experiment" and "mmkg.settings" in found
    assert "mmkg.pipeline" not in found
    inside = tool.modules_of(lambda: Experiment.of({"seed": 3}), inside="check_seed")
    assert inside == ["mmkg.settings"]
    assert tool.modules_of(lambda: Experiment.of({}), inside="no_such_function") == []
