"""Products of bytes inside numba: 64 multiplications an instruction where the processor has AVX-512 VNNI.

Only processors for which `engine.device.has_byte_products` may compile what stands here.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

ROWS = 6
"""Rows multiplied at once: with 64 outputs they fill 24 of the 32 registers."""

OUTPUTS = 64
GROUP = 4
"""Inputs summed by one instruction in each of its 16 lanes."""

_BYTE, _INT = ir.IntType(8), ir.IntType(32)
_INTS, _FLOATS = ir.VectorType(_INT, 16), ir.VectorType(ir.FloatType(), 16)
_WORDS = ir.VectorType(ir.IntType(16), 32)
_N_VECTORS = OUTPUTS // 16


@intrinsic
def multiply_bytes(typing_context, inputs, weights, panel, sums):
    """Writes `inputs @ weights` of `ROWS` rows and one panel of `OUTPUTS` outputs into `sums`, as float32.

    Args:
        inputs: uint8 `[ROWS, K]`, K a multiple of `GROUP`.
        weights: int8 `[panels, K / GROUP, OUTPUTS, GROUP]`.
        panel: which one.
        sums: float32 `[ROWS, OUTPUTS]`.
    """

    def generate(context, builder, signature, args):
        rows, packed, out = (context.make_array(signature.args[i])(context, builder, args[i]) for i in (0, 1, 3))
        size = args[2].type

        def number(value):
            return ir.Constant(size, value)

        n_inputs = cgutils.unpack_tuple(builder, rows.shape)[1]
        n_groups = builder.udiv(n_inputs, number(GROUP))
        first = builder.mul(args[2], builder.mul(n_groups, number(OUTPUTS * GROUP)))
        sums_at = [[cgutils.alloca_once_value(builder, ir.Constant(_INTS, [0] * 16)) for _ in range(_N_VECTORS)]
                   for _ in range(ROWS)]  # fmt: skip
        product = get_or_insert_function(
            builder.module, ir.FunctionType(_INTS, [_INTS] * 3), "llvm.x86.avx512.vpdpbusd.512"
        )
        with cgutils.for_range(builder, n_groups) as loop:
            at = builder.add(first, builder.mul(loop.index, number(OUTPUTS * GROUP)))
            columns = [_load(builder, packed.data, builder.add(at, number(64 * v)), _INTS) for v in range(_N_VECTORS)]
            for r in range(ROWS):
                place = builder.add(builder.mul(n_inputs, number(r)), builder.mul(loop.index, number(GROUP)))
                four = _spread(builder, _load(builder, rows.data, place, _INT))
                for v in range(_N_VECTORS):
                    total = builder.call(product, [builder.load(sums_at[r][v]), four, columns[v]])
                    builder.store(total, sums_at[r][v])
        for r in range(ROWS):
            for v in range(_N_VECTORS):
                value = builder.sitofp(builder.load(sums_at[r][v]), _FLOATS)
                pointer = builder.gep(out.data, [number(r * OUTPUTS + v * 16)])
                builder.store(value, builder.bitcast(pointer, _FLOATS.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(inputs, weights, types.intp, sums), generate


@intrinsic
def rectified_bytes(typing_context, words, at, shift, scale, out, to):
    """32 values of a layer's input as bytes: `max(words + shift, 0) * scale / 2^15`, rounded; they must be below 256.

    `words`, `shift` and `scale` are int16 arrays (read from `at`, from `at % len` and there), `out` is uint8, filled
    from `to` on.
    """

    def generate(context, builder, signature, args):
        first, moved, factor, target = (
            context.make_array(signature.args[i])(context, builder, args[i]) for i in (0, 2, 3, 4)
        )
        column = builder.urem(args[1], cgutils.unpack_tuple(builder, moved.shape)[0])
        kind = ir.FunctionType(_WORDS, [_WORDS] * 2)
        add = get_or_insert_function(builder.module, kind, "llvm.sadd.sat.v32i16")
        times = get_or_insert_function(builder.module, kind, "llvm.x86.avx512.pmul.hr.sw.512")
        zero = ir.Constant(_WORDS, [0] * 32)
        value = builder.call(add, [_load(builder, first.data, args[1], _WORDS, 2),
                                   _load(builder, moved.data, column, _WORDS, 2)])  # fmt: skip
        value = builder.select(builder.icmp_signed(">", value, zero), value, zero)
        value = builder.call(times, [value, _load(builder, factor.data, column, _WORDS, 2)])
        kind = ir.VectorType(_BYTE, 32)
        pointer = builder.bitcast(builder.gep(target.data, [args[5]]), kind.as_pointer())
        builder.store(builder.trunc(value, kind), pointer, align=1)
        return context.get_dummy_value()

    return types.void(words, types.intp, shift, scale, out, types.intp), generate


def _load(builder, data, index, kind, align=1):
    return builder.load(builder.bitcast(builder.gep(data, [index]), kind.as_pointer()), align=align)


def _spread(builder, value):
    one = builder.insert_element(ir.Constant(_INTS, ir.Undefined), value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(one, ir.Constant(_INTS, ir.Undefined), ir.Constant(_INTS, [0] * 16))
