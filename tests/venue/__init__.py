"""Venues on this machine that answer as real ones do, for the real client of ccxt."""
