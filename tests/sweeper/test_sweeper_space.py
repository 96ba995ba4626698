"""The search space alone: what is read from overrides, and what is written into a job's."""

import math
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hypothesis import given
from hypothesis import strategies as st

from hydra_plugins.hydra_hyperopt_sweeper._override_values import encode, plain
from hydra_plugins.hydra_hyperopt_sweeper._space import Space
from hydra_plugins.hydra_hyperopt_sweeper._suggestion import Suggester, algorithm
from hydra_plugins.hydra_hyperopt_sweeper.sweep import SweepError, read_space


def space(*arguments: str, **params: Any) -> Space:
    return read_space(params, list(arguments), config_loader=None)  # type: ignore[arg-type] - only glob() needs one


def values(*arguments: str, params: dict[str, Any] | None = None) -> list[list[str]]:
    found = read_space(params or {}, list(arguments), config_loader=None)  # type: ignore[arg-type]
    return [found.overrides(point) for point in found.points(seed=0)]


def parsed(text: str) -> Any:
    return OverridesParser.create().parse_override(f"key={text}").value()


def draws(line: str, algorithm_name: str = "rand", count: int = 40) -> list[Any]:
    """Values of one dimension; the loss of each is the value itself."""
    found = space(line)
    search = Suggester(found, algorithm({"name": algorithm_name}), seed=0)
    (dimension,) = found.dimensions
    drawn = []
    for number in range(count):
        raws = search.suggest(number, 0)
        drawn.append(dimension.distribution.value(raws[dimension.label]))
        search.add(number, raws)
        search.tell(number, float(drawn[-1]))
    return drawn


@given(st.text())
def test_a_string_reads_back_as_it_was(text: str) -> None:
    assert parsed(encode(text)) == text


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
keys = st.from_regex(r"[a-z]{1,8}", fullmatch=True)


@given(st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=6))
def test_a_value_reads_back_as_it_was(value: Any) -> None:
    back = parsed(encode(value))
    assert back == value
    assert type(back) is type(value)


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_strings_of_a_choice_reach_the_job_as_they_were(texts: list[str]) -> None:
    # A lone string may name a distribution of hyperopt's; a second option makes it a plain choice.
    options = ",".join(QuotedString(text, Quote.double).with_quotes() for text in [*texts, "last"])
    jobs = values(f"text=choice({options})")
    assert [OverridesParser.create().parse_override(job[0]).value() for job in jobs] == [*texts, "last"]


@pytest.mark.parametrize("text", ["file1", "a b", "dir/file.txt", "a:b", "01000", "-", "a@b", ""])
def test_a_string_that_needs_no_quotes_gets_none(text: str) -> None:
    assert encode(text) == text


@pytest.mark.parametrize("text", ["a, b", "a=b", "école", "l'atelier", "12", "true", "null", " a", "f(x)", "[a]"])
def test_a_string_that_needs_quotes_gets_them(text: str) -> None:
    assert encode(text) == "'" + text.replace("'", r"\'") + "'"


def test_overrides_keep_their_order_and_their_spelling() -> None:
    assert values("a='x'", "+b=1,2", "~c", "db@x=p,q") == [
        ["a='x'", f"+b={b}", "~c", f"db@x={db}"] for b in (1, 2) for db in "pq"
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("k=range(1,4)", [1, 2, 3]),
        ("k=range(4,1,-1)", [4, 3, 2]),
        ("k=range(0,1,0.5)", [0.0, 0.5]),
        ("k=int(interval(1,3))", [1, 2, 3]),
        ("k=tag(log,int(interval(1,4)))", [1, 2, 3, 4]),
        ("k=tag(log,range(10,40,10))", [10, 20, 30]),
        ("k=tag(log,range(3,0,-1))", [1, 2, 3]),
        ("k=tag(log,range(5,6))", [5]),
        ("k=a,[1,2],null", ["a", [1, 2], None]),
        ("k=sort(3,1,2)", [1, 2, 3]),
        ("k='hp.choice([1, \"a, b\"])'", [1, "a, b"]),
        ("k='hp.randint(3)'", [0, 1, 2]),
        ("k='hp.randint(3, 5)'", [3, 4]),
        ("k='hp.uniformint(1, 3)'", [1, 2, 3]),
        ("k='hp.quniform(0, 1, 0.5)'", [0.0, 0.5, 1.0]),
        ("k='int(hp.quniform(2, 6, 2))'", [2, 4, 6]),
        ('k=\'hp.pchoice([(0.3, "a"), (0.7, "b")])\'', ["a", "b"]),
    ],
)
def test_every_value_of_a_finite_dimension(line: str, expected: list[Any]) -> None:
    (dimension,) = space(line).dimensions
    found = [plain(dimension.distribution.value(raw)) for raw in dimension.distribution.raws or ()]
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


