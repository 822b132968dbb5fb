"""Stand-ins for Azure on a developer's own machine. The app never imports this package."""
