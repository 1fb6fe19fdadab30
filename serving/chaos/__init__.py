"""Ten ways a model goes wrong between training and serving, each done on purpose.

A failure is injected into a copy of a bundle and the copy sealed again, as a careless
rebuild would: every hash is right. What still refuses it is a guard that works.

    failure_mode.py      what a failure mode is
    failure_modes.py     the ten of them
    rehearse.py          injects each into a copy and says what caught it
    saved_model_edit.py  opens and rewires a SavedModel's graph
"""
