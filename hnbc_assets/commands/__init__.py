"""The commands of `hnbc`, one file a command, and what they share.

Belongs here: arguments, what is printed, exit statuses, processes that are started and stopped. Does not: definitions
(defs), storage (lake), computation (science). Modules import click alone at the top: `hnbc --help` answers at once.
"""
