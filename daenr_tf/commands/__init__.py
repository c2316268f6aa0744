"""The command line: one file a command; only what stands here parses arguments."""
