"""From predicted depth to labels: how sure depth is, where projected depth takes its place, and what a run writes."""
