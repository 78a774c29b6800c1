"""Every checker tells the stub, the solution and its wrong answers apart, without any data."""

import numpy as np
import pytest

from tso_helpers.course import exercises
from tso_helpers.course.exercises import core


def _value(candidate, context):
    return candidate(**context) if callable(candidate) else candidate


@pytest.mark.parametrize("slug", sorted(exercises.registry()))
def test_stub_solution_and_wrong_answers_get_different_messages(slug):
    exercise = exercises.registry()[slug]
    context = exercise.context()
    stub = core.judge(exercise, None, **context)
    solution = core.judge(exercise, _value(exercise.solution, context), **context)
    wrong = {name: core.judge(exercise, _value(value, context), **context) for name, value in exercise.wrong.items()}

    assert not stub
    assert solution, solution.message
    assert not any(wrong.values()), {name: verdict.message for name, verdict in wrong.items() if verdict}
    messages = [stub.message, solution.message, *(verdict.message for verdict in wrong.values())]
    assert len(set(messages)) == len(messages), messages


@pytest.mark.parametrize("slug", sorted(exercises.registry()))
@pytest.mark.parametrize("odd", ["a word", [], {}, np.nan, object()], ids=["str", "list", "dict", "nan", "object"])
def test_odd_answers_never_raise_and_are_never_right(slug, odd):
    exercise = exercises.registry()[slug]
    assert not core.judge(exercise, odd, **exercise.context())


@pytest.fixture
def made_up(monkeypatch):
    monkeypatch.setattr(core, "_exercises", dict(core._exercises))

    @exercises.checker("made-up", expects="a number", solution=4, wrong={"a": 3, "b": 5})
    def made_up(answer):
        if not exercises.close_to(answer, 4):
            raise exercises.Wrong("that is not two and two")
        return "Two and two."


@pytest.mark.usefixtures("made_up")
def test_check_prints_and_returns_the_verdict(capsys):
    assert exercises.check("made-up", 4)
    assert capsys.readouterr().out == "Right! Two and two.\n"
    assert not exercises.check("made-up", None)
    assert capsys.readouterr().out.startswith("Not attempted yet")
    assert not exercises.check("made-up", 3.5)
    assert capsys.readouterr().out == "Not yet: that is not two and two\n"
    assert not exercises.check("made-up", "four")
    assert "should be a number; yours is a str" in capsys.readouterr().out


@pytest.mark.usefixtures("made_up")
def test_unknown_exercise_names_the_nearest():
    with pytest.raises(KeyError, match="made-up"):
        exercises.check("madeup", 4)


@pytest.mark.usefixtures("made_up")
def test_a_slug_is_used_once():
    def judge(answer):
        return None

    judge.__module__ = "tso_helpers.course.exercises.lesson_99"
    with pytest.raises(ValueError, match="two checkers"):
        exercises.checker("made-up", expects="", solution=1, wrong={"a": 1, "b": 2})(judge)


def test_fewer_than_two_wrong_answers_are_refused():
    with pytest.raises(ValueError, match="two wrong answers"):
        exercises.checker("another", expects="", solution=1, wrong={"a": 1})(lambda answer: None)


def test_close_to_minds_the_shape():
    assert exercises.close_to(1.005, 1)
    assert not exercises.close_to(1.02, 1)
    assert not exercises.close_to([1, 1], 1)
