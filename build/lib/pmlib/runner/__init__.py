"""The run: a study in, a run folder out.

``request`` says what was asked for, ``journal`` what is there already and up to date, ``stage``
executes one notebook in a process of its own, ``run`` puts them in order.
"""
