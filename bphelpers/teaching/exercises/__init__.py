"""Exercises and predictions: three functions that a lesson calls, and the two records its author writes.

A learner calls :func:`check`, :func:`hint` and :func:`predict`. All three print, return nothing, and never
raise because of an answer: an exception in the middle of a lesson would stop the lesson.

An author writes one module per lesson, ``bphelpers/lessons/lesson_NN.py``, that defines
``EXERCISES = {"NN.1": Exercise(...), ...}`` and ``PREDICTIONS = {"NN.A": Prediction(...), ...}``. It is
loaded when the first of its keys is asked for.
"""

from bphelpers.teaching.exercises.checking import check, hint
from bphelpers.teaching.exercises.predicting import predict
from bphelpers.teaching.exercises.records import Exercise, Prediction

__all__ = ["Exercise", "Prediction", "check", "hint", "predict"]
