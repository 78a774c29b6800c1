"""Exercises that answer back.

A lesson writes ``answer = None  # your code here`` and then ``tso.exercises.check("saturation-limit", answer, ...)``.
What else a checker needs (the arrays the lesson has just made, say) is passed by name. Checkers live in one module
per lesson, ``lesson_02.py`` and so on, and are registered with :func:`checker`; see CONTRIBUTING.md.
"""

from tso_helpers.course.exercises.core import Verdict, Wrong, check, checker, close_to, registry

__all__ = ["Verdict", "Wrong", "check", "checker", "close_to", "registry"]
