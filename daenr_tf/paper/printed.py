"""The paper's tables as text, in their own layout: results (2-6), counts (7), loss weights (8-13). `daenr_tf.paper` reads cells out of them."""

# Image reconstruction, all neurons. Columns: regions 1, 2, 3, each MSE, PSNR (dB), SSIM.
TABLE_2 = """
CAE      0.022 23.709 0.771  0.024 23.338 0.754  0.081 17.039 0.561
CAE-FR1  0.021 23.829 0.776  0.023 23.392 0.753  0.044 19.751 0.763
CAE-FR2  0.021 23.779 0.775  0.023 23.440 0.759  0.043 19.819 0.764
CAE-FR3  0.021 23.778 0.775  0.024 23.330 0.755  0.043 19.789 0.761
CAE-FR4  0.022 23.721 0.773  0.023 23.491 0.760  0.059 18.462 0.668
"""

# Image reconstruction in region 3 with one group of neurons only. Columns: MSE, SSIM, PSNR (in this order), each with significant neurons, then
# with insignificant ones.
TABLE_3 = """
CAE-FR1  0.043 0.125  0.761 0.332  19.784 15.168
CAE-FR2  0.047 0.082  0.743 0.547  19.467 16.970
CAE-FR3  0.049 0.116  0.724 0.362  19.245 15.463
CAE-FR4  0.047 0.045  0.740 0.752  19.497 19.628
"""

# PCC. Columns: h1, h2, h3, h4, each CNN-FR, then CAE-FR.
TABLE_4 = """
Region-1  0.341 0.346  0.467 0.476  0.454 0.455  0.441 0.463
Region-2  0.257 0.281  0.384 0.400  0.333 0.338  0.301 0.345
Region-3  0.246 0.260  0.361 0.388  0.372 0.404  0.385 0.393
"""

# Image reconstruction in region 3, all neurons. Columns: h1, h2, h3, h4, each MSE, PSNR (dB), SSIM.
TABLE_5 = """
CAE        0.074 17.289 0.593  0.074 17.289 0.593  0.074 17.289 0.593  0.074 17.289 0.593
CAE-FR     0.043 19.832 0.764  0.043 19.852 0.767  0.045 19.698 0.758  0.051 19.107 0.718
CAE-FC     0.043 19.876 0.768  0.044 19.811 0.763  0.061 18.290 0.734  0.044 19.802 0.760
CAE-FM     0.045 19.692 0.761  0.043 19.843 0.764  0.044 19.818 0.761  0.044 19.757 0.757
VAE        0.104 15.983 0.402  0.104 15.983 0.402  0.104 15.983 0.402  0.104 15.983 0.402
VAE-FR     0.101 16.106 0.414  0.101 16.066 0.409  0.101 16.083 0.417  0.102 16.063 0.414
VAE-FC     0.103 16.003 0.412  0.101 16.094 0.412  0.101 16.096 0.416  0.101 16.089 0.418
VAE-FM     0.102 16.046 0.415  0.101 16.073 0.414  0.102 16.025 0.413  0.103 16.017 0.412
VQ-VAE     0.082 16.959 0.497  0.082 16.959 0.497  0.082 16.959 0.497  0.082 16.959 0.497
VQ-VAE-FR  0.071 17.636 0.569  0.069 17.741 0.568  0.073 17.487 0.557  0.071 17.581 0.560
VQ-VAE-FC  0.076 17.264 0.526  0.075 17.324 0.525  0.072 17.539 0.547  0.067 17.839 0.581
VQ-VAE-FM  0.068 17.782 0.572  0.068 17.791 0.571  0.091 16.496 0.546  0.072 17.508 0.542
"""

