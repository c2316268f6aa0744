"""The names of what an experiment's figures measure; imports nothing, for the command line."""

PCC = "pcc"
COUNT = "significant"  # the number of significant neurons
