"""Real videos: probe, manifest, split, decode, keep, and feed to mmaction2."""
