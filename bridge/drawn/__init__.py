"""Messages drawn as HTML, close to how Slack, PagerDuty and GitHub show them."""