BOUNDS = [
    ("k=interval(-1,2)", -1, 2, float),
    ("k=tag(log,interval(1e-5,1e-1))", 1e-5, 1e-1, float),
    ("k=int(interval(1,3))", 1, 3, int),
    ("k=tag(log,int(interval(1,1000)))", 1, 1000, int),
    ("k=tag(log,range(1000000,0,-1))", 1, 10**6, int),
    ("k=range(3,9,3)", 3, 6, int),
    ("k='hp.uniform(low=0, high=2)'", 0, 2, float),
    ("k='hp.loguniform(-3, 0)'", math.exp(-3), 1, float),
    ("k='int(hp.qloguniform(0, 5, 1))'", 1, 149, int),
    ("k='hp.normal(0, 1)'", -1e6, 1e6, float),
    ("k='hp.qnormal(0, 1, 0.5)'", -1e6, 1e6, float),
    ("k='hp.lognormal(0, 1)'", 0, 1e4, float),
    ("k='hp.qlognormal(mu=0, sigma=1, q=2)'", 0, 1e4, float),
    ("k=choice('hp.uniformint(2, 4)')", 2, 4, int),
    ("k='hp.randint(3, 6)'", 3, 5, int),
    ("k='hp.quniform(1, 2, 0.25)'", 1, 2, float),
    ("k='hp.pchoice([(0.5, 1), (0.5, 2)])'", 1, 2, int),
]


@pytest.mark.parametrize("name", ["rand", "tpe", "anneal"])
@pytest.mark.parametrize(("line", "low", "high", "kind"), BOUNDS)
def test_draws_lie_within_their_bounds(name: str, line: str, low: float, high: float, kind: type) -> None:
    drawn = draws(line, name)
    assert all(type(value) is kind and low <= value <= high for value in drawn)
    assert len(set(drawn)) > 1 or name == "anneal"


def test_the_ends_of_whole_numbers_are_as_likely_as_the_rest() -> None:
    drawn = draws("k=int(interval(1,3))", count=600)
    assert all(150 < drawn.count(number) < 250 for number in (1, 2, 3))


MODELS = {
    "model": "mlp, transformer",
    "lr": "tag(log, interval(0.001, 0.1))",
    "model=transformer": {"layers": "range(1, 3)", "layers=2": {"skip": "true, false"}},
    "model=mlp": {"layers": "5"},
}


def test_conditional_dimensions_are_there_only_with_their_value() -> None:
    params = {key: value for key, value in MODELS.items() if key != "lr"}
    assert values(params=params) == [
        ["model=mlp", "layers=5"],
        ["model=transformer", "layers=1"],
        ["model=transformer", "layers=2", "skip=true"],
        ["model=transformer", "layers=2", "skip=false"],
    ]


def test_conditions_on_the_command_line_are_tags() -> None:
    assert values("model=mlp,cnn,rnn", "k=tag('model=cnn,rnn', range(1,3))") == [
        ["model=mlp"],
        ["model=cnn", "k=1"],
        ["model=cnn", "k=2"],
        ["model=rnn", "k=1"],
        ["model=rnn", "k=2"],
    ]


