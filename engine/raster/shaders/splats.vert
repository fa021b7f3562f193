#version 330
// One splat as a quad round the ellipse in which its alpha reaches 1/255.

uniform vec2 size;           // picture, pixels

in vec2 corner;              // -1 or 1
in vec2 center;              // pixels, y down
in vec3 curve;               // a, b, c: alpha = 2 ^ (a dx^2 + b dx dy + c dy^2 + log2_opacity)
in float log2_opacity;
in vec3 color;

flat out vec2 middle;
flat out vec4 power;
flat out vec3 tint;

const float LOG2_255 = 7.9943534;

void main() {
    // principal axes of the quadratic form -(a, b/2; b/2, c)
    float mean = -0.5 * (curve.x + curve.z);
    float half_difference = 0.5 * (curve.z - curve.x);
    float spread = sqrt(half_difference * half_difference + 0.25 * curve.y * curve.y);
    float large = mean + spread;
    float small = max((curve.x * curve.z - 0.25 * curve.y * curve.y) / large, 1e-12);
    vec2 axis = vec2(half_difference + spread, -0.5 * curve.y);
    axis = half_difference < 0.0 ? vec2(-0.5 * curve.y, spread - half_difference) : axis;
    axis = dot(axis, axis) > 0.0 ? normalize(axis) : vec2(1.0, 0.0);
    float room = max(log2_opacity + LOG2_255, 0.0);
    vec2 reach = sqrt(vec2(room / large, room / small)) + 0.5;
    vec2 place = center + corner.x * reach.x * axis + corner.y * reach.y * vec2(-axis.y, axis.x);
    middle = center;
    power = vec4(curve, log2_opacity);
    tint = color;
    // the picture's first row is the framebuffer's first row: y stays down
    gl_Position = vec4(2.0 * place / size - 1.0, 0.0, 1.0);
}
