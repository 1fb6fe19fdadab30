"""The prediction log: what was asked, what was answered, and what turned out.

    logged_request   what a server or a proxy hands over
    log_writer       writes it in a thread, and never holds a request up
    log_process      writes it in a process of its own, for servers
    log_reader       PredictionLog: reads it, with labels
    labels           labels that come late

log_layout draws the folder, log_schema the columns.
"""
