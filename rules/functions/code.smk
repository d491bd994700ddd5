# A digest of a job's code as a parameter of its rule, so that an edit reruns the jobs it can affect.
from lmc_ot.provenance import code as code_digests


def code(script, *modules):
    """The digest of a script, of the library modules that it imports, and of these modules.

    A module is given by its full name, a file of the user by its path.
    """
    return code_digests.digest(SCRIPTS / script, modules)


def own_files(block):
    """The user's own file that a block names, in a list that is empty if it names none."""
    return [file for file in [labels.own_file(block)] if file]


def network_modules(setting):
    """The module of a setting's network, and the user's own file if the network is in one."""
    block = network_of(setting)
    return [REGISTRIES["network"].module(block["name"]), *own_files(block)]


def loss_modules(setting):
    """The user's own file if a setting's loss is in one."""
    return own_files({"target": loss_of(setting)})


def network_code(script):
    return lambda w: code(script, *network_modules(setting_of(w)))


def loss_code(script):
    """As `network_code`, of a script that also computes the loss of the networks."""
    return lambda w: code(
        script, *network_modules(setting_of(w)), *loss_modules(setting_of(w))
    )
