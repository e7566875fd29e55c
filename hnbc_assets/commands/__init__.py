"""The commands of `hnbc`: one file per command, and process, execution, progress and printing, which they share.

In scope: arguments, what is printed, exit statuses, processes that are started and stopped. Out of scope: definitions
(defs), storage (lake), computation (science). Modules import nothing slow at the top:
`hnbc --help` answers at once.
"""
