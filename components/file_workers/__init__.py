"""Work on one file at a time, in processes forked for it, for the Beam components."""
