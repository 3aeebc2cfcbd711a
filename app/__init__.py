"""PR Telemetry: debugging sessions as data that can be trusted."""

__version__ = "0.1.0"
