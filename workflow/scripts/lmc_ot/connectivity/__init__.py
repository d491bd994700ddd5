"""Measures of linear mode connectivity: paths between matched networks and their barriers.

Also approximate dimension, independence of neurons, and a bootstrap over networks.
"""
