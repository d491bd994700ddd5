# What code a job depends on, as a parameter of its rule: an edit reruns what it can change.
from lmc_ot.provenance import code as code_digests


def code(script, *modules):
    """Digest of a script, the library modules it imports, and those a registry adds."""
    return code_digests.digest(SCRIPTS / script, modules)


def network_code(script):
    return lambda w: code(
        script,
        REGISTRIES["network"].module(EXPERIMENTS[w.experiment]["network"]["name"]),
    )


def matcher_code(script):
    return lambda w: code(script, REGISTRIES["matcher"].module(matcher_of(w)["name"]))