# PCC. Columns: regions 1, 2, 3, each h1, h2, h3, h4.
TABLE_6 = """
CNN-FR     0.335 0.455 0.432 0.431  0.254 0.375 0.309 0.305  0.244 0.348 0.350 0.359
CAE-FR     0.338 0.471 0.449 0.452  0.277 0.396 0.319 0.348  0.254 0.377 0.397 0.394
VAE-FR     0.338 0.479 0.455 0.450  0.277 0.386 0.317 0.342  0.269 0.375 0.382 0.404
VQ-VAE-FR  0.349 0.470 0.463 0.444  0.295 0.388 0.337 0.349  0.261 0.394 0.382 0.387
CNN-FC     0.343 0.349 0.397 0.435  0.247 0.268 0.292 0.328  0.325 0.316 0.344 0.374
CAE-FC     0.349 0.382 0.415 0.438  0.266 0.281 0.319 0.341  0.335 0.341 0.384 0.399
VAE-FC     0.340 0.383 0.418 0.438  0.255 0.290 0.321 0.343  0.337 0.337 0.379 0.398
VQ-VAE-FC  0.347 0.377 0.415 0.434  0.264 0.289 0.313 0.361  0.338 0.341 0.388 0.427
CNN-FM     0.150 0.222 0.110 0.220  0.123 0.186 0.127 0.162  0.064 0.140 0.102 0.178
CAE-FM     0.154 0.235 0.115 0.227  0.134 0.222 0.144 0.182  0.073 0.171 0.109 0.203
VAE-FM     0.149 0.238 0.125 0.240  0.136 0.224 0.131 0.176  0.074 0.172 0.111 0.201
VQ-VAE-FM  0.153 0.239 0.115 0.221  0.135 0.221 0.136 0.162  0.069 0.162 0.111 0.200
"""

# Columns: training images (presentations of each), test images (presentations of each), neurons.
TABLE_7 = """
Region-1  1800 1  50 10  103
Region-2  1260 1  50  8   55
Region-3  1800 1  50 12  102
"""

# alpha:beta for image reconstruction. Columns: regions 1, 2, 3.
TABLE_8 = """
CAE-FR1  1e-0:1e-5 1e-0:1e-3 1e-0:1e-4
CAE-FR2  1e-0:1e-5 1e-0:1e-4 1e-0:1e-3
CAE-FR3  1e-0:1e-4 1e-0:1e-3 1e-0:1e-5
CAE-FR4  1e-0:1e-5 1e-0:1e-4 1e-0:1e-4
"""

# alpha:beta for neural representation similarity. Columns: regions 1, 2, 3.
TABLE_9 = """
CAE-FR1  1e-0:9e-1 7e-1:1e-0 8e-1:1e-0
CAE-FR2  7e-1:1e-0 1e-0:1e-2 4e-1:1e-0
CAE-FR3  1e-0:6e-1 1e-4:1e-0 1e-0:4e-1
CAE-FR4  1e-0:9e-1 1e-0:1e-2 1e-0:9e-1
"""

# alpha:beta for image reconstruction in region 3. Columns: h1, h2, h3, h4.
TABLE_10 = """
CAE-FR     1e-0:1e-4 1e-0:5e-3 1e-0:1e-3 1e-0:1e-3
CAE-FC     1e-0:1e-4 1e-0:1e-4 1e-0:1e-4 1e-0:1e-4
CAE-FM     1e-0:2e-1 1e-0:1e-3 1e-0:1e-4 1e-0:1e-4
VAE-FR     1e-0:2e-2 1e-0:1e-2 1e-0:2e-1 1e-0:5e-3
VAE-FC     1e-0:1e-2 1e-0:5e-3 1e-0:1e-3 1e-0:1e-1
VAE-FM     1e-0:5e-3 1e-0:5e-2 1e-0:2e-1 1e-0:5e-3
VQ-VAE-FR  1e-0:2e-2 1e-0:2e-1 1e-0:1e-2 1e-0:1e-3
VQ-VAE-FC  1e-0:1e-3 1e-0:1e-4 1e-0:1e-4 1e-0:1e-4
VQ-VAE-FM  1e-0:2e-1 1e-0:1e-3 1e-0:1e-2 1e-0:1e-3
"""

