"""From YAML text to a checked policy, with every finding at its place."""
