"""The prediction log: what was asked, what was answered, and what turned out.

    logged_request   what a server or a proxy hands over
    log_writer       writes it, and never holds a request up
    log_reader       PredictionLog: reads it, with labels
    labels           labels that come late

log_layout draws the folder, log_schema the columns.
"""
