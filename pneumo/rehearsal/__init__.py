"""What a recipe will take: every stage on real data for a few steps, and what would fail later.

In the order of a rehearsal: ``_checks`` (what would fail), ``_needs`` (room, by arithmetic),
``_sample`` (some of the data), ``stage`` (one stage in a process of its own), ``_processes`` (its
memory from outside), ``_run`` (the stages in their order), ``_forecast`` (what the whole takes),
``_told``.

Floor 8: imports rooms of floors 7 to 0, no neighbour. Other rooms use ``rehearse``.
"""
