"""Datasets: which samples with which labels, weights and parts a model is made and judged by, fixed by digest.

- `snapshot`: the document.
"""
