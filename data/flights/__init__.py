"""Flights that left New York City in 2013, one span a month; see README.md."""
