package storefront

import (
	"math"
	"testing"
)

func mustColour(t testing.TB, s string) Colour {
	t.Helper()
	c, err := parseColour(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Figures of other tools for the formula of WCAG 2.
func TestContrastIsThatOfWCAG(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"#000000", "#ffffff", 21}, {"#ffffff", "#ffffff", 1}, {"#777777", "#ffffff", 4.478}, {"#767676", "#ffffff", 4.542},
		{"#ff0000", "#ffffff", 3.998}, {"#0000ff", "#ffffff", 8.592}, {"#ffff00", "#ffffff", 1.074},
	} {
		for _, got := range []float64{Contrast(mustColour(t, c.a), mustColour(t, c.b)), Contrast(mustColour(t, c.b), mustColour(t, c.a))} {
			if math.Abs(got-c.want) > 0.001 {
				t.Errorf("%s on %s: %.3f, want %.3f", c.a, c.b, got, c.want)
			}
		}
	}
}

// Figures of the CSS Color 4 specification's own code.
func TestOKLCH(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		colour  string
		l, c, h float64
	}{
		{"#ffffff", 1, 0, 0}, {"#000000", 0, 0, 0}, {"#ff0000", 0.6280, 0.2577, 29.23}, {"#0000ff", 0.4520, 0.3132, 264.05}, {"#00ff00", 0.8664, 0.2948, 142.50},
	} {
		got := mustColour(t, c.colour).oklch()
		degrees := math.Mod(got.h*180/math.Pi+360, 360)
		if math.Abs(got.l-c.l) > 0.001 || math.Abs(got.c-c.c) > 0.001 || c.c > 0 && math.Abs(degrees-c.h) > 0.5 {
			t.Errorf("%s is l %.4f c %.4f h %.2f, want %+v", c.colour, got.l, got.c, degrees, c)
		}
	}
}

func TestEveryColourComesBackFromOKLCH(t *testing.T) {
	t.Parallel()
	apart := func(a, b uint8) int { return max(int(a)-int(b), int(b)-int(a)) }
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				c := Colour{uint8(r), uint8(g), uint8(b)}
				if back := c.oklch().colour(); apart(back.R, c.R) > 2 || apart(back.G, c.G) > 2 || apart(back.B, c.B) > 2 {
					t.Fatalf("%s comes back as %s", c, back)
				}
			}
		}
	}
}

func TestColoursAreSixDigits(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "red", "#fff", "#ffffff0", "#fffffg", "ffffff", "#+fffff", "#ffffff;}", "#1_2345", "rgb(0,0,0)"} {
		if c, err := parseColour(s); err == nil {
			t.Errorf("%q is %s", s, c)
		}
	}
	if c := mustColour(t, "#0aBC1d"); c != (Colour{0x0a, 0xbc, 0x1d}) || c.String() != "#0abc1d" {
		t.Errorf("%s", c)
	}
}
