"""The simulation of benchmarks/cluster.py hands out each job, and loses none with a machine."""

import runpy

import pytest

from helpers.scripts import ROOT

CLUSTER = runpy.run_path(str(ROOT / "benchmarks" / "cluster.py"))
finish, Loss = CLUSTER["finish"], CLUSTER["Loss"]


@pytest.mark.parametrize(
    ("jobs", "machines", "cores", "ends"),
    [
        ([10, 10, 10, 10], 1, 1, 45),
        ([10, 10, 10, 10], 1, 2, 25),
        ([10, 10, 10, 10], 4, 1, 15),
        ([10, 10, 10, 10], 8, 2, 15),  # more cores than jobs
        ([30, 10, 10, 10], 2, 1, 35),  # the slowest decides
    ],
)
def test_a_free_core_takes_the_next_job(jobs, machines, cores, ends):
    assert finish(jobs, machines, cores, start=5) == ends


def test_what_a_lost_machine_had_begun_is_done_again():
    # The only machine: one job is done at 10, one is lost at 15, and another machine begins at 15 + 2 + 20 + 0.
    assert finish([10, 10], 1, 1, 0, Loss(at=15, noticed=2, replaced=20)) == 47
    # Another machine takes the lost job as soon as it is noticed and the machine is free.
    assert finish([10, 10, 10], 2, 1, 0, Loss(at=5, noticed=2, replaced=1000)) == 30
    # A machine that had nothing more to do is no loss.
    assert finish([10, 40], 2, 1, 0, Loss(at=20, noticed=2, replaced=5)) == 40


def test_a_loss_never_makes_it_faster_by_more_than_the_machine_that_replaces_it():
    jobs = CLUSTER["uneven"](10.0, 60, 0.5, 3.0)
    whole = finish(jobs, 3, 2, 1)
    for at in range(0, int(whole), 7):
        assert whole <= finish(jobs, 3, 2, 1, Loss(at, 5, 60)) <= whole + 5 + max(jobs) + sum(jobs) / 6


def test_the_table_has_a_row_for_each_job_and_number_of_machines(capsys):
    CLUSTER["main"](
        ["--rates", "mlp=1000", "--forms", "1600000", "--machines", "1", "2", "--store", "1e9", "--spread", "0"]
    )
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][1:]
    assert [row[1] for row in rows] == ["1", "2"] * 3
    # 16 shards of 100 s on 16 cores, two minutes after the machine was asked for, one shard in a hundred slower.
    assert rows[0][0] == "| score 1,600,000 forms, `mlp`"
    assert rows[0][2] == "3 min 41 s"
