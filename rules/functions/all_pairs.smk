# Functions of the config for `rules/all_pairs.smk`.


def all_pairs_of(wildcards):
    return labels.all_pairs(setting_of(wildcards))
