"""An indoor clip without poses becomes a run: frames, cameras, scale, a verdict on them, depth and a mesh."""
