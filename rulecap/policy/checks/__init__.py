"""The checks that make a typed policy of a written one, one part of a policy a file; each notes all that it finds."""
