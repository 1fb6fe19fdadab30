"""The DAG's stages in flow order; each turns settings and channels into components."""
