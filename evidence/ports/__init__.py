"""The ports that storage, custody, transcode and identity implement and that use cases are given."""
