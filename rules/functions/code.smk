# A digest of a job's code as a parameter of its rule, so that an edit reruns the jobs it can affect.
from lmc_ot.provenance import code as code_digests


def code(script, *modules):
    """The digest of a script, of the library modules that it imports, and of these modules."""
    return code_digests.digest(SCRIPTS / script, modules)


def network_module(wildcards):
    return REGISTRIES["network"].module(setting_of(wildcards)["network"]["name"])


def network_code(script):
    return lambda w: code(script, network_module(w))