# alpha:beta for neural representation similarity in region 1. Columns: h1, h2, h3, h4.
TABLE_11 = """
CAE-FR     1e-0:5e-1 1e-0:5e-2 1e-0:5e-2 1e-0:1e-2
VAE-FR     1e-3:1e-0 2e-2:1e-0 1e-3:1e-0 1e-1:1e-0
VQ-VAE-FR  1e-0:2e-2 1e-0:2e-1 1e-0:5e-3 1e-0:2e-1
CAE-FC     5e-3:1e-0 1e-3:1e-0 2e-2:1e-0 1e-2:1e-0
VAE-FC     2e-2:1e-0 1e-0:1e-2 2e-1:1e-0 1e-3:1e-0
VQ-VAE-FC  1e-0:1e-1 1e-0:5e-1 1e-4:1e-0 1e-2:1e-0
CAE-FM     1e-2:1e-0 5e-1:1e-0 1e-0:1e-1 1e-0:5e-1
VAE-FM     1e-4:1e-0 1e-3:1e-0 1e-1:1e-0 1e-1:1e-0
VQ-VAE-FM  1e-1:1e-0 1e-1:1e-0 1e-0:1e-2 1e-0:1e-0
"""

# The same in region 2.
TABLE_12 = """
CAE-FR     1e-0:2e-1 1e-0:2e-2 5e-3:1e-0 1e-0:5e-3
VAE-FR     5e-3:1e-0 2e-1:1e-0 5e-2:1e-0 5e-1:1e-0
VQ-VAE-FR  1e-0:1e-1 2e-1:1e-0 1e-0:1e-2 1e-0:2e-1
CAE-FC     1e-2:1e-0 5e-3:1e-0 1e-0:5e-2 1e-4:1e-0
VAE-FC     1e-2:1e-0 5e-3:1e-0 1e-0:5e-1 1e-4:1e-0
VQ-VAE-FC  1e-0:1e-0 5e-3:1e-0 1e-3:1e-0 1e-3:1e-0
CAE-FM     1e-0:1e-1 1e-0:1e-2 1e-0:5e-3 1e-0:5e-3
VAE-FM     5e-2:1e-0 1e-4:1e-0 5e-3:1e-0 2e-2:1e-0
VQ-VAE-FM  1e-0:5e-2 5e-2:1e-0 1e-0:1e-1 1e-0:5e-1
"""

# The same in region 3. The paper labels the last row "VQ-VAE-FM4"; it is read as a row like the others.
TABLE_13 = """
CAE-FR     1e-0:1e-1 1e-0:1e-0 1e-0:5e-2 1e-0:1e-2
VAE-FR     1e-0:1e-4 5e-1:1e-0 1e-2:1e-0 1e-0:1e-0
VQ-VAE-FR  1e-0:2e-1 1e-0:2e-2 1e-0:1e-0 1e-4:1e-0
CAE-FC     1e-0:2e-1 5e-2:1e-0 1e-0:1e-1 1e-0:2e-1
VAE-FC     1e-3:1e-0 1e-2:1e-0 5e-3:1e-0 2e-1:1e-0
VQ-VAE-FC  1e-1:1e-0 1e-3:1e-0 1e-2:1e-0 1e-4:1e-0
CAE-FM     5e-3:1e-0 1e-0:5e-3 1e-0:5e-1 1e-2:1e-0
VAE-FM     1e-3:1e-0 1e-0:2e-1 2e-2:1e-0 5e-2:1e-0
VQ-VAE-FM  1e-0:5e-1 1e-4:1e-0 1e-3:1e-0 1e-3:1e-0
"""

# Klindt, Ecker, Euler and Bethge, "Neural system identification for large populations separating 'what' and 'where'", NIPS 2017: mean PCC on the
# same recordings, each the best of many fits by validation. Columns: regions 1, 2, 3.
KLINDT_2017 = """
CNN-FR  0.55 0.45 0.49
CNN-FC  0.47 0.34 0.43
CNN-FM  0.45 0.38 0.41
HSM     0.51 0.43 0.46
LNP     0.37 0.30 0.38
"""
