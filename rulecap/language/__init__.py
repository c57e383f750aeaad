"""What an expression may be, what it means, and how it is told."""
