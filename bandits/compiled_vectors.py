"""Vectors inside compiled code: several numbers loaded, worked on and kept at once.

Left to itself the compiler keeps the sums of a product in memory, half of a vector wide,
and steps that take hundreds of nanoseconds then take three times as long
(`tests/benchmarks/bench_simulate.py`). Here a vector is a value that a compiled function
may hold in a variable: arithmetic on it is written as on a number. What a lane holds
depends on nothing in the other lanes, so that the width of a processor's own vectors
changes no bit: the compiler cuts ours to what it has. A product and a sum become one
rounding where `fused` is written, and nowhere else.

Importing this needs numba and llvmlite; only `compiled*.py` do.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils, errors
from numba.np import arrayobj

# Any: what numba hands over while it compiles, and what it is handed, has no types.
_types: Any = types
_tools: Any = cgutils
_arrays: Any = arrayobj
_extending: Any = extending

BYTES = 64
"""Of one vector: what the widest processors take at once."""


class Vector(types.Type):
    """numba's type of so many numbers of one dtype."""

    def __init__(self, dtype: Any, lanes: int) -> None:
        self.dtype, self.lanes = dtype, lanes
        name = f"Vector({dtype} x {lanes})"
        super().__init__(name)


@_extending.register_model(Vector)
class VectorModel(extending.models.PrimitiveModel):
    """A vector as the compiler knows it."""

    def __init__(self, manager: Any, of: Vector) -> None:
        scalar = manager.lookup(of.dtype).get_value_type()
        whole = ir.VectorType(scalar, of.lanes)
        super().__init__(manager, of, whole)  # type: ignore[no-untyped-call]


def _emitted(function: Callable[..., Any]) -> Any:
    """Decorator: what the function builds stands where it is called."""
    # Any: numba's own type has the arguments of the builder, not of what is built.
    return _extending.intrinsic(function)


def _emitted_for_constants(function: Callable[..., Any]) -> Any:
    """The same, and arguments that are constants are known as such."""
    return _extending.intrinsic(prefer_literal=True)(function)


def _vectors(dtype: Any, count: int) -> Vector:
    return Vector(dtype, count * BYTES * 8 // dtype.bitwidth)


def _floating(vector: Any) -> bool:
    return isinstance(vector.dtype, types.Float)


def _pointer(context: Any, builder: Any, array: Any, value: Any, index: Any) -> Any:
    data = _arrays.make_array(array)(context, builder, value).data
    return builder.gep(data, [index])


def _splat(builder: Any, scalar: Any, lanes: int) -> Any:
    kind = ir.VectorType(scalar.type, lanes)
    first = ir.Constant(ir.IntType(32), 0)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, first)
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)


def _named(builder: Any, name: str, args: Any) -> Any:
    """Call a function that the compiler knows by name, on vectors of floats."""
    kind = args[0].type
    bits = {ir.FloatType(): 32, ir.DoubleType(): 64}[kind.element]
    function = _tools.get_or_insert_function(
        builder.module,
        ir.FunctionType(kind, [kind] * len(args)),
        f"llvm.{name}.v{kind.count}f{bits}",
    )
    return builder.call(function, args)


