"""Linear mode connectivity, measured: paths between matched networks, barriers, dimensions.

Interpolation, approximate dimension, independence of neurons, and a bootstrap over networks.
"""
