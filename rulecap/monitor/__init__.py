"""The monitor: an account read every half minute and decided on; what changed is told, reductions are sent."""
