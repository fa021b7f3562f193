"""Numbers as the Face panel shows and takes them: two decimals, a real minus sign, sums typed in."""

import ast
import math
import operator

from engine.errors import ControlError

MINUS, TIMES = "\u2212", "\u00d7"
MAX_LENGTH = 80
_BINARY = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def format_number(value: float) -> str:
    """`0.32`, `−0.25`, `14.50`, `123.5`: fits the number field, never shows a minus before zero."""
    if not math.isfinite(value):
        return "\u2013"
    decimals = 2 if abs(value) < 99.995 else 1
    text = f"{value:.{decimals}f}"
    if float(text) == 0.0:
        return f"{0:.{decimals}f}"
    return text.replace("-", MINUS)


def format_value(value: float, unit: str) -> str:
    """A control's value as its field shows it: parts of one as percent, milliseconds whole, the rest as numbers."""
    if unit == "%":
        return f"{round(value * 100)}%"
    if unit == "ms":
        return f"{round(value)} ms"
    return format_number(value)


def parse_value(text: str, unit: str) -> float:
    """What was typed into a control's field, in the control's own unit. Raises ControlError like `parse_number`."""
    plain = text.strip().removesuffix("ms") if unit == "ms" else text
    value = parse_number(plain)
    return value / 100 if unit == "%" else value


def parse_number(text: str) -> float:
    """What a typed sum such as `0.2*3`, `−0,5` or `(1+2)/4` comes to.

    Raises:
        ControlError: if the text is no sum, or its result is not a finite number.
    """
    said = text.strip()
    plain = said.replace(MINUS, "-").replace(TIMES, "*").replace(":", "/").rstrip("°%").strip()
    if "," in plain and "." not in plain:
        plain = plain.replace(",", ".")
    if not plain or len(plain) > MAX_LENGTH:
        raise ControlError(f"{said!r} is not a number; type one such as 0.3 or 0.2*3.")
    try:
        value = _value(ast.parse(plain, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError, MemoryError) as error:
        raise ControlError(f"{said!r} is not a number; type one such as 0.3 or 0.2*3.") from error
    if not math.isfinite(value):
        raise ControlError(f"{said!r} comes to no finite number; type one such as 0.3.")
    return value


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd | ast.USub):
        return -_value(node.operand) if isinstance(node.op, ast.USub) else _value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError("not a sum")
