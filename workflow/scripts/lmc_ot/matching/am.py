"""Activation matching (paper, Section 6)."""

from .matcher import Matcher


class ActivationMatching(Matcher):
    """Minimise (1/n) ||Z_A - P Z_B||_F^2: S is the cross second moment of phi_l of A and B."""

    def __init__(self, centred: bool):
        self.centred = centred

    def similarity(self, layer):
        return layer.activations.second_moment(self.centred)

    def norms(self, layer):
        return layer.activations.squared_norms(self.centred)

    def gram(self, layer, centred):
        """Return E[phi_l phi_l^T], or if centred the covariance of phi_l."""
        return layer.moments_of_activations().second_moment(centred)
