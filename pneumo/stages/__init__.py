"""What ``dvc.yaml`` runs, a module per stage: reads files, calls other rooms, writes files.

``demo``, ``validate``, ``prepare``, ``train``, ``tune``, ``evaluate``, in this order; nothing
else is here.
"""
