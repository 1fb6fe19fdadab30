"""Datasets: where rows come from, the span contract and what each column means."""
