"""What is stored: receipts, alerts, incidents, deliveries, lanes, history. Knows no configuration, no destinations."""
