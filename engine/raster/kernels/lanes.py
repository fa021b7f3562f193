"""Sixteen float32 at a time inside numba: the vector type the blending loops are written in.

The compiler's own vectorizer gives up on loops that update several arrays at once, so the loops say it outright. One
`Lanes` value is LLVM's `<16 x float>`: one register with AVX-512, two with AVX2, four with SSE or NEON.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic, models, overload, register_model

N_LANES = 16
FLOATS = ir.VectorType(ir.FloatType(), N_LANES)
INTS = ir.VectorType(ir.IntType(32), N_LANES)
BITS = ir.VectorType(ir.IntType(1), N_LANES)
EXP2 = (0.999997385, 0.693029973, 0.239340391, 0.0530732687, 0.00676675812)
"""Minimax quartic of 2 ** x on [-1, 0]: relative error at most 2.6e-6 in exact arithmetic."""


class LanesType(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Lanes")


class MaskType(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Mask")


lanes = LanesType()
mask = MaskType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind) -> None:
        super().__init__(manager, kind, FLOATS)


@register_model(MaskType)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager, kind) -> None:
        super().__init__(manager, kind, BITS)


@intrinsic
def spread(typing_context, value):
    """One float32 in all lanes."""
    return lanes(types.float32), lambda _c, builder, _s, args: _spread(builder, args[0])


@intrinsic
def load(typing_context, array, index):
    """The 16 values of a float32 array from `index` on; nothing checks the bounds."""

    def generate(context, builder, signature, args):
        return builder.load(_pointer(context, builder, array, args[:2], FLOATS), align=4)

    return lanes(array, types.intp), generate


@intrinsic
def store(typing_context, array, index, value):
    """Writes 16 values from `index` on."""

    def generate(context, builder, signature, args):
        builder.store(args[2], _pointer(context, builder, array, args[:2], FLOATS), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


@intrinsic
def store_block_bits(typing_context, array, firsts, lasts, column):
    """Which 4x4 blocks of four tiles are covered, as 16 bits a tile, into four entries of an int32 array.

    Lane r is the r-th band of four pixel rows; it covers the blocks from `firsts` to before `lasts` (whole numbers
    after rounding towards zero, not negative) of the picture; `column` is the column of tiles asked for.
    """

    def generate(context, builder, signature, args):
        def every(value):
            return ir.Constant(INTS, [ir.Constant(ir.IntType(32), value)] * N_LANES)

        def clamped(value):
            value = builder.sub(value, start)
            value = builder.select(builder.icmp_signed(">", value, every(0)), value, every(0))
            return builder.select(builder.icmp_signed("<", value, every(4)), value, every(4))

        def moved(value, by):
            order = ir.Constant(INTS, [ir.Constant(ir.IntType(32), (i + by) % N_LANES) for i in range(N_LANES)])
            return builder.shuffle_vector(value, value, order)

        start = _spread(builder, builder.mul(args[3], ir.Constant(ir.IntType(32), 4)), INTS)
        first = clamped(builder.fptosi(args[1], INTS))
        last = clamped(builder.fptosi(args[2], INTS))
        bits = builder.sub(builder.shl(every(1), last), builder.shl(every(1), first))
        bits = builder.select(builder.icmp_signed(">", last, first), bits, every(0))
        shifts = ir.Constant(INTS, [ir.Constant(ir.IntType(32), 4 * (i % 4)) for i in range(N_LANES)])
        bits = builder.shl(bits, shifts)
        bits = builder.or_(bits, moved(bits, 1))
        bits = builder.or_(bits, moved(bits, 2))
        four = ir.Constant(ir.VectorType(ir.IntType(32), 4), [ir.Constant(ir.IntType(32), 4 * i) for i in range(4)])
        pointer = _pointer(context, builder, array, args[:1], ir.VectorType(ir.IntType(32), 4))
        builder.store(builder.shuffle_vector(bits, bits, four), pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, lanes, lanes, types.int32), generate


def _binary(instruction: str):
    @intrinsic
    def operation(typing_context, first, second):
        def generate(context, builder, signature, args):
            return getattr(builder, instruction)(args[0], args[1], flags=("fast",))

        return lanes(lanes, lanes), generate

    return operation


add, subtract, multiply, divide = _binary("fadd"), _binary("fsub"), _binary("fmul"), _binary("fdiv")


def _compared(relation: str):
    @intrinsic
    def operation(typing_context, first, second):
        return mask(lanes, lanes), lambda _c, builder, _s, args: builder.fcmp_ordered(relation, args[0], args[1])

    return operation


at_least, below = _compared(">="), _compared("<")


@intrinsic
def both(typing_context, first, second):
    """Where both masks are set."""
    return mask(mask, mask), lambda _c, builder, _s, args: builder.and_(args[0], args[1])


@intrinsic
def choose(typing_context, condition, chosen, otherwise):
    """`chosen` where the mask is set, else `otherwise`."""
    return lanes(mask, lanes, lanes), lambda _c, builder, _s, args: builder.select(*args)


@intrinsic
def any_set(typing_context, condition):
    """Whether any lane of the mask is set."""

    def generate(context, builder, signature, args):
        bits = builder.bitcast(args[0], ir.IntType(N_LANES))
        return builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(N_LANES), 0))

    return types.boolean(mask), generate


@intrinsic
def least(typing_context, first, second):
    """The smaller of each pair of lanes."""

    def generate(context, builder, signature, args):
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[0], args[1])

    return lanes(lanes, lanes), generate


@intrinsic
def most(typing_context, first, second):
    """The larger of each pair of lanes."""

    def generate(context, builder, signature, args):
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[0], args[1])

    return lanes(lanes, lanes), generate


@intrinsic
def negative(typing_context, value):
    """Minus the size of each lane."""

    def generate(context, builder, signature, args):
        sign = ir.Constant(INTS, [ir.Constant(ir.IntType(32), -(2**31))] * N_LANES)
        return builder.bitcast(builder.or_(builder.bitcast(args[0], INTS), sign), FLOATS)

    return lanes(lanes), generate


@intrinsic
def size(typing_context, value):
    """Each lane without its sign."""

    def generate(context, builder, signature, args):
        rest = ir.Constant(INTS, [ir.Constant(ir.IntType(32), 2**31 - 1)] * N_LANES)
        return builder.bitcast(builder.and_(builder.bitcast(args[0], INTS), rest), FLOATS)

    return lanes(lanes), generate


@intrinsic
def square_root(typing_context, value):
    """The square root of each lane."""

    def generate(context, builder, signature, args):
        function = get_or_insert_function(builder.module, ir.FunctionType(FLOATS, [FLOATS]), "llvm.sqrt.v16f32")
        return builder.call(function, args, fastmath=("fast",))

    return lanes(lanes), generate


@intrinsic
def total(typing_context, value):
    """The sum of all lanes."""

    def generate(context, builder, signature, args):
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType(), FLOATS])
        function = get_or_insert_function(builder.module, kind, "llvm.vector.reduce.fadd.v16f32")
        return builder.call(function, [ir.Constant(ir.FloatType(), 0.0), args[0]], fastmath=("fast",))

    return types.float32(lanes), generate


@intrinsic
def exp2_below_one(typing_context, value):
    """2 ** x for -126 < x <= 0, within 4e-6 of its value: a quartic for the fraction, the exponent by addition."""

    def generate(context, builder, signature, args):
        whole = builder.fptosi(args[0], INTS)
        part = builder.fsub(args[0], builder.sitofp(whole, FLOATS))
        power = _constant(EXP2[-1])
        for coefficient in EXP2[-2::-1]:
            product = builder.fmul(power, part, flags=("contract",))
            power = builder.fadd(product, _constant(coefficient), flags=("contract",))
        exponent = builder.shl(whole, ir.Constant(INTS, [ir.Constant(ir.IntType(32), 23)] * N_LANES))
        return builder.bitcast(builder.add(builder.bitcast(power, INTS), exponent), FLOATS)

    return lanes(lanes), generate


def _ramp(values: list[float]):
    @intrinsic
    def ramp(typing_context):
        return lanes(), lambda _c, _b, _s, _a: ir.Constant(FLOATS, [ir.Constant(ir.FloatType(), v) for v in values])

    return ramp


lane_numbers = _ramp([float(i) for i in range(16)])


@intrinsic
def lowest_bit(typing_context, bits):
    """The number of the lowest set bit of a non-zero int32."""

    def generate(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int32(types.int32), generate


@intrinsic
def fetch(typing_context, array, index):
    """Asks for the cache line at the flat `index` of a contiguous array, to be there when it is read soon."""

    def generate(context, builder, signature, args):
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        data = context.make_array(array)(context, builder, args[0]).data
        address = builder.bitcast(builder.gep(data, args[1:]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [address, *(ir.Constant(number, value) for value in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@intrinsic
def next_number(typing_context, counter):
    """Adds one to the first entry of an int64 array, atomically, and returns what it was: threads share work by it."""

    def generate(context, builder, signature, args):
        array = context.make_array(counter)(context, builder, args[0])
        return builder.atomic_rmw("add", array.data, ir.Constant(ir.IntType(64), 1), "monotonic")

    return types.int64(counter), generate


def _overload(symbol, operation) -> None:
    def typed(first, second):
        if first is lanes and second is lanes:
            return lambda first, second: operation(first, second)
        if first is lanes and isinstance(second, types.Float):
            return lambda first, second: operation(first, spread(second))
        if second is lanes and isinstance(first, types.Float):
            return lambda first, second: operation(spread(first), second)
        return None

    overload(symbol, inline="always")(typed)


for _symbol, _operation in (
    (operator.add, add), (operator.sub, subtract), (operator.mul, multiply), (operator.truediv, divide),
):  # fmt: skip
    _overload(_symbol, _operation)


def _constant(value: float) -> ir.Constant:
    return ir.Constant(FLOATS, [ir.Constant(ir.FloatType(), value)] * N_LANES)


def _spread(builder, value, kind=FLOATS):
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(INTS, [ir.Constant(ir.IntType(32), 0)] * N_LANES)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)


def _pointer(context, builder, array, args, kind):
    """Where the vector begins: `args` are the array and, unless it is the beginning, the index."""
    data = context.make_array(array)(context, builder, args[0]).data
    return builder.bitcast(builder.gep(data, args[1:]) if len(args) > 1 else data, kind.as_pointer())
