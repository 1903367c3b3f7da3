"""The first set-up: the bridge's own side, and Grafana's."""
