"""When to train again: evidence in, a decision out, all of it kept in a ledger."""
