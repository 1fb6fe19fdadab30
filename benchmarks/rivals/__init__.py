"""What slipway is measured against: the same job, built by other means."""
