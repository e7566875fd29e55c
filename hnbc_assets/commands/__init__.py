"""The commands of `hnbc`, one file per command, and what they share.

In scope: arguments, what is printed, exit statuses, processes that are started and stopped. Out of scope: definitions
(defs), storage (lake), computation (science). Modules import only click at the top: `hnbc --help` answers at once.
"""