@_emitted_for_constants
def load(typing: Any, array: Any, index: Any, count: Any) -> Any:
    """`count` vectors from array[index] on; count is a constant.

    Args:
        array: 1-D, contiguous, with room for them.
    """
    if not isinstance(count, types.IntegerLiteral) or array.layout != "C":
        raise errors.TypingError("load: needs a contiguous array and a constant count")
    out = _vectors(array.dtype, count.literal_value)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = context.cast(builder, args[1], signature.args[1], types.intp)
        pointer = _pointer(context, builder, array, args[0], at)
        whole = builder.bitcast(pointer, context.get_value_type(out).as_pointer())
        return builder.load(whole, align=array.dtype.bitwidth // 8)

    return out(array, index, count), build


@_emitted
def store(typing: Any, array: Any, index: Any, vector: Any) -> Any:
    """array[index ...] = vector, rounded to the array's dtype."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = context.cast(builder, args[1], signature.args[1], types.intp)
        pointer = _pointer(context, builder, array, args[0], at)
        value = args[2]
        if array.dtype != vector.dtype:
            scalar = context.get_value_type(array.dtype)
            value = builder.fptrunc(value, ir.VectorType(scalar, vector.lanes))
        whole = builder.bitcast(pointer, value.type.as_pointer())
        builder.store(value, whole, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, index, vector), build


@_emitted_for_constants
def splat(typing: Any, scalar: Any, count: Any) -> Any:
    """`count` vectors of one number; count is a constant."""
    dtype = _types.unliteral(scalar)
    out = _vectors(dtype, count.literal_value)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = context.cast(builder, args[0], signature.args[0], dtype)
        return _splat(builder, value, out.lanes)

    return out(scalar, count), build


@_emitted
def alike(typing: Any, scalar: Any, vector: Any) -> Any:
    """The number in every lane of a vector like the other."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = context.cast(builder, args[0], signature.args[0], vector.dtype)
        return _splat(builder, value, vector.lanes)

    return vector(scalar, vector), build


@_emitted_for_constants
def counting(typing: Any, first: Any, count: Any) -> Any:
    """`count` vectors of uint64: first, first + 1, ...; count is a constant."""
    out = _vectors(types.uint64, count.literal_value)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = context.cast(builder, args[0], signature.args[0], types.uint64)
        kind = context.get_value_type(out)
        steps = ir.Constant(kind, list(range(out.lanes)))
        return builder.add(_splat(builder, value, out.lanes), steps)

    return out(first, count), build


@_emitted
def fused(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c with one rounding."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _named(builder, "fma", args)

    return a(a, a, a), build


def _plain(name: str) -> Any:
    """A function of one vector that the compiler knows by that name."""

    @_emitted
    def of_one(typing: Any, vector: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return _named(builder, name, args)

        return vector(vector), build

    return of_one


root_of, floor_of, nearest_of = map(_plain, ("sqrt", "floor", "nearbyint"))
"""Square roots, correctly rounded; the next whole numbers below; and the nearest ones,
of two the even one."""


@_emitted
def bits_of(typing: Any, vector: Any) -> Any:
    """The bits of float64 numbers as uint64."""
    return _seen_as(vector, types.uint64)


@_emitted
def floats_of(typing: Any, vector: Any) -> Any:
    """The float64 numbers of those bits."""
    return _seen_as(vector, types.float64)


def _seen_as(vector: Any, dtype: Any) -> Any:
    out = Vector(dtype, vector.lanes)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(out))

    return out(vector), build


def _chosen(comparison: str) -> Any:
    """Lane by lane x where a (comparison) b, and y elsewhere."""

    @_emitted
    def where(typing: Any, a: Any, b: Any, x: Any, y: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            so = builder.fcmp_ordered(comparison, args[0], args[1])
            return builder.select(so, args[2], args[3])

        return x(a, a, x, x), build

    return where


where_at_least, where_above = _chosen(">="), _chosen(">")
"""(a, b, x, y) -> x where a >= b, or where a > b; and y elsewhere, also beside NaN."""


@_emitted
def largest(typing: Any, vector: Any) -> Any:
    """The largest lane, of numbers without NaN."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value, lanes = args[0], vector.lanes
        nothing = ir.Constant(value.type, ir.Undefined)
        while lanes > 1:
            lanes //= 2
            half = ir.VectorType(ir.IntType(32), lanes)
            low, high = (
                builder.shuffle_vector(
                    value, nothing, ir.Constant(half, list(range(at, at + lanes)))
                )
                for at in (0, lanes)
            )
            nothing = ir.Constant(low.type, ir.Undefined)
            above = builder.fcmp_ordered(">", low, high)
            value = builder.select(above, low, high)
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return vector.dtype(vector), build


@_emitted
def first_of(typing: Any, vector: Any) -> Any:
    """The first lane."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.extract_element(args[0], ir.Constant(ir.IntType(32), 0))

    return vector.dtype(vector), build


def _length(vector: Any) -> Callable[..., Any] | None:
    if not isinstance(vector, Vector):
        return None
    lanes = vector.lanes
    return lambda vector: lanes


_extending.overload(len, strict=False)(_length)


@_emitted
def reaching(typing: Any, vector: Any, least: Any) -> Any:
    """Which lanes are at least a number, as the bits of a uint64, the first lowest."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        low = _splat(builder, args[1], vector.lanes)
        so = builder.fcmp_ordered(">=", args[0], low)
        mask = builder.bitcast(so, ir.IntType(vector.lanes))
        return builder.zext(mask, ir.IntType(64))

    return types.uint64(vector, vector.dtype), build


@_emitted
def how_many(typing: Any, mask: Any) -> Any:
    """Bits that are set in a uint64."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), build


@_emitted
def lowest(typing: Any, mask: Any) -> Any:
    """The place of the lowest bit set in a uint64, from 0; 64 where none is."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], _tools.false_bit)

    return types.int64(types.uint64), build


def _woven(second_half: bool) -> Any:
    @_emitted
    def weave(typing: Any, even: Any, odd: Any) -> Any:
        lanes = even.lanes
        begin = lanes // 2 if second_half else 0
        order = [
            lane + side
            for lane in range(begin, begin + lanes // 2)
            for side in (0, lanes)
        ]

        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            places = ir.Constant(ir.VectorType(ir.IntType(32), lanes), order)
            return builder.shuffle_vector(args[0], args[1], places)

        return even(even, even), build

    return weave


woven_first, woven_second = _woven(False), _woven(True)
"""(even, odd) -> even[0], odd[0], even[1], ...: the first vector of it, and the second."""


def _operation(of_floats: str | None, of_words: str | None) -> Any:
    @_emitted
    def lane_by_lane(typing: Any, a: Any, b: Any) -> Any:
        name = of_floats if _floating(a) else of_words
        if name is None or a != b:
            raise errors.TypingError(f"no such operation on {a} and {b}")

        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, name)(*args)

        return a(a, a), build

    return lane_by_lane


def _teach(symbol: Any, of_floats: str | None, of_words: str | None) -> None:
    """Let an operator take two vectors, or a vector and a number on either side."""
    lane_by_lane = _operation(of_floats, of_words)

    def operate(a: Any, b: Any) -> Callable[..., Any] | None:
        if isinstance(a, Vector) and isinstance(b, Vector):
            return lambda a, b: lane_by_lane(a, b)
        if isinstance(a, Vector) and isinstance(b, types.Number):
            return lambda a, b: lane_by_lane(a, alike(b, a))
        if isinstance(a, types.Number) and isinstance(b, Vector):
            return lambda a, b: lane_by_lane(alike(a, b), b)
        return None

    _extending.overload(symbol, strict=False)(operate)


_teach(operator.add, "fadd", "add")
_teach(operator.sub, "fsub", "sub")
_teach(operator.mul, "fmul", "mul")
_teach(operator.truediv, "fdiv", None)
_teach(operator.and_, None, "and_")
_teach(operator.or_, None, "or_")
_teach(operator.xor, None, "xor")
_teach(operator.lshift, None, "shl")
_teach(operator.rshift, None, "lshr")