@pytest.mark.parametrize("name", ["tpe", "anneal", "rand"])
def test_hyperopt_draws_conditional_dimensions_only_where_they_apply(name: str) -> None:
    found = space(**MODELS)
    search = Suggester(found, algorithm({"name": name}), seed=1)
    kinds = set()
    for number in range(40):
        raws = search.suggest(number, 0)
        assert set(raws) == {d.label for d in found.dimensions if found.active(d, raws)}
        search.add(number, raws)
        search.tell(number, float(number % 7))
        kinds.add(frozenset(raws))
    assert len(kinds) == 3


def test_a_fixed_override_decides_a_condition() -> None:
    params = {"model=a": {"k": "range(1,3)"}, "model=b": {"k": "range(7,9)"}}
    assert values("model=b", params=params) == [["k=7", "model=b"], ["k=8", "model=b"]]


def test_a_space_on_the_command_line_replaces_that_of_the_config() -> None:
    assert values("k=1,2", params={"k": "interval(0,1)"}) == [["k=1"], ["k=2"]]


def test_a_narrower_choice_on_the_command_line_drops_what_hangs_on_the_rest() -> None:
    params = {"m": "a, b, c", "m=b,c": {"k": "1, 2"}, "m=b": {"j": "1, 2"}}
    assert values("m=a,c", params=params) == [["m=a"], ["k=1", "m=c"], ["k=2", "m=c"]]


def test_shuffle_follows_the_seed() -> None:
    found = space("k=shuffle(range(0,30))")
    orders = [[found.overrides(point) for point in found.points(seed)] for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(map(str, orders[0])) == sorted(map(str, orders[2]))


def test_probes_see_every_dimension() -> None:
    found = space(**MODELS)
    seen = {label for point in found.probes() for label in point}
    assert seen == {dimension.label for dimension in found.dimensions}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("k=interval(1,1)", "empty"),
        ("k=interval(2,1)", "empty"),
        ("k=range(3,1)", "empty"),
        ("k=range(1,3,0)", "step"),
        ("k=tag(log,interval(0,1))", "above zero"),
        ("k=tag(log,range(0,3))", "above zero"),
        ("k=tag(log,choice(1,2))", "log scale"),
        ("k=tag(lgo,interval(1,2))", "unknown tag lgo"),
        ("k='hp.uniform(1, 0)'", "empty"),
        ("k='hp.normal(0, 0)'", "sigma"),
        ("k='hp.normal(0)'", "takes mu, sigma"),
        ("k='hp.nromal(0, 1)'", "no distribution nromal"),
        ("k='hp.uniform(0, x)'", "plain values"),
        ("k='hp.pchoice([(0.5, 1), (0.6, 2)])'", "sum to 1"),
        ("k='hp.choice([])'", "nothing to choose"),
        ("k=tag('model=a',range(1,3))", "neither searched nor set"),
    ],
)
def test_a_bad_space_is_refused_with_its_override(line: str, reason: str) -> None:
    with pytest.raises(SweepError) as refused:
        space(line)
    assert line in str(refused.value)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "params", "shown"),
    [
        (["k=1", "k=interval(0,1)"], {}, ["k=1", "k=interval(0,1)"]),
        (["k=1"], {"k": "interval(0,1)"}, ["k=1", "k=interval(0,1)"]),
        (["++k=1"], {"k": "interval(0,1)"}, ["++k=1", "k=interval(0,1)"]),
        (["k=1,2", "k=interval(0,1)"], {}, ["k=1,2", "k=interval(0,1)"]),
        (["m=a,b"], {"m=c": {"k": "1,2"}}, ["k=1,2", "no option c"]),
        (["m=a,b"], {"m=a": {"k": "1,2"}, "m=a,b": {"k": "3,4"}}, ["k=1,2", "k=3,4"]),
        (["m=interval(0,1)"], {"m=1": {"k": "1,2"}}, ["k=1,2", "not a choice"]),
        ([], {"a=1": {"b": "1,2"}, "b=1": {"a": "1,2"}}, ["circle"]),
    ],
)
def test_contradictions_are_refused(arguments: list[str], params: dict[str, Any], shown: list[str]) -> None:
    with pytest.raises(SweepError) as refused:
        values(*arguments, params=params)
    assert all(text in str(refused.value) for text in shown)
