# A digest of a job's code, as a parameter of its rule: an edit reruns the jobs that it can change.
from lmc_ot.provenance import code as code_digests


def code(script, *modules):
    """Digest of a script, the library modules it imports, and those a registry adds."""
    return code_digests.digest(SCRIPTS / script, modules)


def network_module(wildcards):
    return REGISTRIES["network"].module(setting_of(wildcards)["network"]["name"])


def network_code(script):
    return lambda w: code(script, network_module(w))
