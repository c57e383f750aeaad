"""What the documents of the project are held to: they are read, their examples are run, their outputs compared."""
