"""Own: assets that `dg scaffold defs` adds to this code location, as their authors write them.

In scope: experiments and other definitions next to the study's. Out of scope: the study's stages (defs/stages), whose
assets have tables, checks, lineage and a place in the published database.
"""
