# A job that takes longer than it may, and whose time does not grow before the test ends.
rule all:
    input:
        "slow.txt",


rule slow:
    output:
        "slow.txt",
    log:
        "slow.log",
    resources:
        mem_mb=500,
        runtime=1,
    shell:
        "echo started > {log}; sleep 600; touch {output}"
