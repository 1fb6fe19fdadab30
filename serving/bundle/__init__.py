"""The bundle: a version directory of TF Serving that can prove what it is.

    {model_base_path}/{model_name}/{version}/
        saved_model.pb  fingerprint.pb  variables/  assets/   what TF Serving reads
        assets.extra/
            contract.json                   contract.py: identity, origin, every file
            golden_batch.json               golden_batch.py: rows and their answers
            schema.pbtxt                    schema_file.py: the schema of training
            training_statistics.pb          TFDV's statistics of the training split
            tf_serving_warmup_requests      warmup.py: what TF Serving replays

TF Serving serves the directory unchanged: it reads the warm-up file and skips what
else lies in `assets.extra/`.
"""
