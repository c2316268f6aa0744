"""The names of what an experiment's figures measure. Imports nothing, for the command line's sake."""

IMAGE_METRICS = ("mse", "psnr", "ssim")
PCC = "pcc"
COUNT = "significant"  # the number of significant neurons
