//go:build !race

// This computes for long in one goroutine, in which the race detector finds nothing.

package storefront

import (
	"math"
	"testing"
)

// messages are the colours of words about success, faults and notes on light pages, which a brand does not change.
var messages = []Colour{{0x15, 0x62, 0x3a}, {0x9d, 0x1f, 0x1a}, {0x66, 0x47, 0x00}}

// mixed is color-mix(in oklab, a share, b) of the style sheet.
func mixed(a Colour, share float64, b Colour) Colour {
	x, y := a.oklch(), b.oklch()
	l := x.l*share + y.l*(1-share)
	p := x.c*math.Cos(x.h)*share + y.c*math.Cos(y.h)*(1-share)
	q := x.c*math.Sin(x.h)*share + y.c*math.Sin(y.h)*(1-share)
	return oklch{l, math.Hypot(p, q), math.Atan2(q, p)}.colour()
}

// every is colours all over sRGB.
func every(steps int, do func(Colour)) {
	for r := 0; r <= steps; r++ {
		for g := 0; g <= steps; g++ {
			for b := 0; b <= steps; b++ {
				do(Colour{uint8(r * 255 / steps), uint8(g * 255 / steps), uint8(b * 255 / steps)})
			}
		}
	}
}

// Whatever is accepted can be read, light and dark.
func TestEveryAcceptedBrandIsReadable(t *testing.T) {
	t.Parallel()
	accepted, refused := 0, 0
	every(4, func(surface Colour) {
		every(3, func(accent Colour) {
			b := &Brand{Name: "x", Surface: &surface, Accent: &accent}
			if b.checkColours() != nil {
				refused++
				return
			}
			if accepted++; t.Failed() {
				return
			}
			light, dark := b.Light(), b.Dark()
			readablePalette(t, "light", light, mixed(light.Surface, 0.2, white), mixed(light.Ink, 0.05, light.Surface))
			readablePalette(t, "dark", dark, mixed(dark.Surface, 0.95, white), mixed(dark.Ink, 0.1, dark.Surface))
			for _, m := range messages {
				if Contrast(m, surface) < readable {
					t.Errorf("a message in %s on %s: %.2f", m, surface, Contrast(m, surface))
				}
			}
		})
	})
	if accepted < 150 || refused < 300 {
		t.Fatalf("%d accepted, %d refused", accepted, refused)
	}
}

// readablePalette: words are read on the surface and on what the style sheet makes of it, raised and washed. Nothing but words stands on
// a wash.
func readablePalette(t *testing.T, name string, p Palette, grounds ...Colour) {
	t.Helper()
	for _, ground := range append([]Colour{p.Surface}, grounds...) {
		for what, c := range map[string]Colour{"ink": p.Ink, "muted": p.Muted} {
			if ratio := Contrast(c, ground); ratio < readable {
				t.Errorf("%s: %s %s on %s: %.2f (%+v)", name, what, c, ground, ratio, p)
			}
		}
		for what, c := range map[string]Colour{"edge": p.Edge, "accent": p.Accent} {
			if ratio := Contrast(c, ground); ratio < seen && ground != grounds[1] {
				t.Errorf("%s: %s %s on %s: %.2f", name, what, c, ground, ratio)
			}
		}
	}
	for _, pressed := range []Colour{p.Accent, p.AccentPress} {
		if ratio := Contrast(p.OnAccent, pressed); ratio < readable {
			t.Errorf("%s: %s on the accent %s: %.2f", name, p.OnAccent, pressed, ratio)
		}
	}
}
