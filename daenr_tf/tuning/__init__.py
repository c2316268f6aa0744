"""Settings found on the validation set: what is searched, who suggests, how a trial is run, what comes out."""
