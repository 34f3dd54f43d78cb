"""Metrics of the experiments, each module in the form of mir_eval: the conventions in its
docstring, `validate`, the metrics, and `evaluate`, which gives all of them by name.

Plain arrays in, plain numbers out; they know of no file, library or model.
"""
