"""A small Ray cluster on this machine, for a process of its own: Ray takes the signal handlers and keeps them."""

from collections.abc import Sequence

from deglare.fusion.many import Job, Recipe, label_on_ray


def faults_on_ray(jobs: Sequence[Job], recipe: Recipe) -> dict[str, str | None]:
    """Label on two cores; what went wrong, by name of the run."""
    import ray

    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False)
    try:
        return {outcome.job.out.name: outcome.fault for outcome in label_on_ray(jobs, recipe)}
    finally:
        ray.shutdown()
