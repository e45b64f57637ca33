"""A demonstration of Custos, seen only through what it offers everybody: its command line and its API."""
