"""Tests of what is deployed and how: the Bicep, the hooks, the package, the settings, the pipelines."""
