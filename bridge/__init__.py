"""The Grafana alert bridge: one message, one page, one issue per incident."""

__version__ = "0.1.0"
