"""The kinds of rules. Each says its model, its types, its code, its trace and its text."""
