"""The command lmc-ot: its answers, and one line for what it cannot do."""

import pytest

from lmc_ot.cli import main


def test_the_reference_page_is_printed(capsys, repository):
    assert main(["reference"]) == 0
    assert capsys.readouterr().out == (repository / "config/README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["usage", "absent"], "lmc-ot usage: benchmark/absent: no benchmark files"),
        (["crate", "absent.yaml"], "lmc-ot crate: absent.yaml: cannot be read"),
        (["crate"], "lmc-ot crate: config/config.yaml: cannot be read"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(capsys, monkeypatch, tmp_path, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    answer = capsys.readouterr()
    assert answer.out == "" and answer.err.count("\n") == 1
    assert answer.err.startswith(said)


@pytest.mark.parametrize("command", ["", "crate", "usage", "reference", "groups"])
def test_every_command_has_help(capsys, command):
    with pytest.raises(SystemExit) as ended:
        main([*filter(None, [command]), "--help"])
    assert ended.value.code == 0
    assert "usage: lmc-ot" in capsys.readouterr().out
