"""What ``dvc.yaml`` runs, a module per stage: reads files, calls other rooms, writes files.

``demo``, ``validate``, ``prepare``, ``train``, ``tune``, ``evaluate``, in this order; nothing
else is here.

Floor 7: imports rooms of floors 6 to 0, no neighbour.
"""
