"""What about this machine spoils measurements: findings as typed data, read before anything is measured."""
