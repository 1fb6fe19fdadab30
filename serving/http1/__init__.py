"""HTTP/1 as the server and the router speak it: connections, limits, whole requests."""
