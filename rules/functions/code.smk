# A digest of a job's code as a parameter of its rule, so that an edit reruns the jobs it can affect.
from lmc_ot.provenance import code as code_digests


def code(script, *modules):
    """The digest of a script, of the library modules that it imports, and of these modules.

    A module is given by its full name, a file of the user by its path.
    """
    return code_digests.digest(SCRIPTS / script, modules)


def network_modules(setting):
    """The module of a setting's network, and the user's own file if the network is in one."""
    block = network_of(setting)
    own = labels.own_file(block)
    return [REGISTRIES["network"].module(block["name"]), *([own] if own else [])]


def loss_modules(setting):
    """The user's own file if a setting's loss is in one."""
    own_file = labels.own_file({"target": loss_of(setting)})
    return [own_file] if own_file else []


def network_code(script):
    return lambda w: code(script, *network_modules(setting_of(w)))


def loss_code(script):
    """As `network_code`, of a script that also computes the loss of the networks."""
    return lambda w: code(
        script, *network_modules(setting_of(w)), *loss_modules(setting_of(w))
    )
