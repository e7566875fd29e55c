"""Gene sets: collections, lists and marker tables that a study names.

In scope: releases, files and formats of lists of genes. Out of scope: what a study uses them for (science).
"""
