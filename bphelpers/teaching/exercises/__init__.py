"""Exercises and predictions: what a lesson calls, and the two records its author writes.

A learner calls :func:`check` and :func:`predict`, which print, return nothing, and never raise because of an
answer: an exception would stop the lesson. :func:`agree` is the author's, and it does stop the lesson;
:func:`yours` lets a lesson go on with the learner's function.

An author writes ``bphelpers/lessons/lesson_NN.py`` with ``EXERCISES = {"NN.1": Exercise(...), ...}`` and
``PREDICTIONS = {"NN.A": Prediction(...), ...}``; above them, for each exercise, what its likely mistakes
give. It is loaded when the first of its keys is asked for.
"""

from bphelpers.teaching.exercises.agreeing import agree
from bphelpers.teaching.exercises.checking import check, yours
from bphelpers.teaching.exercises.predicting import predict
from bphelpers.teaching.exercises.records import Exercise, Mistakes, Prediction

__all__ = ["Exercise", "Mistakes", "Prediction", "agree", "check", "predict", "yours"]
