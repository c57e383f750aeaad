"""The decisions over HTTP: the specification's endpoints, beside a policy that reloads and a log of every answer."""
