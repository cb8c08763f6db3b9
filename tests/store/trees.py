"""Trees of values for tests: how to draw them, and whether two are the same, types and bits included."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

_DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?"),
    hnp.complex_number_dtypes(),
    hnp.unicode_string_dtypes(max_len=5),
    hnp.byte_string_dtypes(max_len=5),
    hnp.datetime64_dtypes(),
)
ARRAYS = _DTYPES.flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=3))
)
_SCALARS = _DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, ())).map(lambda array: array[()])
_KEYS = st.one_of(
    st.text(max_size=5),
    st.just("$"),
    st.integers(),
    st.none(),
    st.booleans(),
    st.binary(max_size=3),
    st.tuples(st.integers(), st.text(max_size=2)),
)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=2**63, max_value=2**200),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=10),
    st.binary(max_size=10),
    st.binary(max_size=10).map(bytearray),
    st.frozensets(st.integers() | st.text(max_size=3), max_size=4),
    ARRAYS,
    _SCALARS,
)
TREES = st.recursive(
    st.dictionaries(_KEYS, _LEAVES, max_size=4) | st.lists(_LEAVES, max_size=4),
    lambda inner: st.one_of(
        st.lists(inner | _LEAVES, max_size=3),
        st.lists(inner | _LEAVES, max_size=3).map(tuple),
        st.dictionaries(_KEYS, inner | _LEAVES, max_size=3),
    ),
    max_leaves=8,
)


def same(left, right):
    """Whether they are alike to the last bit."""
    if type(left) is not type(right):
        return False
    if isinstance(left, (np.ndarray, np.generic)):
        return (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())
    if isinstance(left, dict):
        keys = len(left) == len(right) and all(map(same, left, right))
        return keys and all(map(same, left.values(), right.values()))
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, (float, complex)):
        return repr(left) == repr(right)  # NaN, -0.0
    return left == right
