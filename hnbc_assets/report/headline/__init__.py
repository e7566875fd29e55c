"""The headline: what the study found, in a few printed lines.

In scope: wording. Out of scope: figures (figures), what a release changed (release).
"""
