"""Property tests of the core: no deadline, for a slow machine is no defect, and the same examples each run."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "core", deadline=None, derandomize=True, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("core")
