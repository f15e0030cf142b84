"""The linear program of a mix: its matrices against ones written out by hand."""

import numpy as np

from hwmodel.analytic.linear_programs import WITHOUT_END, MixProgram, maximize


def test_variables_stand_in_their_order():
    program = MixProgram(3, 2, 2, 1)  # levels 0 and 1, hops 2 and 3, landing 4
    program.fix(0, 1.5)
    program.fix(1, 2.0, level=1, by_level=3.0)
    assert program.free({2: 1.0}, 7.0) == 5
    assert program.constant.tolist() == [1.5, 2.0, 0.0]
    assert program.matrix().tolist() == [[0] * 6, [0, 3, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]]
    assert program.hops().tolist() == [[0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0]]
    assert program.landings().tolist() == [[0, 0, 0, 0, 1, 0]]


def test_bounds_are_kept_but_for_those_without_end():
    program = MixProgram(2, 1, 0, 0)
    program.bound({0: 1.0}, 4.0)
    first, second = program.free({0: 1.0}, WITHOUT_END), program.free({1: 1.0}, 6.0)
    program.bound({first: 1.0, second: 1.0, 0: -2.0}, 0.5)
    program.bound({first: 1.0}, WITHOUT_END)
    coefficients, most = program.bounds()
    assert coefficients.tolist() == [[1, 0, 0], [0, 0, 1], [-2, 1, 1]]
    assert most.tolist() == [4, 6, 0.5]


def test_a_bound_of_0_is_a_bound():
    program = MixProgram(1, 1, 0, 0)
    program.bound({0: 1.0}, 0.0)
    assert program.bounds()[1].tolist() == [0.0]


def test_a_stream_that_is_fixed_again_forgets_its_turns():
    program = MixProgram(1, 1, 0, 0)
    program.fix(0, 1.0, 0, 2.0)
    program.fix(0, 3.0)
    assert program.constant.tolist() == [3.0] and program.matrix().tolist() == [[0.0]]


def test_nothing_has_matrices_too():
    program = MixProgram(0, 1, 0, 0)
    coefficients, most = program.bounds()
    assert program.matrix().shape == (0, 1) and program.hops().shape == (0, 1)
    assert coefficients.shape == (0, 1) and most.shape == (0,)


def test_turns_that_end_at_a_full_resource():
    # Two senders with weights 1 and 2 share a resource that holds 6, from level 0.5 on; a free one has at most 1 of it.
    program = MixProgram(3, 1, 0, 0)
    program.fix(0, 0.5, 0, 1.0)
    program.fix(1, 1.0, 0, 2.0)
    program.free({2: 1.0}, 1.0)
    program.bound({0: 1.0}, 10.0)
    coefficients, most = program.bounds()
    by_variable = program.matrix()
    value, uses = np.array([1.0, 1.0, 5.0]) @ by_variable, np.vstack([np.ones(3) @ by_variable, coefficients])
    solved = maximize(value, uses, np.concatenate([[6 - program.constant.sum()], most]))
    assert solved is not None
    found, _ = solved
    # 5 are left for the two, in parts of 1 to 2.
    assert np.allclose(program.constant + by_variable @ found, [5 / 3, 10 / 3, 1])
