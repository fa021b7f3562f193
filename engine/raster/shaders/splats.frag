#version 330
// Premultiplied colour and alpha of one splat at one pixel.

flat in vec2 middle;
flat in vec4 power;
flat in vec3 tint;

out vec4 pixel;

void main() {
    vec2 d = gl_FragCoord.xy - middle;
    float alpha = min(exp2((power.x * d.x + power.y * d.y) * d.x + power.z * d.y * d.y + power.w), 0.999);
    if (alpha < 1.0 / 255.0) discard;
    pixel = vec4(tint * alpha, alpha);
}
