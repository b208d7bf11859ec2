"""From a video file without poses to a run with depth, mesh and labels."""
