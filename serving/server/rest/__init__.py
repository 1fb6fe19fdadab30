"""The REST side of the model server, as TF Serving speaks it.

    connection      bytes <-> requests and answers, in order, on one connection
      request_reader  HTTP/1.1, with every limit
      model_api       a request -> an answer
        routes          path -> model, version, what is asked
        json_text       body -> JSON value
        predict_request JSON value -> arrays      (row_blocks, tensor_walk)
        predict_answer  arrays -> body            (decimals, json_layout)
        example_*       classify and regress
        model_json      status, metadata and errors
    server          listening, limits over all connections, draining

Nothing here imports TensorFlow.

What differs from TF Serving, each time on purpose:

    a name given twice in an object     refused; it takes the first or shifts rows
    text that is not UTF-8              refused; it passes any bytes on
    output text that is not UTF-8       U+FFFD; it writes invalid JSON
    a whole number beyond (u)int8, 16   refused; it wraps
    errors about a column               name the input
    values in errors                    end after 1,000 characters
    a version beyond int64              400 with a body; it sends none
    outputs of several names            in alphabetical order; it has none
    a body beyond a limit               413, 431, 408, 429, 503; it has no limits
    paths outside /v1/                  404 with JSON; libevent sends HTML
    half-closed connections             a client that closes its side has hung up
"""
