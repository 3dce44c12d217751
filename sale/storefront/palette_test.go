package storefront

import (
	"strings"
	"testing"
)

// grounds are what the shop's own style sheet puts words on beside the surface, and which a brand does not change.
var (
	lightGrounds = []Colour{{0xff, 0xff, 0xff}}
	darkGrounds  = []Colour{{0x1e, 0x1c, 0x1a}, {0x29, 0x26, 0x23}}
	// messages are the colours of words about success, faults and notes on light pages.
	messages = []Colour{{0x17, 0x68, 0x3a}, {0xa3, 0x20, 0x1b}, {0x6b, 0x4a, 0x00}}
)

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
			readablePalette(t, "light", b.Light(), lightGrounds)
			readablePalette(t, "dark", b.Dark(), darkGrounds)
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

func readablePalette(t *testing.T, name string, p Palette, grounds []Colour) {
	t.Helper()
	for _, ground := range append([]Colour{p.Surface}, grounds...) {
		for what, c := range map[string]Colour{"ink": p.Ink, "muted": p.Muted, "accent": p.Accent} {
			if ratio := Contrast(c, ground); ratio < readable {
				t.Errorf("%s: %s %s on %s: %.2f (%+v)", name, what, c, ground, ratio, p)
			}
		}
		if ratio := Contrast(p.Edge, ground); ratio < 3 {
			t.Errorf("%s: edge %s on %s: %.2f", name, p.Edge, ground, ratio)
		}
	}
	for _, pressed := range []Colour{p.Accent, p.AccentPress} {
		if ratio := Contrast(p.OnAccent, pressed); ratio < readable {
			t.Errorf("%s: %s on the accent %s: %.2f", name, p.OnAccent, pressed, ratio)
		}
	}
}

// A refusal has the figures, and a colour that is then accepted.
func TestRefusedColours(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ fields, says, field string }{
		{"accent #ffcc00", "accent is #ffcc00, and its contrast to the surface #faf9f7 is 1.43:1; it must be at least 4.50:1, as ", "accent"},
		{"accent #777777 surface #ffffff", "accent is #777777, and its contrast to the surface #ffffff is 4.47:1", "accent"},
		{"ink #999999", "ink is #999999, and its contrast to the surface", "ink"},
		{"accent #0044cc accentText #003399", "accentText is #003399, and its contrast to the accent #0044cc is", "accentText"},
		{"surface #333333 accent #000000", "surface is #333333, with a luminance of 0.03; it must be at least 0.66, as ", "surface"},
	} {
		in := map[string]string{"name": "x"}
		words := strings.Fields(c.fields)
		for i := 0; i < len(words); i += 2 {
			in[words[i]] = words[i+1]
		}
		_, err := fromFields(in)
		if err == nil || !strings.HasPrefix(err.Error(), c.says) {
			t.Errorf("%s: %v", c.fields, err)
			continue
		}
		_, after, _ := strings.Cut(err.Error(), ", as ")
		in[c.field] = after[:len("#000000")]
		if _, err := fromFields(in); err != nil {
			t.Errorf("%s: the proposal is refused: %v", c.fields, err)
		}
	}
}

func TestTheDarkPaletteKeepsHues(t *testing.T) {
	t.Parallel()
	accent, surface := mustColour(t, "#0b4fd8"), mustColour(t, "#eef4ff")
	b := &Brand{Name: "x", Accent: &accent, Surface: &surface}
	dark := b.Dark()
	if d := dark.Accent; d.B <= d.R || d.B <= d.G {
		t.Errorf("the blue accent is %s in the dark", d)
	}
	if d := dark.Surface; d.luminance() > 0.02 || d.B < d.R {
		t.Errorf("the surface is %s in the dark", d)
	}
}
