"""The round trip with a PACS: what is new there is fetched, and what was found is brought back.

``peers`` (who is asked, in a file of its own) and ``ledger`` (what is done, in SQLite) are below
the steps ``poll``, ``fetch``, ``record``, ``send`` and ``confirm``; ``status`` tells what a person
must decide, ``sent`` which reports a later one may name, ``receive`` takes what is sent to us,
``echo`` tries the ways. ``_link`` is what a way to a peer can do, ``_web``, ``_orthanc`` and
``_dimse`` are the ways, ``_reach`` chooses one, ``_patience`` waits with one object alone,
``_audit`` is who did what; ``demo`` starts a PACS for a try.

Floor 7: imports rooms of floors 6 to 0, no neighbour.
"""
