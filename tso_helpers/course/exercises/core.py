"""The registry of checkers, and the one function that a lesson calls."""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

NOT_ATTEMPTED = "Not attempted yet: replace None by your answer and run this cell again."


class Wrong(Exception):
    """Raised by a checker: the answer is wrong, and this is the mistake that it looks like."""


@dataclass(frozen=True)
class Verdict:
    """What `check` found; true when the answer is right.

    Attributes
    ----------
    right : bool
    message : str
        What was printed.
    """

    right: bool
    message: str

    def __bool__(self):
        return self.right

    def _ipython_display_(self):
        """Nothing: `check` has already printed the message, and a notebook would echo it again."""


@dataclass(frozen=True)
class Exercise:
    """One exercise: its checker, and what a test needs to prove that the checker tells answers apart.

    Attributes
    ----------
    slug : str
        Its name in the lesson.
    judge : callable
        The decorated function, see `checker`.
    expects : str
        What an answer is, with its unit.
    solution : object or callable
        A right answer in the context `example`.
    wrong : dict of str to (object or callable)
        Named wrong answers in the same context.
    example : dict or callable
        A small made-up context, or a function that makes it.
    """

    slug: str
    judge: Callable[..., str | None]
    expects: str
    solution: Any
    wrong: Mapping[str, Any]
    example: Mapping[str, Any] | Callable[[], Mapping[str, Any]] = field(default_factory=dict)

    def context(self):
        """Make the small context in which `solution` is right and each of `wrong` is not.

        Returns
        -------
        dict
        """
        return self.example() if callable(self.example) else dict(self.example)


_exercises: dict[str, Exercise] = {}


def checker(slug, *, expects, solution, wrong, example=None):
    """Register the decorated function as the checker of one exercise.

    The function takes the answer and the context by name. It returns a sentence that says why the answer is
    right (or None), and raises `Wrong` with the likely mistake otherwise.

    Parameters
    ----------
    slug : str
        Name of the exercise in the lesson, ``"saturation-limit"``.
    expects : str
        What an answer is, with its unit: ``"a number of DN"``. Shown when the answer is of another kind.
    solution : object or callable
        A right answer in the context `example`; a callable is called with that context.
    wrong : dict of str to (object or callable)
        At least two named wrong answers in the same context, each with a message of its own.
    example : dict or callable, optional
        A small made-up context, or a function that makes it, so that the checker is tested without any data.

    Returns
    -------
    callable
        A decorator.
    """

    def register(judge):
        if slug in _exercises and _exercises[slug].judge.__module__ != judge.__module__:
            raise ValueError(
                f"two checkers are called {slug!r}: in {_exercises[slug].judge.__module__} and in {judge.__module__}"
            )
        if len(wrong) < 2:
            raise ValueError(f"checker {slug!r} must name at least two wrong answers")
        _exercises[slug] = Exercise(slug, judge, expects, solution, dict(wrong), example or {})
        return judge

    return register


def registry():
    """Return all exercises, those of every lesson.

    Returns
    -------
    dict of str to Exercise
        By slug.
    """
    package = import_module("tso_helpers.course.exercises")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("lesson_"):
            import_module(f"{package.__name__}.{module.name}")
    return dict(_exercises)


def _find(slug):
    exercises = registry()
    if slug not in exercises:
        near = difflib.get_close_matches(slug, exercises, n=3) or sorted(exercises)
        raise KeyError(f"there is no exercise {slug!r}; did you mean {' or '.join(map(repr, near))}?")
    return exercises[slug]


def judge(exercise, answer, **context):
    """Judge an answer, without printing the verdict.

    Parameters
    ----------
    exercise : Exercise
    answer : object
        None: not attempted.
    **context
        What the checker needs besides, by name.

    Returns
    -------
    Verdict
    """
    if answer is None:
        return Verdict(False, NOT_ATTEMPTED)
    try:
        why = exercise.judge(answer, **context)
    except Wrong as mistake:
        return Verdict(False, f"Not yet: {mistake}")
    except (TypeError, ValueError, IndexError, AttributeError, KeyError) as problem:
        kind = type(answer).__name__ + (f" of shape {np.shape(answer)}" if hasattr(answer, "shape") else "")
        return Verdict(False, f"Not yet: the answer should be {exercise.expects}; yours is a {kind} ({problem}).")
    return Verdict(True, f"Right! {why}" if why else "Right!")


def check(slug, answer, **context):
    """Say whether an answer is right and, when it is not, which mistake it looks like.

    Parameters
    ----------
    slug : str
        Name of the exercise, as the lesson gives it.
    answer : object
        The learner's answer; None means that it has not been attempted.
    **context
        What the checker needs from the lesson (arrays, models, the observation), by name.

    Returns
    -------
    Verdict
        True in a condition when the answer is right. The message is printed as well.

    Raises
    ------
    KeyError
        There is no exercise of that name; the message lists the nearest ones.
    """
    verdict = judge(_find(slug), answer, **context)
    print(verdict.message)
    return verdict


def close_to(answer, value, rtol=0.01, atol=0.0):
    """Return True if a number or an array is the expected one within a tolerance.

    Parameters
    ----------
    answer, value : float or array
        What was given, and what is expected; of another shape, they are not close.
    rtol, atol : float
        Relative and absolute tolerance.

    Returns
    -------
    bool
    """
    if np.shape(answer) != np.shape(value):
        return False
    pairs = zip(np.atleast_1d(answer), np.atleast_1d(value), strict=True)  # ramps piece by piece, to save memory
    return all(
        np.allclose(np.asarray(one, dtype=float), np.asarray(other, dtype=float), rtol=rtol, atol=atol, equal_nan=True)
        for one, other in pairs
    )
